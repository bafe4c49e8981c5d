// The other coordinators, asked by the browser: which there are, and which of them leads while the
// page's own is away. Not here: when they are asked (elsewhere.ts), what is drawn
// (parts/elsewhere.tsx). ms.

import { signal } from '@preact/signals'
import { CoordinatorPlace, healthWords } from '#proto/coordinator-place.ts'
import { addressOf } from './browser.ts'
import { connection } from './cluster.ts'
import { Seeker } from './elsewhere.ts'

/** Where another leads, as long as that matters. */
export const elsewhere = signal<CoordinatorPlace | undefined>(undefined)
const answerMsMax = 1500

/** Looks for another coordinator whenever the page's own is away, for as long as the page lives. */
export function seekOthers(): void {
  const seeker = new Seeker({
    places: () => fetch(addressOf('v1/coordinators')).then(placesIn, () => []),
    leads: ({ address }) => asked(address).catch(() => false),
    after: (ms, fn) => {
      const timer = setTimeout(fn, ms)
      return () => clearTimeout(timer)
    },
    found: (place) => {
      if (place?.address !== elsewhere.peek()?.address) elsewhere.value = place
    },
  })
  connection.subscribe((state) => seeker.hear(state))
}

async function placesIn(answer: Response): Promise<CoordinatorPlace[]> {
  const body: unknown = await answer.json().catch(() => undefined)
  return CoordinatorPlace.array().safeParse(body).data ?? []
}

/** Without who we are: it is asked whether it leads, and nothing else. */
async function asked(address: string): Promise<boolean> {
  const signal = AbortSignal.timeout(answerMsMax)
  const how = { cache: 'no-store', credentials: 'omit', signal } as const
  const answer = await fetch(`${address}/healthz`, how)
  return answer.ok && (await answer.text()) === healthWords.leader
}
