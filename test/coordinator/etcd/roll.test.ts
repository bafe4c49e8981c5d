// The roll of coordinators in etcd: who has an address for browsers enters it, all read it, what is
// in it that cannot be an address is left out, and nobody is in it for long who is gone.

import { beforeEach, expect, test } from 'vitest'
import { transact } from '#coordinator/etcd/etcd-words.ts'
import { entryTtlSec, Roll } from '#coordinator/etcd/roll.ts'
import { MemoryLog, VirtualClock } from '#env/memory.ts'
import { SimEtcd } from '#scenarios/sim/sim-etcd.ts'
import { EtcdClient } from './etcd-client.ts'
import { pass } from './passing-time.ts'

let clock: VirtualClock
let client: EtcdClient
beforeEach(() => {
  clock = new VirtualClock(0)
  client = new EtcdClient(new SimEtcd(clock))
})

/** One that has looked twice: what the others have entered meanwhile, it knows. */
async function begun(name: string, address = `http://${name}.example`, isPublic = true) {
  const ports = { etcd: client, clock, log: new MemoryLog(), prefix: 'godwit/', isPublic }
  const roll = new Roll({ ...ports, me: { name, address, id: name } })
  void roll.start()
  await pass(clock, 6000)
  return roll
}
const put = async (name: string, value: string) => {
  const writes = [{ put: `godwit/coordinators/${name}`, value }]
  void transact(client, { guards: [], writes, otherwise: ['godwit/leader'] }, 1000)
  await pass(clock, 10)
}
const names = ({ others }: Roll) => others.map(({ name }) => name)

test('each with an address for others is in it; what is none becomes no word of a header', async () => {
  const c1 = await begun('c1')
  const hidden = await begun('c2', 'http://127.0.0.1:7070', false)
  await put('evil', JSON.stringify({ name: 'evil', address: 'javascript:alert(1)', id: 'x' }))
  await put('odd', JSON.stringify({ name: 'odd', address: "http://x.example/ 'unsafe'", id: 'x' }))
  await put('noise', 'no JSON')
  await begun('c3')
  await pass(clock, 6000)
  expect(c1.others.map(({ name, address }) => `${name} ${address}`)).toEqual([
    'c3 http://c3.example',
    'odd http://x.example',
  ])
  expect(names(hidden)).toEqual(['c1', 'c3', 'odd'])
})

test('who is gone is in it for as long as pages are open, and then no more', async () => {
  const c1 = await begun('c1')
  const c2 = await begun('c2')
  c1.stop()
  await pass(clock, entryTtlSec * 1000 - 20_000)
  expect(names(c2)).toEqual(['c1'])
  await pass(clock, 30_000)
  expect(names(c2)).toEqual([])
})

test('an entry that etcd has lost is made anew, and one of an earlier process replaced', async () => {
  const c1 = await begun('c1')
  await begun('c2', 'http://old.example')
  const again = await begun('c2', 'http://new.example')
  expect(c1.others).toMatchObject([{ address: 'http://new.example' }])
  again.stop()
})
