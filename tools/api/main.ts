// node tools/api/main.ts: writes docs/api.md. A coordinator in memory serves the OpenAPI document
// that the routes are taken from, so that what stands there is what is served.

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { guards } from '#coordinator/shell/guards.ts'
import { startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import { realEnv } from '#env/real.ts'
import { reaches } from '#proto/accounts.ts'
import { type JsonSchema, type NamedSchema, Reference, type Route } from './reference.ts'
import { type Said, wordsOf } from './source-words.ts'

const root = new URL('../../', import.meta.url)
const opening = readFileSync(new URL('opening.txt', import.meta.url), 'utf8').trimEnd()

interface Operation {
  readonly summary?: string
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}
type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

async function servedDocument(): Promise<OpenApi> {
  const { clock, random, log } = realEnv('document', 'silent')
  const server = await startServer({
    ...{ clock, random, log, settings: defaultSettings, token: 'none' },
    ...{ host: '127.0.0.1', port: 0, version: '', dashboard: '' },
    store: openSqliteStore(':memory:'),
    onBug: (thrown) => {
      throw thrown
    },
  })
  try {
    return (await (await fetch(`${server.address}/openapi.json`)).json()) as OpenApi
  } finally {
    await server.stop()
  }
}

function routesOf({ paths }: OpenApi): Route[] {
  return Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, { summary = '', requestBody, responses }]) => {
      const method = verb.toUpperCase()
      const [status = '', good] = Object.entries(responses).find(([code]) => /^2/.test(code)) ?? []
      const { action = '' } = guards[`${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`] ?? {}
      const given = status === '204' ? undefined : schemaIn(good?.content)
      return {
        method,
        path,
        what: summary,
        action,
        status,
        takes: schemaIn(requestBody?.content),
        gives: given,
      }
    }),
  )
}

const schemaIn = (content: Content | undefined): JsonSchema | undefined =>
  content?.['application/json']?.schema

/** What is exported of proto/, with what its source says. */
async function namedSchemas(): Promise<NamedSchema[]> {
  const files = globSync('proto/**/*.ts', { cwd: root.pathname }).sort()
  // What the API is made of comes first.
  files.sort((a, b) => Number(b === 'proto/api.ts') - Number(a === 'proto/api.ts'))
  const all: NamedSchema[] = []
  const seen = new Set<unknown>()
  for (const file of files) {
    const words = wordsOf(readFileSync(new URL(file, root), 'utf8'))
    const exported = (await import(new URL(file, root).href)) as Record<string, unknown>
    for (const [name, value] of Object.entries(exported)) {
      if (!(value instanceof z.ZodType) || !/^[A-Z]/.test(name) || seen.has(value)) continue
      seen.add(value)
      all.push(...asNamed(name, value, words.get(name)))
    }
  }
  return all
}

function asNamed(name: string, value: z.ZodType, said: Said | undefined): NamedSchema[] {
  const { about = '', fields = new Map<string, string>() } = said ?? {}
  try {
    const [schema, input] = (['output', 'input'] as const).map(
      (io) => z.toJSONSchema(value, { target: 'draft-7', io }) as JsonSchema,
    )
    return schema && input ? [{ name, about, schema, input, fields }] : []
  } catch {
    // Bytes, which no JSON has: a message between agents.
    return []
  }
}

function actionWords(): Map<string, string> {
  const who = ([role, reach]: [string, string]) =>
    reach === 'none' ? [] : [reach === 'own' ? `${role} (own VMs)` : role]
  const rows = Object.entries(reaches).map(
    ([action, byRole]) => [action, Object.entries(byRole).flatMap(who).join(', ')] as const,
  )
  return new Map([['open', 'everybody'], ...rows])
}

export async function apiDocument(): Promise<string> {
  const reference = new Reference(
    routesOf(await servedDocument()),
    actionWords(),
    await namedSchemas(),
  )
  return `${opening}\n\n${reference.text}\n`
}

if (import.meta.main) writeFileSync(new URL('docs/api.md', root), await apiDocument())
