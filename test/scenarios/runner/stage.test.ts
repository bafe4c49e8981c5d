// What steps wait for, by what the cluster shows meanwhile.

import { expect, test } from 'vitest'
import type { VmView } from '#proto/api.ts'
import { FaultError } from '#proto/faults.ts'
import { act } from '#scenarios/runner/actions.ts'
import { type Stage, untilRunning } from '#scenarios/runner/stage.ts'

/** A stage whose views show the VM so, one after the other; the first stands while it is asked. */
function stageOf(...phases: readonly [VmView['phase'], epoch: number][]): Stage {
  let at = 0
  const vm = () => {
    const [phase, epoch] = phases[Math.min(at, phases.length - 1)] ?? ['stopped', 0]
    return { id: 'a', phase, epoch }
  }
  const until = async <T>(what: string, _: number, look: () => T | undefined): Promise<T> => {
    for (at = 0; at < phases.length; at++) {
      const found = look()
      if (found !== undefined) return found
    }
    throw new Error(`never seen: ${what}`)
  }
  const api = { act: async () => vm(), relocate: async () => vm() }
  return { api, view: () => ({ vms: [vm()] }), waiting: { until } } as unknown as Stage
}

const stop = { do: 'stop', vm: 'a', within: 1000 } as const
const relocate = { do: 'relocate', vm: 'a', within: 1000, outcome: 'done' } as const

test('a VM that has failed is stopped, although the next view still shows it as it was', async () => {
  await act(stop as never, stageOf(['failed', 1], ['failed', 1], ['stopped', 1]), [])
})

test('and is relocated; when it fails again, that is the end of the step', async () => {
  await act(relocate as never, stageOf(['failed', 1], ['starting', 2], ['running', 2]), [])
  const again = stageOf(['failed', 1], ['starting', 2], ['failed', 2], ['running', 3])
  await expect(act(relocate as never, again, [])).rejects.toThrow('a has failed')
})

test('one that nobody waits for may be started where no node can take it yet', async () => {
  const start = { do: 'start', vm: 'a', within: 1000, wait: false, outcome: 'done' } as const
  await act(start as never, stageOf(['failed', 1], ['pending', 1]), [])
})

test('who waits in vain for a VM is told why it is not there, if anybody knows', async () => {
  const fault = { code: 'timed-out', message: 'Waited 1000 ms in vain for: a to run.' } as const
  const until = () => Promise.reject(new FaultError(fault))
  const waitsWith = (why: () => Promise<unknown>) =>
    untilRunning({ api: { why }, waiting: { until } } as unknown as Stage, 'a', 1000)
  const why = { now: 'a waits for a node with room', mend: ['stop something, or add a node'] }
  await expect(waitsWith(async () => why)).rejects.toThrow(
    `${fault.message} a waits for a node with room; stop something, or add a node`,
  )
  await expect(waitsWith(async () => Promise.reject(new Error('away')))).rejects.toThrow(
    new FaultError(fault),
  )
})
