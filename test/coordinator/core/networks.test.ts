// Whose VMs a VM hears: decided with its owner, told to nodes until they have it, and never left to
// an agent that could not keep networks apart.

import { expect, test } from 'vitest'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { specOfNew, specOwnedBy } from '#coordinator/core/networks.ts'
import type { VmRecord } from '#coordinator/core/records.ts'
import { loadState, recordOf } from '#coordinator/core/stored-state.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import { segmentVersion } from '#proto/units.ts'
import { VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import { Story } from './story.ts'

const spec = (network: VmSpecInput['network']) => VmSpec.parse({ network })
const a = asVmId('a')

function story(speaks = segmentVersion): Story {
  const made = new Story()
  made.speaks = speaks
  made.join('n1', 'n2')
  return made
}

const networkOf = ({ state }: Story, id = 'a') => state.vms.get(asVmId(id))?.spec.network
const told = ({ sent }: Story) =>
  sent.flatMap((message) => (message.t === 'set-network' ? [message.network] : []))
const lastCommand = ({ sent }: Story) => {
  const last = sent.findLast((message) => message.t === 'set-network')
  return last?.t === 'set-network' ? last.commandId : ''
}
function runFor(made: Story, owner: string): void {
  const request = { id: 'a', spec: VmSpec.parse({ memoryMib: 16 }) }
  made.ask({ do: 'run', request, identity: freshIdentity(new SeededRandom(7)), owner })
}
/** A VM of ann's that runs on n1. */
function annsOn(made: Story): void {
  runFor(made, 'ann')
  for (const [id, { kind, nodeId }] of [...made.state.commands])
    if (kind === 'start') made.result(nodeId, id)
}

test('a person’s VM is among theirs; nobody’s is among nobody’s; a name is kept', () => {
  expect(specOfNew(spec(true), 'ann').network).toBe('~ann')
  expect(specOfNew(spec(true), undefined).network).toBe(true)
  expect(specOfNew(spec(false), 'ann').network).toBe(false)
  expect(specOfNew(spec('~ann'), undefined).network).toBe('~ann')
  expect(specOwnedBy(spec('~ann'), 'bob').network).toBe('~bob')
  expect(specOwnedBy(spec('~ann'), undefined).network).toBe(true)
  expect(specOwnedBy(spec('shop'), 'bob').network).toBe('shop')
  expect(specOwnedBy(spec(false), 'bob').network).toBe(false)
})

test('it starts in its owner’s network; one that is given away is told the new one', () => {
  const made = story()
  annsOn(made)
  const start = made.sent.find((message) => message.t === 'start')
  expect(start?.t === 'start' && start.spec.network).toBe('~ann')
  made.ask({ do: 'own', vmId: a, owner: 'bob' }, 'give a bob')
  expect([networkOf(made), told(made)]).toEqual(['~bob', ['~bob']])
  made.result('n1', lastCommand(made))
  made.beat('n1', ['a@1 running'])
  made.ask({ do: 'own', vmId: a }, 'give a nobody')
  expect(told(made)).toEqual(['~bob', true])
})

test('a node that has not heard of it says so, and is told again', () => {
  const made = story()
  annsOn(made)
  made.beat('n1', ['a@1 running net:true'])
  made.beat('n1', ['a@1 running net:true'])
  expect(told(made)).toEqual(['~ann'])
  made.lose('n1')
  made.hello('n1', ['a@1 running net:true'], 'n1-first')
  made.beat('n1', ['a@1 running net:true'])
  expect(told(made)).toEqual(['~ann', '~ann'])
  made.result('n1', lastCommand(made))
  made.beat('n1', ['a@1 running'])
  expect(told(made).length).toBe(2)
})

test('clones are in the network of their owner, who is their parent’s', () => {
  const made = story()
  annsOn(made)
  made.clone('a', ['b'])
  expect([networkOf(made, 'b'), made.state.vms.get(asVmId('b'))?.owner]).toEqual(['~ann', 'ann'])
})

test('agents that are too old run no VM that is to be apart, and are told of no network', () => {
  const made = story(segmentVersion - 1)
  runFor(made, 'ann')
  const vm = made.state.vms.get(a)
  expect([vm?.phase, vm?.fault?.message]).toEqual([
    'pending',
    expect.stringContaining('too old to keep networks apart: update it'),
  ])
  made.run('b')
  expect(made.state.vms.get(asVmId('b'))?.phase).toBe('starting')
  expect(told(made)).toEqual([])
})

test('a store from before takes a person’s VM to be among theirs', () => {
  const made = story()
  annsOn(made)
  const { spec: now, ...vm } = recordOf(made.state, { kind: 'vm', id: 'a' }) as VmRecord
  const record = { kind: 'vm', id: 'a', value: { ...vm, spec: { ...now, network: true } } } as const
  const loaded = loadState([record], { clusterId: 'c', runId: 'r' }, defaultSettings, 0)
  expect('vms' in loaded && loaded.vms.get(a)?.spec.network).toBe('~ann')
})
