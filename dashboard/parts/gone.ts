// Closes a question about something that is gone meanwhile, and says so: nothing vanishes without
// a word. Not here: whether it is gone (../cluster.ts).

import { useEffect } from 'preact/hooks'
import { tell } from '../commands.ts'

/** @param gone its name, as soon as it is not there any more */
export const useGone = (gone: string | undefined, close: () => void): void =>
  useEnded(gone && `${gone} is not there any more.`, close)

/** @param why as soon as it cannot be meant any more */
export function useEnded(why: string | undefined, close: () => void): void {
  useEffect(() => {
    if (why === undefined) return
    close()
    tell(why, true)
  }, [why])
}
