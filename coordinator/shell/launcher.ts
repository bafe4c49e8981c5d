// The launcher of a laboratory, as the coordinator asks it: one POST to the address it was started
// with, with the cluster's token. Not here: what the launcher does (scenarios/local/control.ts),
// who may ask (laboratory-routes.ts). Times in ms.

import { Fault, type Fault as FaultValue, fault } from '#proto/faults.ts'
import { type ControlRequest, LaboratoryCopies, LaboratoryView } from '#proto/laboratory.ts'

export interface Launcher {
  /** Resolves when it is done, to what is broken then. @param request absent: only looks */
  ask(request?: ControlRequest): Promise<LaboratoryView | { readonly fault: FaultValue }>
  /** What agents hold, by their own word. */
  copies(): Promise<LaboratoryCopies | { readonly fault: FaultValue }>
}

/** A process that starts may take so long. */
const answerMsMax = 40_000

export function launcherAt(url: string, token: string): Launcher {
  const talk = async <T>(
    place: string,
    shape: { parse(said: unknown): T },
    request?: ControlRequest,
  ): Promise<T | { readonly fault: FaultValue }> => {
    try {
      const answer = await fetch(new URL(place, url), {
        method: request ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(answerMsMax),
        ...(request ? { body: JSON.stringify(request) } : {}),
      })
      const said: unknown = await answer.json()
      if (answer.ok) return shape.parse(said)
      return { fault: Fault.safeParse(said).data ?? strange(answer.status) }
    } catch (thrown) {
      return { fault: away(thrown) }
    }
  }
  return {
    ask: (request) => talk('.', LaboratoryView, request),
    copies: () => talk('copies', LaboratoryCopies),
  }
}

const strange = (status: number): FaultValue =>
  fault('internal', `the launcher of this laboratory answered with status ${status}`)

const away = (thrown: unknown): FaultValue =>
  fault(
    'link-lost',
    'the launcher of this laboratory does not answer: ' +
      `${thrown instanceof Error ? thrown.message : String(thrown)}; does \`godwit up\` still run?`,
  )
