// Accounts by themselves: who may be made and removed, what is left of somebody who is gone, and
// what a login costs. Passwords are those of a double that counts; times are the test's.

import { expect, test } from 'vitest'
import { Accounts } from '#coordinator/accounts/accounts.ts'
import type { ShelfEntry } from '#coordinator/accounts/records.ts'
import { realRandom, sha256 } from '#env/real.ts'

function people(mayBeOpen = true, kept = new Map<string, ShelfEntry>()) {
  const verified: (string | undefined)[] = []
  const time = { nowMs: 0 }
  const accounts = new Accounts({
    shelf: {
      load: () => [...kept.values()],
      put: (entry) => void kept.set(`${entry.kind}/${entry.id}`, entry),
      remove: (kind, id) => void kept.delete(`${kind}/${id}`),
    },
    passwords: {
      hash: (password) => Promise.resolve(`hash of ${password}`),
      verify: (password, hash) => {
        verified.push(hash)
        return Promise.resolve(hash === `hash of ${password}`)
      },
    },
    ...{ sha256, mayBeOpen, randomBytes: (length: number) => realRandom.bytes(length) },
    nowMs: () => time.nowMs,
    wallMs: () => time.nowMs,
  })
  return { accounts, verified, kept, time }
}

test('without accounts everybody may do all, where that may be; with the first one nobody may', async () => {
  const { accounts } = people()
  expect(accounts.identify(undefined, true)).toMatchObject({ name: '', role: 'operator' })
  await accounts.add('olga', 'operator', 'p')
  expect(accounts.identify(undefined, true)).toBeUndefined()
  expect(people(false).accounts.identify(undefined, true)).toBeUndefined()
})

test('the first account is an operator, and the last operator stays as long as others are', async () => {
  const { accounts } = people()
  expect(await accounts.add('ann', 'person', 'p')).toMatchObject({ code: 'wrong-state' })
  expect(await accounts.add('machine', 'operator', 'p')).toMatchObject({ code: 'name-taken' })
  await accounts.add('olga', 'operator', 'p')
  await accounts.add('ann', 'person', 'p')
  expect(await accounts.add('ann', 'operator', 'p')).toMatchObject({ code: 'name-taken' })
  expect(accounts.remove('olga')).toMatchObject({ code: 'wrong-state' })
  expect(accounts.remove('ann')).toBeUndefined()
  expect(accounts.remove('olga')).toBeUndefined()
  expect(accounts.isOpen).toBe(true)
})

test('a login hashes once, whether somebody has the name or not', async () => {
  const { accounts, verified } = people()
  await accounts.add('olga', 'operator', 'p')
  await accounts.logIn('olga', 'wrong', 'a')
  await accounts.logIn('nobody', 'wrong', 'a')
  expect(verified).toEqual(['hash of p', undefined])
})

test('whoever gets the name of somebody who is gone gets no session, token or link of theirs', async () => {
  const { accounts } = people()
  await accounts.add('olga', 'operator', 'p')
  await accounts.add('ann', 'person', 'p')
  const session = accounts.openSession('ann', 'login')
  const link = { kind: 'link', account: 'ann', label: '', forMs: 1000 } as const
  const { secret } = accounts.grants.make(link)
  accounts.remove('ann')
  await accounts.add('ann', 'person', 'another')
  expect(accounts.identify({ by: 'bearer', secret: session.secret }, true)).toBeUndefined()
  expect(accounts.exchange(secret)).toMatchObject({ code: 'bad-token' })
})

/** What was kept after each single write of what is done: any of them may be the last one. */
async function keptAfterEachWrite(doing: (accounts: Accounts) => unknown) {
  const kept = new Map<string, ShelfEntry>()
  const { accounts } = people(true, kept)
  await accounts.add('olga', 'operator', 'p')
  await accounts.add('ann', 'person', 'p')
  const { secret } = accounts.openSession('ann', 'login')
  const states: Map<string, ShelfEntry>[] = []
  for (const change of ['set', 'delete'] as const) {
    const real = kept[change].bind(kept) as (...args: unknown[]) => never
    Object.assign(kept, {
      [change]: (...args: unknown[]) => {
        real(...args)
        states.push(new Map(kept))
      },
    })
  }
  await doing(accounts)
  return { states, session: { by: 'bearer', secret } as const }
}

test('killed at any moment of a removal, nobody comes into the next account of that name', async () => {
  const { states, session } = await keptAfterEachWrite((accounts) => accounts.remove('ann'))
  expect(states.length).toBeGreaterThan(1)
  for (const state of states) {
    const { accounts } = people(true, state)
    await accounts.add('ann', 'person', 'another')
    const isAnother = accounts.all.some(({ password }) => password === 'hash of another')
    if (isAnother) expect(accounts.identify(session, true)).toBeUndefined()
  }
})

test('killed at any moment of a new password, who had the old one is out when it counts', async () => {
  const set = (accounts: Accounts) => accounts.setPassword('ann', 'new')
  const { states, session } = await keptAfterEachWrite(set)
  expect(states.length).toBeGreaterThan(1)
  for (const state of states) {
    const { accounts } = people(true, state)
    const isNew = accounts.all.some(({ password }) => password === 'hash of new')
    if (isNew) expect(accounts.identify(session, true)).toBeUndefined()
  }
})

test('a restarted coordinator knows accounts and sessions, and keeps no secret to do so', async () => {
  const { accounts, kept } = people()
  await accounts.add('olga', 'operator', 'p')
  const { secret } = accounts.openSession('olga', 'login')
  const again = people(true, kept).accounts
  expect(again.identify({ by: 'cookie', secret }, true)).toMatchObject({ name: 'olga' })
  expect(JSON.stringify([...kept.values()])).not.toContain(secret)
})

test('who makes grants without end ends their own oldest ones, and nobody else’s', async () => {
  const { accounts } = people()
  await accounts.add('olga', 'operator', 'p')
  await accounts.add('ann', 'person', 'p')
  const olga = accounts.openSession('olga', 'login')
  const first = accounts.openSession('ann', 'login')
  for (let n = 0; n < 100; n++) accounts.openSession('ann', 'login')
  const isIn = ({ secret }: { secret: string }) =>
    accounts.identify({ by: 'bearer', secret }, true) !== undefined
  expect([isIn(first), isIn(olga)]).toEqual([false, true])
  expect(accounts.grants.list().length).toBe(101)
})

test('of too many sessions the oldest ends, also after the coordinator was started again', async () => {
  const { accounts, kept, time } = people()
  await accounts.add('olga', 'operator', 'p')
  const sessions = Array.from({ length: 100 }, (_, n) => {
    time.nowMs = n
    return accounts.openSession('olga', `login ${n}`)
  })
  // A store gives them by their ids, which say nothing of their age.
  const byId = new Map([...kept].sort(([a], [b]) => (a < b ? -1 : 1)))
  const again = people(true, byId)
  again.time.nowMs = 1000
  again.accounts.openSession('olga', 'login 100')
  const labels = new Set(again.accounts.grants.list().map(({ label }) => label))
  expect(sessions.filter(({ grant }) => !labels.has(grant.label))).toEqual([sessions[0]])
})
