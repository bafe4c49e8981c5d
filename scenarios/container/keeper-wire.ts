// What the laboratory of a cluster in containers and the keepers in its nodes say to each other,
// over HTTP with the cluster's token. A keeper enrols again and again, so that the laboratory knows
// who is there and from which address; the laboratory tells each what to do. Pure, but for one
// fetch. Times in ms.

import { z } from 'zod'
import { Fault, FaultError, fault } from '#proto/faults.ts'
import { hangMsMax } from '#proto/laboratory.ts'
import { Name } from '#proto/vm-spec.ts'

export const laboratoryPort = 7073
export const keeperPort = 7072
/** A keeper that was not heard of for three of these is gone. */
export const enrolEveryMs = 1_000

/** To the laboratory: POST /keepers. */
export const Enrolment = z.strictObject({ id: Name })

/** Which ways of a node are silent now. */
export const SilentWays = z.strictObject({
  coordinator: z.boolean(),
  peers: z.boolean(),
  /** Addresses from which nothing comes in any more. */
  from: z.array(z.string().max(64)).max(10_000),
})
export type SilentWays = z.infer<typeof SilentWays>

/** To a keeper: POST / with one of these; GET / and every answer: KeeperView. */
export const KeeperRequest = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('kill') }),
  z.strictObject({ do: z.literal('revive') }),
  z.strictObject({ do: z.literal('hang'), forMs: z.number().min(1).max(hangMsMax) }),
  z.strictObject({ do: z.literal('wake') }),
  z.strictObject({ do: z.literal('silence'), ways: SilentWays }),
])
export type KeeperRequest = z.infer<typeof KeeperRequest>

export const KeeperView = z.strictObject({ process: z.enum(['running', 'hung', 'exited']) })
export type KeeperView = z.infer<typeof KeeperView>

const answerMsMax = 40_000

/** Throws the fault of a refusal, and of silence. */
export async function askOver(url: string, token: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(answerMsMax),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((thrown: unknown) => {
    throw new FaultError(fault('link-lost', `${url} does not answer: ${String(thrown)}`))
  })
  const said: unknown = await answer.json().catch(() => undefined)
  if (answer.ok) return said
  const refusal = Fault.safeParse(said).data
  throw new FaultError(refusal ?? fault('internal', `${url} answered with ${answer.status}`))
}
