// A VM that waits for an absent page, as its pCPU has it: it costs nothing, holds nobody up, is
// announced once, and goes on when its page has come.

import { expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import { busy, type Script } from '../scripted-core.ts'
import { PcpuRig } from './pcpu-rig.ts'

/** Meets the absent page of the scripted core (page 3) after some work, until it is told. */
function needy() {
  const here = { page: false, runs: 0 }
  const script: Script = (core, budget) => {
    here.runs++
    if (here.page) return busy(core, budget)
    core.retire(10)
    return Exit.absent
  }
  return { here, script }
}

const absent = { on: 'absent', vmId: 'needy', page: 3 }
const page = (index: number) => Uint32Array.of(index)

test('it is announced once, costs nothing, and the others have the core', () => {
  const { here, script } = needy()
  const rig = new PcpuRig({ scripts: { needy: script } })
  rig.start('needy')
  rig.start('busy')
  rig.runMs(50)
  expect(rig.events).toEqual([absent])
  expect(here.runs).toBe(1)
  expect(rig.stats('busy').ranMs).toBeGreaterThan(49)
  expect(rig.stats('needy').runnableMs).toBeLessThan(2)
  rig.do({ do: 'pause', vmId: 'busy' })
  expect(rig.pcpu.run()).toBe(Infinity)
})

test('it goes on when its page has come, and not for another', () => {
  const { here, script } = needy()
  const rig = new PcpuRig({ scripts: { needy: script } })
  rig.start('needy')
  rig.start('busy')
  rig.runMs(50)
  rig.do({ do: 'present', vmId: 'needy', pages: page(4) })
  rig.do({ do: 'input', vmId: 'needy', offset: 0, bytes: Uint8Array.of(65) })
  rig.runMs(5)
  expect(here.runs).toBe(1)
  here.page = true
  rig.do({ do: 'present', vmId: 'needy', pages: Uint32Array.of(9, 3) })
  const before = rig.stats('needy').ranMs
  rig.runMs(100)
  const share = (rig.stats('needy').ranMs - before) / 100
  expect(Math.abs(share - 0.5)).toBeLessThan(0.05)
})

test('a page that is told to one that does not wait changes nothing', () => {
  const rig = new PcpuRig()
  rig.start('a')
  rig.do({ do: 'present', vmId: 'a', pages: page(3) })
  rig.do({ do: 'pause', vmId: 'a' })
  rig.do({ do: 'present', vmId: 'a', pages: page(3) })
  expect(rig.pcpu.run()).toBe(Infinity)
})

test('it can be paused, captured and resumed, and then says again what it waits for', () => {
  const { here, script } = needy()
  const rig = new PcpuRig({ scripts: { needy: script } })
  rig.start('needy')
  rig.runMs(5)
  rig.do({ do: 'pause', vmId: 'needy' })
  const { sections } = rig.do({ do: 'capture', vmId: 'needy' })
  expect(sections.length).toBeGreaterThan(3)
  rig.do({ do: 'present', vmId: 'needy', pages: page(3) })
  rig.runMs(5)
  expect(here.runs).toBe(1)
  rig.do({ do: 'resume', vmId: 'needy' })
  rig.runMs(5)
  expect(rig.events).toEqual([absent, absent])
  rig.do({ do: 'detach', vmId: 'needy' })
  expect(rig.pcpu.run()).toBe(Infinity)
})
