// Closes a question about something that is gone meanwhile, and says so: nothing vanishes without
// a word. Not here: whether it is gone (../cluster.ts).

import { useEffect } from 'preact/hooks'
import { tell } from '../commands.ts'

/** @param gone its name, as soon as it is not there any more */
export function useGone(gone: string | undefined, close: () => void): void {
  useEffect(() => {
    if (gone === undefined) return
    close()
    tell(`${gone} is not there any more.`, true)
  }, [gone])
}
