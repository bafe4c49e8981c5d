// Questions and requests to the coordinator's HTTP API, with refusals as their fault's sentence.
// Not here: what is asked (commands.ts, forecasts.ts).

import type { z } from 'zod'
import { Problem } from '#proto/api.ts'
import { addressOf } from './browser.ts'

/** Nothing that is asked takes as long. */
const patienceMs = 30_000

/** A refusal says why, in a sentence that names the mend. */
export type Answer<Value> = { readonly value: Value } | { readonly refused: string }

export const isRefused = <Value>(answer: Answer<Value>): answer is { readonly refused: string } =>
  'refused' in answer

/** What the API answers, checked. Nothing is thrown. */
export async function ask<Schema extends z.ZodType>(
  schema: Schema,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer<z.output<Schema>>> {
  try {
    const signal = AbortSignal.timeout(patienceMs)
    const answer = await fetch(addressOf(path), { method, signal, ...withBody(body) })
    if (!answer.ok) return { refused: await refusalOf(answer) }
    const text = await answer.text()
    const checked = schema.safeParse(text === '' ? undefined : JSON.parse(text))
    if (checked.success) return { value: checked.data }
    return { refused: 'The answer is none that this page understands: reload it.' }
  } catch {
    return { refused: 'The coordinator does not answer: when it does, look whether it was done.' }
  }
}

const withBody = (body: unknown) =>
  body === undefined
    ? {}
    : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }

async function refusalOf(answer: Response): Promise<string> {
  const problem = Problem.safeParse(await answer.json().catch(() => undefined))
  return problem.success ? problem.data.fault.message : `Refused with status ${answer.status}.`
}
