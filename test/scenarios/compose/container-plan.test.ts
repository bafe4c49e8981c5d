// What Docker is told to make for a run: containers that are nobody much, secrets that no command
// line shows, networks of which a cut takes one, labels by which all of it is found again.

import { describe, expect, test } from 'vitest'
import { asNodeId } from '#proto/ids.ts'
import {
  agentPlan,
  connectPlan,
  coordinatorPlan,
  disconnectPlan,
  networkPlans,
  operatorSecretPlan,
  type RunNames,
  volumePlans,
} from '#scenarios/compose/container-plan.ts'
import type { ClusterSpec } from '#scenarios/world.ts'

const names: RunNames = {
  ...{ run: '7-ab', launcher: 'here/7/1', image: 'godwit:dev', images: undefined },
}
const node = { id: asNodeId('a'), cores: 2, mipsPerCore: 40, memoryMib: 256 }
const spec: ClusterSpec = {
  ...{ nodes: [node], leaseMs: 2500, heartbeatMs: 250, marginMs: 500, rebalance: false },
}
const containers = [coordinatorPlan(names, spec, 0), agentPlan(names, node)]
const made = [...networkPlans(names), ...volumePlans(names), ...containers]
/** Two words that follow each other. */
const says = (plan: readonly string[], ...[flag, value]: [string, string]) =>
  plan.some((word, i) => word === flag && plan[i + 1] === value)

test('all that a run makes can be found by its label, and by whose it is', () => {
  for (const plan of made) {
    expect(says(plan, '--label', 'godwit.run=7-ab')).toBe(true)
    expect(says(plan, '--label', 'godwit.launcher=here/7/1')).toBe(true)
  }
})

test.each(containers)('a container has no rights, no place to write, and an end: %s', (...plan) => {
  expect(plan).toContain('--read-only')
  expect(says(plan, '--cap-drop', 'ALL')).toBe(true)
  expect(says(plan, '--security-opt', 'no-new-privileges:true')).toBe(true)
  expect(plan).toEqual(expect.arrayContaining(['--pids-limit', '--memory']))
  expect(plan.filter((word) => word.startsWith('GODWIT_TOKEN'))).toEqual(['GODWIT_TOKEN'])
})

test('the operator of the world is who can read the volume: no command has the secret in it', () => {
  expect(operatorSecretPlan(names)).toEqual([
    ...['exec', 'godwit-7-ab-coordinator', 'cat', '/data/operator-secret'],
  ])
  for (const plan of made) expect(plan.join(' ')).not.toContain('operator-secret')
})

test('ports are published on this machine alone, the API again where it was', () => {
  const published = [...containers, coordinatorPlan(names, spec, 4711)].map(
    (plan) => plan[plan.indexOf('--publish') + 1],
  )
  expect(published).toEqual(['127.0.0.1::7070', '127.0.0.1::9100', '127.0.0.1:4711:7070'])
})

describe('a cut', () => {
  test('takes a node off one network, and the heal gives it back under its name', () => {
    expect(disconnectPlan(names, 'a', 'peers').slice(-2)).toEqual([
      'godwit-7-ab-peers',
      'godwit-7-ab-a',
    ])
    expect(says(connectPlan(names, 'a', 'peers'), '--alias', 'peer-a')).toBe(true)
    expect(says(agentPlan(names, node), '--advertise', 'ws://peer-a:7071')).toBe(true)
  })

  test('cannot be gone around: what is cut leads nowhere else, what is never cut is no way between nodes', () => {
    const [watch = [], control = [], peers = []] = networkPlans(names)
    expect([control, peers].every((plan) => plan.includes('--internal'))).toBe(true)
    expect(says(watch, '--opt', 'com.docker.network.bridge.enable_icc=false')).toBe(true)
  })
})

test('a node is what the scenario says, and finds pulled images where there are some', () => {
  const plan = agentPlan({ ...names, images: '/home/me/images' }, node)
  for (const [flag, value] of [
    ['--node', 'a'],
    ['--cores', '2'],
    ['--mips', '40'],
    ['--volume', '/home/me/images:/images:ro'],
  ] as const)
    expect(says(plan, flag, value)).toBe(true)
})
