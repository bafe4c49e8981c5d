// What the options of a policy become, as the API takes it. Not here: what it does there
// (test/coordinator/core/ha/groups.test.ts).

import { expect, test } from 'vitest'
import { unsaid } from '#cli/policy-options.ts'
import { HaPolicyChange } from '#proto/ha.ts'

test('what is taken back is named as the options that say it', () => {
  const change = unsaid('lock,every,priority')
  expect(change).toEqual({ locked: null, checkpointMs: null, priority: null })
  expect(HaPolicyChange.parse(change)).toEqual(change)
  for (const text of ['', 'locked', 'lock,all']) expect(() => unsaid(text)).toThrow(/^Write of pri/)
})
