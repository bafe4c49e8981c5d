// Faults as HTTP: problem documents (RFC 9457) that carry the fault. What a request has wrong is
// named by field, with what is allowed there.

import type { FastifyError, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Problem } from '#proto/api.ts'
import { type Fault, fault, faultOf, faultStatus } from '#proto/faults.ts'
import { namePattern } from '#proto/ids.ts'

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not allowed',
  403: 'Not allowed from there',
  404: 'Not found',
  409: 'Not possible now',
  413: 'Too large',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Not available',
  504: 'Timed out',
}

/** @param status when it is not the one that the fault's code stands for */
export function problemOf(cause: Fault, status: number = faultStatus[cause.code]): Problem {
  return {
    type: `urn:godwit:fault:${cause.code}`,
    title: titles[status] ?? 'Failed',
    status,
    detail: cause.message,
    fault: cause,
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type('application/problem+json').send(problem)
}

/** What fastify, its parser or its validator threw. */
export function problemOfError(error: FastifyError): Problem {
  if (error.validation) return problemOf(fault('bad-request', validationText(error.validation)))
  if (error.statusCode === 413)
    return problemOf(fault('message-too-large', 'the body is too large: 1 MiB is allowed'))
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return problemOf(fault('bad-request', error.message), error.statusCode)
  // What a JSON schema cannot say, the handler's own schema does.
  if (error instanceof z.ZodError) return problemOf(fault('bad-request', issuesText(error)))
  return problemOf(faultOf(error))
}

const issuesText = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`).join('; ')

interface Finding {
  readonly instancePath?: string
  readonly schemaPath?: string
  readonly keyword?: string
  readonly message?: string | undefined
  readonly params?: Readonly<Record<string, unknown>>
  readonly parentSchema?: unknown
}

function validationText(findings: readonly Finding[]): string {
  const texts = meant(findings).map((finding) => {
    const field = (finding.instancePath ?? '').slice(1).replaceAll('/', '.') || 'the body'
    return `${field} ${complaintOf(finding)}`
  })
  return [...new Set(texts)].join('; ').slice(0, 2000)
}

/** `…/oneOf/2/…`: which of several forms it is about. */
const form = /^(.*\/(?:oneOf|anyOf))(?:\/(\d+)\/|$)/

/**
 * A body that may have one of several forms has a word that says which (`kind`). Only what is wrong
 * with the form that is meant is told, or that there is no such form.
 */
function meant(findings: readonly Finding[]): readonly Finding[] {
  const other = new Set<string>()
  const words = new Map<string, Finding>()
  for (const { schemaPath = '', keyword, instancePath = '', params } of findings) {
    const [, choice, index] = form.exec(schemaPath) ?? []
    if (choice === undefined || index === undefined || keyword !== 'const') continue
    other.add(`${choice}/${index}`)
    const allowedValues = [words.get(choice)?.params?.allowedValues ?? [], params?.allowedValue]
    words.set(choice, {
      instancePath,
      keyword: 'enum',
      params: { allowedValues: allowedValues.flat() },
    })
  }
  const isMeant = ({ schemaPath = '' }: Finding) => {
    const [, choice, index] = form.exec(schemaPath) ?? []
    if (choice === undefined || !words.has(choice)) return true
    return index !== undefined && !other.has(`${choice}/${index}`)
  }
  const kept = findings.filter(isMeant)
  return kept.length > 0 ? kept : [...words.values()]
}

function complaintOf({ keyword, message, params = {}, parentSchema }: Finding): string {
  if (keyword === 'enum') return `must be one of ${listOf(params.allowedValues)}`
  if (keyword === 'required') return `lacks ${String(params.missingProperty)}`
  if (keyword === 'pattern') return patternText(String(params.pattern))
  if (keyword === 'additionalProperties') {
    const properties = (parentSchema as { properties?: object } | undefined)?.properties ?? {}
    const allowed = Object.keys(properties).join(', ') || 'nothing'
    return `has an unknown field ${String(params.additionalProperty)}; allowed: ${allowed}`
  }
  return message ?? 'is wrong'
}

const patternText = (pattern: string): string =>
  pattern === namePattern.source
    ? 'must be a name: a-z, 0-9 and -, up to 63 of them'
    : `must match ${pattern}`

const listOf = (values: unknown): string => (Array.isArray(values) ? values.join(', ') : '?')
