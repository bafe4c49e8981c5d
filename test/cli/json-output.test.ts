// What `-o json` prints: one value, which a program reads back as it was.

import { expect, test } from 'vitest'
import { writeJson } from '#cli/json-output.ts'

test('is one value, indented, that reads back as it was', () => {
  const written: string[] = []
  const value = { id: 'm1', rounds: [1, 2], traceId: 'a' }
  writeJson({ data: (text) => written.push(text) }, value)
  expect(written).toHaveLength(1)
  expect(written[0]).toContain('\n  "id"')
  expect(JSON.parse(written[0] ?? '')).toEqual(value)
})
