// Small drawn signs for states. Each has its own shape: colour only repeats what the shape says.
// They carry no text: a word always stands beside them, or in the label of what they are part of.

import type { VmView } from '#proto/api.ts'
import type { MigrationPhase, NodePhase, VmPhase } from '#proto/state.ts'
import type { EventTone } from '../cluster-model.ts'

export type SignName =
  | 'on'
  | 'wait'
  | 'pause'
  | 'move'
  | 'again'
  | 'off'
  | 'bad'
  | 'dot'
  | 'unknown'

/** Paths in a square of 12 × 12. */
const shapes: Readonly<Record<SignName, string>> = {
  on: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z',
  wait: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zm0 1.6a2.9 2.9 0 1 1 0 5.8a2.9 2.9 0 1 1 0-5.8z',
  pause: 'M2.5 1.8h2.4v8.4H2.5zM7.1 1.8h2.4v8.4H7.1z',
  move: 'M1 4.9h5.2V2l4.8 4l-4.8 4V7.1H1z',
  again: 'M6 1.2A4.8 4.8 0 1 0 10.8 6H9.2A3.2 3.2 0 1 1 6 2.8V4.9L9.7 2L6 -.7z',
  off: 'M2.2 2.2h7.6v7.6H2.2z',
  bad: 'M6 .8L11.6 10.8H.4zM5.3 4.2v3.4h1.4V4.2zM5.3 8.4v1.3h1.4V8.4z',
  unknown:
    'M2.2 3.9a3.8 3.8 0 1 1 5.6 3.3c-.7.4-.9.7-.9 1.3H5.1c0-1.6.7-2.3 1.7-2.9' +
    'a2 2 0 1 0-2.8-1.7zM5.1 9.4h1.9v1.9H5.1z',
  dot: 'M6 4.2a1.8 1.8 0 1 0 0 3.6a1.8 1.8 0 1 0 0-3.6z',
}

export function Sign({ name }: { name: SignName }) {
  return (
    <svg class={`sign ${name}`} viewBox="0 -1 12 13" aria-hidden="true" focusable="false">
      <path d={shapes[name]} fill-rule="evenodd" />
    </svg>
  )
}

const vmSigns: Readonly<Record<VmPhase, SignName>> = {
  pending: 'wait',
  starting: 'wait',
  running: 'on',
  paused: 'pause',
  migrating: 'move',
  recovering: 'again',
  stopping: 'wait',
  stopped: 'off',
  failed: 'bad',
}
export const vmSign = ({ phase, isUnknown }: VmView): SignName =>
  isUnknown ? 'unknown' : vmSigns[phase]
export const nodeSigns: Readonly<Record<NodePhase, SignName>> = {
  online: 'on',
  suspect: 'wait',
  unreachable: 'wait',
  fencing: 'wait',
  fenced: 'bad',
  gone: 'off',
}
export const migrationSigns: Readonly<Record<MigrationPhase, SignName>> = {
  queued: 'wait',
  copying: 'move',
  switching: 'move',
  resolving: 'again',
  paging: 'move',
  done: 'on',
  failed: 'bad',
  cancelled: 'off',
}
export const toneSigns: Readonly<Record<EventTone, SignName>> = {
  good: 'on',
  bad: 'bad',
  doubt: 'wait',
  move: 'move',
  plain: 'dot',
}
