// The coordinator is killed and started again: it forgets nothing, and the guests never notice.

import { expect, test } from 'vitest'
import { realClock } from '#env/real.ts'
import { GuestRequests } from '#scenarios/guest-requests.ts'
import { nodesOf, startCluster } from './cluster.ts'

/**
 * Guests do not notice an absence shorter than the lease; a busy machine takes seconds to start a
 * process.
 */
const leaseMs = 15_000

test('a coordinator that was killed comes back to the same cluster, and no guest was rebooted', {
  timeout: 300_000,
}, async () => {
  const cluster = await startCluster(nodesOf('a', 'b'), leaseMs)
  const { api, world } = cluster
  await api.run({ id: 'one', spec: { args: 'workload=cpu load=5', memoryMib: 8 } })
  await api.run({ id: 'two', spec: { args: 'workload=cpu load=5', memoryMib: 8 }, nodeId: 'b' })
  await Promise.all(['one', 'two'].map((id) => cluster.runsOnce(id)))
  const before = await api.vms()
  const uptimeMs = () => uptimeOf(cluster.api, 'one')
  const first = await uptimeMs()

  await world.killCoordinator()
  await world.restartCoordinator()
  await cluster.online()

  await Promise.all(['one', 'two'].map((id) => cluster.runsOnce(id)))
  const known = (vms: typeof before) =>
    vms.map(({ id, nodeId, epoch, identity, recoveries }) => ({
      id,
      nodeId,
      epoch,
      identity,
      recoveries,
    }))
  expect(known(await api.vms())).toEqual(known(before))
  expect(await uptimeMs()).toBeGreaterThan(first)
  expect((await api.events()).some((event) => event.kind === 'vm-recovering')).toBe(false)
  expect(cluster.doubles).toEqual([])
  expect(await cluster.stop()).toEqual([])
})

/** The guest's own clock since its boot: it would begin anew with a reboot. */
async function uptimeOf(api: ConstructorParameters<typeof GuestRequests>[0], vmId: string) {
  const requests = new GuestRequests(api, realClock, vmId, 'u1')
  const answer = await new Promise<readonly string[]>((resolve) => requests.ask('ping', resolve))
  requests.close()
  expect(answer[0]).toBe('pong')
  return Number(answer[1])
}
