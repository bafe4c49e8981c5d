// A guest's console as a conversation: a question, and its answer, wherever the VM is by then.
// Not here: what guests understand (docs/guest.md).

import { expect } from 'vitest'
import { realClock } from '#env/real.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import { GuestLine } from '#scenarios/guest-line.ts'

/** What a guest is asked line by line, and what it says. */
export function talk({ api }: { readonly api: ApiClient }, vmId: string) {
  const lines: string[] = []
  const line = new GuestLine(api, realClock, vmId, false, {
    onOpen: () => {},
    onLine: (text) => lines.push(text),
  })
  let asked = 0
  return {
    lines,
    /** The answer to a request, without its number. */
    async ask(request: string): Promise<string> {
      const tag = `q${++asked}`
      const answer = () => lines.find((each) => each.startsWith(`${tag} `))
      // A line that is not open, or was for another boot, is lost: asking twice does no harm.
      const again = () => {
        line.say(`${tag} ${request}`)
        return answer()
      }
      await expect.poll(again, { timeout: 60_000, interval: 300 }).toBeDefined()
      return answer()?.slice(tag.length + 1) ?? ''
    },
    close: () => line.close(),
  }
}
