// docs/api.md is what the coordinator serves and what the schemas say; and what is read of their
// sources is what stands there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { apiDocument } from '../../tools/api/main.ts'
import { keyOf } from '../../tools/api/reference.ts'
import { wordsOf } from '../../tools/api/source-words.ts'
import { repositoryRoot } from '../tidy/source-file.ts'

test('docs/api.md says what is served; made anew by node tools/api/main.ts', async () => {
  const written = readFileSync(join(repositoryRoot, 'docs/api.md'), 'utf8')
  const made = await apiDocument()
  const [lines, now] = [written.split('\n'), made.split('\n')]
  expect(now.filter((line) => !lines.includes(line))).toEqual([])
  expect(written).toBe(made)
  expect(made).toMatch(/`POST \/v1\/vms\/:id\/migrate` \| [^|]+ \| \[MigrateRequest\]/)
  // A route that no guard names is shut to everybody: it has no business in the document.
  expect(made.match(/^\| `(GET|POST|PUT|PATCH|DELETE) .*\|\s+\|$/gm)).toBeNull()
})

test('the words of a schema are the comments before it and its fields', () => {
  const source = [
    '/** A thing. */',
    'export const Thing = z.strictObject({',
    '  plain: z.int(),',
    '  /**',
    '   * Two lines',
    '   * of it.',
    '   */',
    '  told: z.int(),',
    '  behind: z.int(), // at the end',
    '})',
    'export const Other = z.string()',
  ].join('\n')
  const words = wordsOf(source)
  expect(words.get('Thing')?.about).toBe('A thing.')
  expect([...(words.get('Thing')?.fields ?? [])]).toEqual([
    ['plain', ''],
    ['told', 'Two lines of it.'],
    ['behind', 'at the end'],
  ])
  expect(words.get('Other')?.about).toBe('')
})

test('schemas are alike whatever the order of their keys and what is said of them', () => {
  const one = { type: 'object', properties: { a: { const: 1 }, b: { oneOf: [] } } } as const
  const other = { properties: { b: { anyOf: [] }, a: { enum: [1] } }, type: 'object' } as const
  expect(keyOf({ ...one, description: 'x' } as object)).toBe(keyOf(other))
  expect(keyOf({ ...one, required: ['a'] })).not.toBe(keyOf(other))
})
