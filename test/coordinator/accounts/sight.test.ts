// What is declared about VMs, as each gets to see it: groups and whose word a policy is are for who
// sees the cluster; a person learns how their own VM is kept running.

import { expect, test } from 'vitest'
import type { ClusterView } from '#proto/api.ts'
import { ask, hasPeople, vmOf, ways } from './people.ts'

hasPeople()

test('groups, and whose word a policy is, are for who sees the cluster', async () => {
  const group = { name: 'all', vms: [vmOf('ann'), vmOf('bob')], policy: { priority: 200 } }
  await ask('PUT', '/v1/groups/all', ways.olga, group)
  await ask('PUT', '/v1/groups/base', ways.olga, { name: 'base', vms: [] })
  await ask('PATCH', `/v1/vms/${vmOf('ann')}/ha`, ways.olga, { after: ['group:base'] })
  const seen = async (name: string) => {
    const view = (await ask('GET', '/v1/cluster', ways[name])).body as ClusterView
    const { policy, ownPolicy } = view.vms.find(({ id }) => id === vmOf('ann')) ?? {}
    return { groups: view.groups?.map((one) => one.name), policy, ownPolicy }
  }
  for (const name of ['olga', 'vera'])
    expect(await seen(name)).toMatchObject({
      groups: ['all', 'base'],
      policy: { priority: 200, after: ['group:base'] },
      ownPolicy: { after: ['group:base'] },
    })
  for (const name of ['ann', 'link to ann'])
    expect(await seen(name)).toMatchObject({
      ...{ groups: undefined, ownPolicy: undefined },
      policy: { priority: 200, after: [] },
    })
  const answer = await ask('GET', `/v1/vms/${vmOf('ann')}`, ways.ann)
  expect(answer.text).not.toContain('group')
})
