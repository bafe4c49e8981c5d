// The stream of a VM's console or screen is refused while the VM starts, or comes back elsewhere;
// as soon as it is there, the next try is made at once. Not here: the tries (../live-stream.ts).

import { useEffect } from 'preact/hooks'
import type { VmView } from '#proto/api.ts'
import { mayAct } from '#proto/state.ts'
import type { LiveStream } from '../live-stream.ts'

export function useHurry(stream: { readonly current: LiveStream | null }, { phase }: VmView): void {
  const isThere = mayAct('console', phase)
  useEffect(() => {
    if (isThere) stream.current?.hurry()
  }, [stream, isThere])
}
