// The judges can find something: rules of the core that are broken on purpose, one at a time, are
// found within a few seeds. What is broken is a module, replaced before the search is loaded.

import { afterEach, expect, test, vi } from 'vitest'

const seedsMax = 60

const mutants = {
  '#coordinator/core/burdens.ts': { fits: () => true },
  '#coordinator/core/ha/rules.ts': { forbids: () => undefined },
  '#coordinator/core/ha/keeper.ts': { keepRules: () => undefined },
  '#coordinator/core/evacuation.ts': { evacuate: () => undefined },
  '#coordinator/core/ha/protection.ts': { protect: () => undefined },
}

afterEach(() => {
  for (const path of Object.keys(mutants)) vi.doUnmock(path)
  vi.resetModules()
})

async function foundBy(path: keyof typeof mutants): Promise<string | undefined> {
  vi.resetModules()
  vi.doMock(path, async (load) => ({ ...(await load<object>()), ...mutants[path] }))
  const { search } = await import('./search.ts')
  const { planOf } = await import('./search-plan.ts')
  for (let seed = 1; seed <= seedsMax; seed++) {
    const [wrong] = search(planOf(seed), 0).wrong
    if (wrong !== undefined) return wrong
  }
  return undefined
}

test.each<[string, keyof typeof mutants, RegExp]>([
  ['a node with room for everything', '#coordinator/core/burdens.ts', /MiB, and \d+ are reserved/],
  ['strict rules that forbid nothing', '#coordinator/core/ha/rules.ts', / against r\d/],
  [
    'rules that nobody keeps',
    '#coordinator/core/ha/keeper.ts',
    /prefer|against|apart|had to leave/,
  ],
  ['maintenance that nobody leaves', '#coordinator/core/evacuation.ts', /stays on .*maintenance/],
  ['replicas that nobody makes', '#coordinator/core/ha/protection.ts', /has no replica/],
])('%s', async (_, path, what) => {
  expect(await foundBy(path)).toMatch(what)
})
