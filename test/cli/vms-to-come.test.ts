// Names in rules and groups that nobody has yet.

import { expect, test } from 'vitest'
import { toComeTexts } from '#cli/vms-to-come.ts'

const known = { vms: ['web-1', 'web-2', 'db'], groups: ['stores'] }

test('a name that somebody has is said nothing about', () => {
  expect(toComeTexts(['web-1', 'db', 'group:stores'], known)).toEqual([])
})

test('another may come, or be a slip', () => {
  expect(toComeTexts(['web-l', 'cache', 'group:store', 'group:none-of-these'], known)).toEqual([
    'There is no VM web-l yet; did you mean web-1?',
    'There is no VM cache yet',
    'There is no group store yet; did you mean group:stores?',
    'There is no group none-of-these yet',
  ])
})
