// From what zod found wrong to what a person should mend: one message an issue, with the nearest
// name we know. Known keys come from the schema's own JSON Schema, so that a new key needs nothing
// here.

import type { z } from 'zod'
import { type JsonSchema, scenarioJsonSchema } from '../schema.ts'
import { suggestion } from './nearest-name.ts'
import type { Mistake, YamlPath, YamlText } from './yaml-text.ts'

type Issue = z.core.$ZodIssue

/** The mistakes of a file whose value the schema refused, in the order of the file. */
export function mistakesOf(yaml: YamlText, issues: readonly Issue[]): Mistake[] {
  const found = issues.flatMap((issue) => mistakesOfIssue(yaml, issue, issue.path))
  return found.sort((a, b) => a.line - b.line || a.column - b.column)
}

function mistakesOfIssue(yaml: YamlText, issue: Issue, path: YamlPath): Mistake[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = knownKeys(schemaAt(yaml.value, path)).filter((name) => name !== key)
        return yaml.mistakeAt(path, `unknown key \`${key}\`${suggestion(key, known)}`, key)
      })
    case 'invalid_value':
      return [yaml.mistakeAt(path, notOneOf(yaml, path, issue.values.map(String)))]
    case 'invalid_key': {
      const [why] = issue.issues
      const key = String(path.at(-1))
      return [yaml.mistakeAt(path.slice(0, -1), `\`${key}\`: ${why?.message}`, key)]
    }
    case 'invalid_union':
      return mistakesOfUnion(yaml, issue, path)
    case 'invalid_type':
      return [yaml.mistakeAt(path, typeMessage(issue, path, valueAt(yaml.value, path)))]
    default:
      return [yaml.mistakeAt(path, `${pathText(path)}: ${issue.message}`)]
  }
}

/** Of the ways a value may be written, the one that came nearest says what is wrong. */
function mistakesOfUnion(yaml: YamlText, issue: Issue & { code: 'invalid_union' }, path: YamlPath) {
  if (issue.discriminator !== undefined) {
    const names = discriminatorNames(schemaAt(yaml.value, path.slice(0, -1)), issue.discriminator)
    return [yaml.mistakeAt(path, notOneOf(yaml, path, names))]
  }
  const nearest = [...issue.errors].sort((a, b) => distance(a) - distance(b))[0] ?? []
  return nearest.flatMap((inner) => mistakesOfIssue(yaml, inner, [...path, ...inner.path]))
}

/**
 * Another kind of value altogether is further than any number of mistakes inside the right kind.
 */
const distance = (issues: readonly Issue[]): number =>
  issues.length + (issues.some((i) => i.path.length === 0 && otherKind.has(i.code)) ? 100 : 0)
const otherKind = new Set(['invalid_type', 'invalid_value'])

function notOneOf(yaml: YamlText, path: YamlPath, known: readonly string[]): string {
  const value = valueAt(yaml.value, path)
  const all = known.join(', ')
  if (value === undefined) return `\`${pathText(path)}\` is missing: one of ${all}`
  if (typeof value === 'object') return `${pathText(path)}: is ${kindOf(value)}; one of ${all}`
  const near = suggestion(String(value), known)
  return `unknown \`${String(value)}\`${near || `; known: ${all}`}`
}

function typeMessage(issue: Issue & { code: 'invalid_type' }, path: YamlPath, value: unknown) {
  if (value === undefined) return `\`${pathText(path)}\` is missing`
  const ours = issue.message.startsWith('Invalid input') ? undefined : issue.message
  const want = wanted[issue.expected] ?? issue.expected
  return `${pathText(path)}: ${ours ?? `should be ${want}, is ${kindOf(value)}`}`
}

const wanted: Record<string, string> = {
  object: 'a map of keys and values',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

const kindOf = (value: unknown): string => {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** `timeline[3].vm`: lists count from 1, as people do. */
export const pathText = (path: YamlPath): string =>
  path
    .map((key) => (typeof key === 'number' ? `[${key + 1}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '') || 'scenario'

function valueAt(value: unknown, path: YamlPath): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined,
    value,
  )
}

/**
 * The schema of what is written at `path`: of several, all that its writer may have meant: their
 * constants agree with the value, and they know most of its keys.
 */
function schemaAt(value: unknown, path: YamlPath): JsonSchema {
  let schema: JsonSchema = scenarioJsonSchema()
  let inner = value
  for (const key of path) {
    schema = chosen(schema, inner)
    schema = (typeof key === 'number' ? schema.items : schema.properties?.[String(key)]) ?? {}
    inner = valueAt(inner, [key])
  }
  return chosen(schema, inner)
}

function chosen(schema: JsonSchema, value: unknown): JsonSchema {
  const options = schema.oneOf ?? schema.anyOf
  if (options === undefined || typeof value !== 'object' || value === null) return schema
  const agrees = (option: JsonSchema) =>
    Object.entries(option.properties ?? {}).every(
      ([key, { const: constant }]) =>
        constant === undefined || Reflect.get(value, key) === constant,
    )
  const written = Object.keys(value)
  const knows = (option: JsonSchema) =>
    knownKeys(option).filter((key) => written.includes(key)).length
  const agreeing = options.filter(agrees)
  const most = Math.max(...agreeing.map(knows))
  const nearest = agreeing.filter((option) => knows(option) === most)
  return agreeing.length === 0
    ? schema
    : { properties: Object.assign({}, ...nearest.map(({ properties }) => properties)) }
}

const knownKeys = (schema: JsonSchema): string[] => Object.keys(schema.properties ?? {})

const discriminatorNames = (schema: JsonSchema, key: string): string[] =>
  (schema.oneOf ?? schema.anyOf ?? []).map((option) => String(option.properties?.[key]?.const))
