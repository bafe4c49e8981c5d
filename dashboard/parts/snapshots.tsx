// The snapshots of a VM: when each was taken, which of them the VM came from, and the way back to
// one. Asked of the coordinator while it is open. Not here: taking one (vm-actions.tsx), what one
// is (docs/snapshots.md).

import { useEffect, useRef, useState } from 'preact/hooks'
import { z } from 'zod'
import { SnapshotView, type VmView } from '#proto/api.ts'
import { bytesText } from '#proto/quantity.ts'
import { mayAct } from '#proto/state.ts'
import { begin, dropRow, isMine, ofVm, restoreRow } from '../actions.ts'
import { ask, isRefused } from '../asking.ts'
import { keepAsked } from '../questions.ts'
import { allows } from '../session.ts'
import { Act } from './act.tsx'

const lookEveryMs = 1500
const List = z.array(SnapshotView)

async function snapshotsOf(vmId: string): Promise<SnapshotView[] | undefined> {
  const answer = await ask(List, 'GET', `v1/vms/${vmId}/snapshots`)
  if (isRefused(answer)) return undefined // The page says already that the coordinator is away.
  return answer.value.sort((a, b) => (a.takenWallMs ?? Infinity) - (b.takenWallMs ?? Infinity))
}

export function Snapshots({ vm }: { vm: VmView }) {
  const [isOpen, setOpen] = useState(false)
  const [found, setFound] = useState<SnapshotView[]>()
  const summary = useRef<HTMLElement>(null)
  useEffect(() => {
    if (!isOpen) return
    const look = () => void snapshotsOf(vm.id).then((list) => list && setFound(list))
    look()
    const timer = setInterval(look, lookEveryMs)
    return () => clearInterval(timer)
  }, [isOpen, vm.id])
  return (
    <details class="layers snapshots" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary ref={summary}>Its snapshots</summary>
      {found?.length === 0 && <p class="empty">There are none.</p>}
      <ul>
        {found?.map((one) => (
          <Row key={one.name} vm={vm} one={one} done={() => summary.current?.focus()} />
        ))}
      </ul>
    </details>
  )
}

interface RowProps {
  readonly vm: VmView
  readonly one: SnapshotView
  /** The button may go: who has come to it by keyboard stays here. */
  done(): void
}

function Row({ vm, one, done }: RowProps) {
  return (
    <li>
      <b>{one.name}</b> <small>{noteOf(one)}</small>
      {one.fault && <p class="fault">{one.fault.message}</p>}
      <span class="row">
        <Actions {...{ vm, one, done }} />
      </span>
    </li>
  )
}

function Actions({ vm, one, done }: RowProps) {
  const subject = { vmId: vm.id, name: one.name }
  const button = (word: string, run: () => void, style: 'quiet' | '' = 'quiet') => (
    <Act {...{ word, run, style }} about={`${word}: ${one.name}`} isOff={one.phase !== 'ready'} />
  )
  const keep = () => {
    keepAsked.value = { vmId: vm.id, snapshot: one.name }
  }
  const drop = () => {
    begin(dropRow, subject, ofVm(vm))
    done()
  }
  const mayRestore = mayAct('restore', vm.phase) && isMine('restore', vm)
  const mayCopy = isMine('snapshot', vm)
  return (
    <>
      {mayRestore && button(restoreRow.word, () => begin(restoreRow, subject, ofVm(vm)), '')}
      {mayCopy && allows('run') && button('Template…', keep)}
      {mayCopy && button(dropRow.word, drop)}
    </>
  )
}

/** `2026-11-29 17:17:43`, as the command line has it: Swedish dates are ISO 8601's. */
const takenText = (wallMs: number): string => new Date(wallMs).toLocaleString('sv')

function noteOf({ phase, takenWallMs, measured, isCurrent }: SnapshotView): string {
  const parts = [
    ...(phase === 'ready' ? [] : [phase]),
    ...(takenWallMs === undefined ? [] : [takenText(takenWallMs)]),
    ...(measured ? [`${bytesText(measured.storedBytes)} stored`] : []),
    ...(isCurrent ? ['the VM came from here'] : []),
  ]
  return parts.join(', ')
}
