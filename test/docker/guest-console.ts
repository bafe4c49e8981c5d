// A guest of ours, asked over its console: one request, one answer (docs/guest.md has the
// protocol). For tests that put a question now and then; scenarios/kv-client.ts is the client that
// keeps a load going through migrations and recoveries.

import type { ApiClient } from '#scenarios/api-client.ts'

const answerMsMax = 5_000

export interface GuestConsole {
  /** Resolves with the answer less its request id; rejects when none comes within five seconds. */
  ask(request: string): Promise<string>
  close(): void
}

let requests = 0

/** Answers are told apart by their request ids, so several consoles of one guest do not disturb. */
export async function openGuestConsole(api: ApiClient, vmId: string): Promise<GuestConsole> {
  const decoder = new TextDecoder()
  const waiting = new Map<string, (answer: string) => void>()
  let partial = ''
  const session = await api.console(
    vmId,
    { replay: false },
    {
      onHeader: () => {
        partial = ''
      },
      onOutput: (bytes) => {
        const lines = (partial + decoder.decode(bytes, { stream: true })).split('\n')
        partial = lines.pop() ?? ''
        for (const line of lines) {
          const [id = '', ...answer] = line.trim().split(' ')
          waiting.get(id)?.(answer.join(' '))
        }
      },
      onClose: () => waiting.clear(),
    },
  )
  const ask = (request: string) =>
    new Promise<string>((resolve, reject) => {
      const id = `t${++requests}`
      const late = setTimeout(
        () => reject(new Error(`${vmId}: no answer to ${request}`)),
        answerMsMax,
      )
      waiting.set(id, (answer) => {
        clearTimeout(late)
        resolve(answer)
      })
      session.send(new TextEncoder().encode(`${id} ${request}\n`))
    })
  return { ask, close: () => session.close() }
}
