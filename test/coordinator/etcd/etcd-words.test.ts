// The acceptance suite of an etcd: the double in memory and, where this machine has one, the real
// one must both pass it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Etcd,
  grantLease,
  keepAlive,
  readAll,
  revokeLease,
  transact,
  type Write,
} from '#coordinator/etcd/etcd-words.ts'
import { etcdGateway } from '#coordinator/shell/etcd-gateway.ts'
import { realClock } from '#env/real.ts'
import { faultOf } from '#proto/faults.ts'
import { SimEtcd } from '#scenarios/sim/sim-etcd.ts'
import { EtcdClient } from './etcd-client.ts'
import { type EtcdMembers, hasEtcd, startEtcd } from './real-etcd.ts'

const callMs = 3000

function suite(name: string, etcdOf: () => Etcd): void {
  const put = (key: string, value: string): Write => ({ put: `${name}/${key}`, value })
  const otherwise = [`${name}/none`] as const
  const write = (writes: readonly Write[]) =>
    transact(etcdOf(), { guards: [], writes, otherwise }, callMs)

  test('a transaction is done whole when its guards hold, and not at all when one does not', async () => {
    const made = await write([put('a', '1'), put('ä', 'snow ❄')])
    const guarded = (createdAt: number, writtenAt: number) =>
      transact(
        etcdOf(),
        {
          guards: [
            { key: `${name}/a`, createdAt },
            { key: `${name}/ä`, writtenAt },
          ],
          writes: [put('a', '2'), { remove: `${name}/ä` }],
          otherwise: [`${name}/a`, `${name}/nothing`, `${name}/ä`],
        },
        callMs,
      )
    const refused = await guarded(made.revision, made.revision - 1)
    expect(refused.isDone).toBe(false)
    expect(refused.found.map(({ value }) => value)).toEqual(['1', 'snow ❄'])
    expect(refused.found[0]).toMatchObject({ createdAt: made.revision, writtenAt: made.revision })
    const done = await guarded(made.revision, made.revision)
    expect(done).toMatchObject({ isDone: true, revision: made.revision + 1 })
    expect(await readAll(etcdOf(), `${name}/`, callMs)).toEqual([
      { key: `${name}/a`, value: '2', createdAt: made.revision, writtenAt: done.revision },
    ])
  })

  test('a guard may say that there must be none', async () => {
    const once = () =>
      transact(
        etcdOf(),
        {
          guards: [{ key: `${name}/once`, createdAt: 0 }],
          writes: [put('once', 'x')],
          otherwise: [`${name}/once`],
        },
        callMs,
      )
    expect(await once()).toMatchObject({ isDone: true })
    expect(await once()).toMatchObject({ isDone: false, found: [{ value: 'x' }] })
  })

  test('all keys that begin so are read, however many, and no others', async () => {
    const keys = Array.from({ length: 1100 }, (_, n) => `many/${String(n).padStart(4, '0')}`)
    for (let n = 0; n < keys.length; n += 100)
      await write(keys.slice(n, n + 100).map((key) => put(key, key)))
    await write([put('many0', 'beside'), put('many', 'before')])
    const found = await readAll(etcdOf(), `${name}/many/`, callMs)
    expect(found.map(({ value }) => value)).toEqual(keys)
  })

  test('what hangs on a lease goes with it', async () => {
    const { leaseId, ttlMs } = await grantLease(etcdOf(), 5, callMs)
    expect(ttlMs).toBe(5000)
    await write([{ ...put('mortal', 'x'), leaseId } as Write])
    expect(await keepAlive(etcdOf(), leaseId, callMs)).toBe(5000)
    await revokeLease(etcdOf(), leaseId, callMs)
    expect(await readAll(etcdOf(), `${name}/mortal`, callMs)).toEqual([])
    expect(await keepAlive(etcdOf(), leaseId, callMs)).toBe(0)
  })

  test('what it will not do it refuses clearly', async () => {
    const tooMany = Array.from({ length: 129 }, (_, n) => put(`k${n}`, 'x'))
    const tooLarge = [put('large', 'x'.repeat(1_700_000))]
    const noLease = [{ ...put('k', 'x'), leaseId: '77' } as Write]
    for (const writes of [tooMany, tooLarge, noLease])
      expect(await write(writes).catch(faultOf)).toMatchObject({ code: 'wrong-state' })
  })
}

describe('the double', () => {
  const etcd = new EtcdClient(new SimEtcd(realClock))
  suite('suite', () => etcd)
})

// skipped: where this machine has no etcd (Debian: etcd-server)
describe.skipIf(!hasEtcd)('the real one', () => {
  let members: EtcdMembers
  let etcd: Etcd
  beforeAll(async () => {
    members = await startEtcd(1)
    etcd = etcdGateway({ urls: members.urls })
  })
  afterAll(() => members.stop())
  suite('suite', () => etcd)

  test('where nobody listens there is no answer, and the next one is asked', async () => {
    const { urls } = members
    const two = etcdGateway({ urls: ['http://127.0.0.1:9', ...urls] })
    expect(await readAll(two, 'x/', callMs).catch(faultOf)).toMatchObject({ code: 'link-lost' })
    expect(await readAll(two, 'x/', callMs)).toEqual([])
  })
})
