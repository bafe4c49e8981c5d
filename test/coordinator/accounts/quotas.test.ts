// Quotas as people meet them: an operator sets one, its person sees it and is held to it, and
// nobody else sees or changes it.

import { afterAll, expect, test } from 'vitest'
import type { QuotaView } from '#proto/quotas.ts'
import { ask, hasPeople, vmOf, ways } from './people.ts'

hasPeople()
const set = (way: object | undefined, quota: object, name = 'ann') =>
  ask('PUT', `/v1/accounts/${name}/quota`, way, quota)
const seenBy = async (way: object | undefined) =>
  (await ask('GET', '/v1/cluster', way)).body as { readonly quotas?: readonly QuotaView[] }
const persons = async (name: string) => (await seenBy(ways[name])).quotas?.map((q) => q.person)

afterAll(async () => {
  for (const name of ['ann', 'bob']) await set(ways.olga, {}, name)
})

test('is set by an operator alone, for a person alone, in numbers that can be', async () => {
  expect((await set(ways.ann, { vms: 99 })).status).toBe(403)
  expect((await set(ways.vera, { vms: 99 })).status).toBe(403)
  expect((await set(ways.olga, { vms: 1 }, 'vera')).status).toBe(409)
  expect((await set(ways.olga, { vms: 1 }, 'nobody')).status).toBe(404)
  expect((await set(ways.olga, { vms: -1 })).status).toBe(400)
  const { body } = await set(ways.olga, { vms: 1, memoryMib: 64 })
  expect(body).toMatchObject({
    name: 'ann',
    quota: { used: { vms: 1, memoryMib: 32 }, by: 'olga' },
  })
})

test('a VM too many is a problem that says what is used, what is allowed, and whom to ask', async () => {
  await set(ways.olga, { vms: 1 })
  const { status, body, headers } = await ask('POST', '/v1/vms', ways.ann, { id: 'more', spec: {} })
  expect([status, headers.get('content-type')]).toEqual([
    403,
    expect.stringContaining('application/problem+json'),
  ])
  expect(body).toMatchObject({
    type: 'urn:godwit:fault:over-quota',
    detail:
      'ann has 1 of 1 VMs, and would have 2 of 1 VMs: stop or remove a VM, or ask olga for more',
  })
  const clone = { ids: ['more'] }
  for (const way of [ways.ann, ways.olga])
    expect((await ask('POST', `/v1/vms/${vmOf('ann')}/clone`, way, clone)).status).toBe(403)
})

test('a snapshot too many is a problem too, whoever asks for it', async () => {
  await set(ways.olga, { snapshots: 0, templates: 0 })
  for (const way of [ways.ann, ways.olga]) {
    const path = `/v1/vms/${vmOf('ann')}/snapshots`
    const { status, body } = await ask('POST', path, way, { name: 'one' })
    expect(status).toBe(403)
    expect(body).toMatchObject({
      type: 'urn:godwit:fault:over-quota',
      detail:
        'ann has 0 of 0 snapshots, and would have 1 of 0 snapshots: ' +
        'remove a snapshot, or ask olga for more',
    })
  }
  expect((await ask('GET', '/v1/me', ways.ann)).body).toMatchObject({
    quota: { allowed: { snapshots: 0, templates: 0 }, used: { snapshots: 0, templates: 0 } },
  })
})

test('its person sees it, in the view and of themselves; others do not, by no way', async () => {
  await set(ways.olga, { vms: 2 })
  await set(ways.olga, { vms: 3 }, 'bob')
  expect(await persons('ann')).toEqual(['ann'])
  expect(await persons('bob')).toEqual(['bob'])
  for (const name of ['olga', 'vera']) expect(await persons(name)).toEqual(['ann', 'bob'])
  expect((await seenBy(ways['link to ann'])).quotas).toEqual([])
  expect((await ask('GET', '/v1/me', ways.ann)).body).toMatchObject({
    quota: { allowed: { vms: 2 }, used: { vms: 1 } },
  })
  expect((await ask('GET', '/v1/me', ways['link to ann'])).body).not.toHaveProperty('quota')
})
