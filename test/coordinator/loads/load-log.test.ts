// What the coordinator keeps of loads for people: that of the VM that is meant, and nothing of a
// node that is silent.
import { expect, test, vi } from 'vitest'
import { LoadLog } from '#coordinator/loads/load-log.ts'
import { VirtualClock } from '#env/memory.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { started } from '../core/story.ts'

const load = (cpuGotPercent: number) => ({
  ...{ cpuGotPercent, cpuDemandPercent: 2 * cpuGotPercent, mips: 1 },
  ...{ touchedBytes: 3 << 20, dirtyPagesPerSec: 7 },
})

function logged() {
  const story = started()
  const clock = new VirtualClock()
  const log = new LoadLog(story.state, clock)
  log.start()
  const vm = () => {
    const found = story.state.vms.get(asVmId('a'))
    invariant(found, 'it is there')
    return found
  }
  const node = story.state.nodes.get(vm().nodeId ?? asNodeId('n1'))
  invariant(node, 'it is on a node')
  return { story, clock, log, vm, node }
}

test('means of a VM and its node, four seconds each', () => {
  const { clock, log, vm, node } = logged()
  vm().live.load = load(10)
  clock.advance(2500)
  vm().live.load = load(20)
  node.live.cpuGotPercent = 20
  clock.advance(6500)
  expect(log.ofVm(vm())).toEqual({
    ...{ everyMs: 4000, wallMs: [4000, 8000] },
    ...{ cpuGotPercent: [15, 20], cpuDemandPercent: [30, 40] },
    ...{ dirtyPagesPerSec: [7, 7], touchedMib: [3, 3] },
  })
  expect(log.ofNode(node)).toMatchObject({ cpuGotPercent: [10, 20], memoryReservedMib: [16, 16] })
})

test('the cluster: all that is online, and all that runs', () => {
  const { story, clock, log, node } = logged()
  node.live.cpuGotPercent = 30
  clock.advance(4000)
  story.lose(node.id)
  clock.advance(4000)
  const { idleWatts, maxWatts } = story.state.power
  expect(log.ofCluster()).toMatchObject({
    ...{ cpuGotPercent: [30, 0], memoryReservedMib: [16, 0], nodesOnline: [2, 1] },
    ...{
      vmsRunning: [1, 0],
      watts: [2 * idleWatts + 0.3 * (maxWatts - idleWatts), expect.any(Number)],
    },
  })
})

test('of a silent node it is known what is set aside, and not what it does', () => {
  const { story, clock, log, vm, node } = logged()
  vm().live.load = load(10)
  clock.advance(4000)
  story.lose(node.id)
  expect(node.phase).not.toBe('online')
  clock.advance(4000)
  expect(log.ofNode(node).cpuGotPercent).toEqual([0, null])
  expect(log.ofNode(node).memoryReservedMib).toEqual([16, 16])
  expect(log.ofVm(vm()).cpuGotPercent).toEqual([10, null])
})

test('a VM that takes a name has not done what another did under it', () => {
  const { clock, log, vm } = logged()
  vm().live.load = load(10)
  clock.advance(4000)
  expect(log.ofVm({ ...vm(), serial: vm().serial + 1 }).wallMs).toEqual([])
})

test('a wall clock that is set back leaves times in order, as it reads now', () => {
  const { clock, log, vm } = logged()
  vm().live.load = load(10)
  let aheadMs = 0
  vi.spyOn(clock, 'wallMs').mockImplementation(() => clock.nowMs() + aheadMs)
  clock.advance(4000)
  aheadMs = -3_600_000
  clock.advance(4000)
  expect(log.ofVm(vm()).wallMs).toEqual([4000 + aheadMs, 8000 + aheadMs])
})

test('it looks no more when it is stopped', () => {
  const { clock, log } = logged()
  log.stop()
  expect(clock.nextAlarmMs).toBeUndefined()
})
