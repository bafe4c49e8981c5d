// A guest with a watchdog on a pCPU that does not let it run, or that it has come to late: it is
// not to blame for that. Time passes only by instructions and by the pCPU's sleep.

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import { watchdogId } from '#engine/sbi/watchdog.ts'
import { busy, type Script } from '../scripted-core.ts'
import { PcpuRig } from './pcpu-rig.ts'

const withinMs = 100

/** Says that it is there, works for half of its time, and says it again; or no more. */
const heard = (state: { readonly isHung: boolean; readonly lacksPage: boolean }): Script => {
  let isTold = false
  return (core, budget) => {
    if (state.lacksPage) return Exit.absent
    isTold = !isTold
    if (isTold || state.isHung) return busy(core, budget)
    core.setX(17, watchdogId)
    core.setX(16, 0n)
    core.setX(10, BigInt(withinMs))
    core.retire(1)
    return Exit.sbi
  }
}

function watched(more: object = {}) {
  const state = { isHung: false, lacksPage: false }
  const rig = new PcpuRig({ scripts: { a: heard(state) } })
  rig.start('a', more)
  rig.runMs(50)
  const ends = () => rig.events.filter(({ on }) => on === 'stopped').length
  return { rig, state, ends }
}

describe('the watchdog of a guest', () => {
  test('ends it when it hangs', () => {
    const { rig, state, ends } = watched()
    state.isHung = true
    rig.runMs(withinMs / 2)
    expect(ends()).toBe(0)
    rig.runMs(withinMs)
    expect(ends()).toBe(1)
  })

  test('is patient with the time that passed while it was on its way', () => {
    const { rig, ends } = watched()
    rig.do({ do: 'pause', vmId: 'a' })
    rig.do({ do: 'resume', vmId: 'a', elapsedMs: 3 * withinMs })
    rig.runMs(2 * withinMs)
    expect(ends()).toBe(0)
  })

  test('is patient while a deadline holds it', () => {
    const { rig, ends } = watched()
    rig.do({ do: 'allow', vmId: 'a', untilMs: rig.host.ms })
    rig.runMs(3 * withinMs)
    rig.do({ do: 'allow', vmId: 'a', untilMs: Infinity })
    rig.runMs(2 * withinMs)
    expect(ends()).toBe(0)
  })

  test('is patient while it waits for a page that is not here', () => {
    const { rig, state, ends } = watched()
    state.lacksPage = true
    rig.runMs(3 * withinMs)
    state.lacksPage = false
    rig.do({ do: 'present', vmId: 'a', pages: Uint32Array.of(3) })
    rig.runMs(2 * withinMs)
    expect(ends()).toBe(0)
  })

  test('ends one that hangs once it has had its time, whatever was kept from it', () => {
    const { rig, state, ends } = watched({ cpuCapPercent: 50 })
    state.isHung = true
    rig.runMs(4 * withinMs)
    expect(ends()).toBe(1)
  })
})
