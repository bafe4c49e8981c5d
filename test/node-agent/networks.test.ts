// The network of a VM goes with it: told by the coordinator while it runs, carried to another node,
// and said there. Between real agent processes.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { eventually, vmOrder } from './coordinator-double.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
beforeEach(async () => {
  two = await TwoAgents.start()
})
afterEach(() => two.end())

test('a VM that is given away and moves is in the network of its new owner there', async () => {
  const { coordinator } = two
  const spec = { args: 'workload=dirty wss=1 rate=100', memoryMib: 16, network: '~ann' }
  await coordinator.command('a', { t: 'start', ...vmOrder('vm1', 1, spec) })
  const networkOn = (node: string) => coordinator.report(node, 'vm1')?.spec.network
  await eventually('its node says so', () => networkOn('a') === '~ann')
  const about = { vmId: asVmId('vm1'), epoch: asEpoch(1) }
  const told = await coordinator.command('a', { t: 'set-network', ...about, network: '~bob' })
  expect(told.fault).toBeUndefined()
  const stale = { ...about, epoch: asEpoch(0) }
  const late = await coordinator.command('a', { t: 'set-network', ...stale, network: '~ann' })
  expect(late.fault?.code).toBe('stale-epoch')
  two.migrate({})
  await eventually('it runs on b', () => coordinator.report('b', 'vm1')?.state === 'running')
  expect(networkOn('b')).toBe('~bob')
})
