// A button beside a row that does something with it: no one can press it while the coordinator is
// away. Not here: what it does (../actions.ts), who is shown it.

import { connection } from '../cluster.ts'

interface ActProps {
  readonly word: string
  /** What a screen reader says. */
  readonly about?: string
  readonly style?: 'quiet' | 'breaks' | ''
  /** Not just now. */
  readonly isOff?: boolean
  run(): void
}

export const Act = ({ word, about = word, style = 'quiet', isOff = false, run }: ActProps) => (
  <button
    type="button"
    class={style}
    aria-label={about}
    disabled={isOff || connection.value.is !== 'live'}
    onClick={run}
  >
    {word}
  </button>
)
