// Groups of VMs: what is said of one holds for who is in it, until that VM says otherwise or
// leaves; what would contradict a rule, another group or itself is refused, and changes nothing.

import { expect, test } from 'vitest'
import { haView } from '#coordinator/core/ha/commands.ts'
import { policyOf } from '#coordinator/core/ha/groups.ts'
import { whyOf } from '#coordinator/core/ha/why.ts'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import {
  HaGroup,
  type HaGroupInput,
  HaPolicy,
  HaPolicyChange,
  HaRule,
  type HaRuleInput,
} from '#proto/ha.ts'
import { asVmId } from '#proto/ids.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import { Story } from '../story.ts'

const group = (story: Story, name: string, vms: string[], said: HaGroupInput['policy'] = {}) =>
  story.ask({ do: 'set-group', group: HaGroup.parse({ name, vms, policy: said }) }, `group ${name}`)
const dropGroup = (story: Story, name: string) => story.ask({ do: 'drop-group', name }, 'drop')
const rule = (story: Story, input: HaRuleInput) =>
  story.ask({ do: 'set-rule', rule: HaRule.parse(input) }, `rule ${input.name}`)
const say = (story: Story, vm: string, change: object) =>
  story.ask({ do: 'set-policy', vmId: asVmId(vm), change: HaPolicyChange.parse(change) }, vm)
const refused = ({ answer }: Story) => answer && 'fault' in answer && answer.fault.message

function vmOf(story: Story, id: string) {
  const vm = story.state.vms.get(asVmId(id))
  if (!vm) throw new Error(`no ${id}`)
  return vm
}
const policy = (story: Story, id: string) => policyOf(vmOf(story, id))

function three(): Story {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  for (const id of ['a', 'b', 'c']) story.run(id)
  return story
}

test('what a group says holds for each in it; what a VM says of itself comes before that', () => {
  const story = three()
  say(story, 'b', { priority: 7 })
  group(story, 'web', ['a', 'b'], { priority: 200, restarts: 3 })
  expect(policy(story, 'a')).toMatchObject({ priority: 200, restarts: 3 })
  expect(policy(story, 'b')).toMatchObject({ priority: 7, restarts: 3 })
  expect(policy(story, 'c')).toMatchObject({ priority: 100, restarts: 0 })
  group(story, 'web', ['b', 'c'], { relocations: 2 })
  expect(policy(story, 'a')).toMatchObject({ priority: 100, restarts: 0 })
  expect(policy(story, 'b')).toMatchObject({ priority: 7, restarts: 0, relocations: 2 })
  expect(policy(story, 'c').relocations).toBe(2)
  say(story, 'c', { relocations: 1 })
  say(story, 'c', { relocations: null })
  expect(policy(story, 'c').relocations).toBe(2)
  dropGroup(story, 'web')
  expect(policy(story, 'b')).toMatchObject({ priority: 7, restarts: 0 })
  expect(policy(story, 'b').relocations).toBeUndefined()
})

test('what is no more said of a VM itself is said by its group, or by nobody', () => {
  const story = three()
  group(story, 'web', ['a'], { priority: 200, locked: true })
  for (const id of ['a', 'b'])
    say(story, id, { priority: 7, locked: false, protection: 'none', after: ['c'] })
  const back = { priority: null, locked: null, protection: null, after: null }
  for (const id of ['a', 'b']) say(story, id, back)
  expect(vmOf(story, 'a').ownPolicy).toEqual({})
  expect(policy(story, 'a')).toEqual(HaPolicy.parse({ priority: 200, locked: true }))
  expect(policy(story, 'b')).toEqual(HaPolicy.parse({}))
})

test('who comes later is in it too, and all of it is there after a restart', () => {
  const story = three()
  group(story, 'web', ['a', 'late'], { priority: 200 })
  story.run('late')
  expect(policy(story, 'late').priority).toBe(200)
  say(story, 'late', { restarts: 2 })
  story.restart()
  expect(haView(story.state).groups).toMatchObject([{ name: 'web', vms: ['a', 'late'] }])
  group(story, 'web', ['late'], {})
  expect(policy(story, 'late')).toMatchObject({ priority: 100, restarts: 2 })
  expect(policy(story, 'a').priority).toBe(100)
})

