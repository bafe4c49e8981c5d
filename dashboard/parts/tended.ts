// Tends the stream of a VM's console or screen. It is refused while the VM starts, or comes back
// elsewhere: as soon as it is there, the next try is made at once. When the coordinator is found to
// be away nothing may be sent into it any more, for that would be lost.
// Not here: the tries (../live-stream.ts), who finds it out (../watch-worker.ts).

import { useEffect } from 'preact/hooks'
import type { VmView } from '#proto/api.ts'
import { mayAct } from '#proto/state.ts'
import { connection } from '../cluster.ts'
import type { LiveStream } from '../live-stream.ts'

/** The coordinator is there, and shows nothing of a VM in that phase. */
export const isRefused = (phase: VmView['phase']): boolean =>
  connection.value.is === 'live' && !mayAct('console', phase)

export function useTended(
  stream: { readonly current: LiveStream | null },
  { phase }: VmView,
): void {
  const isThere = mayAct('console', phase)
  useEffect(() => {
    if (isThere) stream.current?.hurry()
  }, [stream, isThere])
  const isAway = connection.value.is === 'away'
  useEffect(() => {
    if (isAway) stream.current?.drop()
  }, [stream, isAway])
}