test('a rule about a group is about who is in it at the time', () => {
  const story = three()
  group(story, 'stores', ['a', 'b'])
  rule(story, { kind: 'keep-apart', name: 'apart', vms: ['group:stores'] })
  expect(refused(story)).toBe(false)
  rule(story, { kind: 'keep-together', name: 'near', vms: ['b', 'c'] })
  expect(refused(story)).toBe(false)
  group(story, 'stores', ['a', 'b', 'c'])
  expect(refused(story)).toMatch(/rule apart: rule .* keeps apart what has to stay together/)
  expect(haView(story.state).groups[0]?.vms).toEqual(['a', 'b'])
  dropGroup(story, 'stores')
  expect(refused(story)).toMatch(/rule apart is about group stores/)
  expect(whyOf(story.state, vmOf(story, 'a')).bound.join()).toMatch(/group stores stay apart/)
})

test('who is in a group that a rule keeps apart is moved apart', () => {
  const story = new Story()
  story.join('n1')
  for (const id of ['a', 'b']) story.run(id)
  story.join('n2')
  const held = { n1: ['a@1 running', 'b@2 running'], n2: [] }
  story.passWith(500, held)
  group(story, 'stores', ['a', 'b'])
  rule(story, { kind: 'keep-apart', name: 'apart', vms: ['group:stores'] })
  story.passWith(1000, held)
  const moved = [...story.state.migrations.values()].map(({ vmId, to, cause }) => [vmId, to, cause])
  expect(moved).toEqual([['b', 'n2', 'rule']])
})

test('what starts after a group waits for all of it; nobody waits for itself that way', () => {
  const story = three()
  group(story, 'stores', ['a', 'b'])
  group(story, 'web', ['c'], { after: ['group:stores'] })
  expect(policy(story, 'c').after).toEqual(['group:stores'])
  say(story, 'a', { after: ['c'] })
  expect(refused(story)).toMatch(/a would wait for itself/)
  group(story, 'stores', ['a', 'b'], { after: ['group:web'] })
  expect(refused(story)).toMatch(/would wait for itself/)
  expect(policy(story, 'a').after).toEqual([])
  group(story, 'web', ['c'], { after: ['group:web'] })
  expect(refused(story)).toMatch(/c would wait for itself/)
})

test('a VM is in one group', () => {
  const story = three()
  group(story, 'web', ['a', 'b'])
  group(story, 'more', ['b', 'c'])
  expect(refused(story)).toMatch(/b is in group web already/)
  group(story, 'more', ['c', 'c'])
  expect(refused(story)).toMatch(/names c twice/)
  dropGroup(story, 'none')
  expect(refused(story)).toMatch(/there is no group none; there are web/)
})

test('one name is no company, unless it is a group’s', () => {
  const near = { kind: 'keep-together', name: 'x' }
  expect(HaRule.safeParse({ ...near, vms: ['a'] }).success).toBe(false)
  expect(HaRule.safeParse({ ...near, vms: ['group:a'] }).success).toBe(true)
  expect(HaRule.safeParse({ ...near, vms: ['team:a', 'b'] }).success).toBe(false)
})

// Both would be recovered only after the other: never.
test('nor does one that is to come wait for whoever waits for it: as a new VM, or as a clone', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a')
  story.result('n1', 'run1-1')
  say(story, 'a', { after: ['b'] })
  const loops = /b would wait for itself: look at what a wait for/
  const wish = { spec: VmSpec.parse({ memoryMib: 16 }), policy: HaPolicy.parse({ after: ['a'] }) }
  const identity = freshIdentity(new SeededRandom(1))
  story.ask({ do: 'run', request: { id: 'b', ...wish }, identity } as ApiCommand, 'run b')
  expect(refused(story)).toMatch(loops)
  group(story, 'web', ['b'], { after: ['a'] })
  story.clone('a', ['b'])
  expect(refused(story)).toMatch(loops)
  story.run('b')
  expect(refused(story)).toMatch(loops)
  expect([...story.state.vms.keys()]).toEqual(['a'])
  group(story, 'web', ['b'])
  story.run('b')
  expect(refused(story)).toBe(false)
})
