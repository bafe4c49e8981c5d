// The alarm of the RTC is the one device that acts by itself: under instruction-count time it must
// act at one exact instruction, or two runs of a VM would differ.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import { plicRegion, rtcIrq, rtcRegion } from '#engine/devices/memory-map.ts'
import { Machine } from '#engine/machine.ts'
import { HostTime, vmConfig } from './machine-rig.ts'
import { busy, ScriptedCore } from './scripted-core.ts'

/** The instruction at which the alarm interrupts a busy guest that set it after `before` others. */
function alarmAt(before: number, delayNs: number, slice: number): number {
  const cores: ScriptedCore[] = []
  const machine = new Machine({
    config: vmConfig(''),
    host: new HostTime(),
    makeCore: (hooks) => {
      const core = new ScriptedCore(hooks)
      cores.push(core)
      return core
    },
  })
  const core = cores[0] as ScriptedCore
  const store = (gpa: number, value: number) => core.hooks.mmioWrite(gpa, 4, BigInt(value))
  core.script = (_, budget) => {
    const left = before - core.retired
    core.retire(Math.min(left, budget))
    if (left > budget) return Exit.budget
    setAlarm(core, delayNs, store)
    core.script = busy
    return Exit.requested
  }
  let at: number | undefined
  core.setExternalInterrupt = (level) => {
    if (level) at ??= core.retired
  }
  machine.resume()
  while (at === undefined) machine.run(slice)
  return at
}

function setAlarm(
  core: ScriptedCore,
  delayNs: number,
  store: (gpa: number, value: number) => void,
): void {
  store(plicRegion.gpa + 4 * rtcIrq, 1)
  store(plicRegion.gpa + 0x2080, 1 << rtcIrq)
  store(rtcRegion.gpa + 0x10, 1)
  const load = (offset: number) => core.hooks.mmioRead(rtcRegion.gpa + offset, 4) ?? 0n
  const dueNs = load(0) + (load(4) << 32n) + BigInt(delayNs)
  store(rtcRegion.gpa + 0xc, Number(dueNs >> 32n))
  store(rtcRegion.gpa + 0x8, Number(dueNs & 0xffff_ffffn))
}

test('law: an alarm comes at the same instruction, however the run is cut into slices', () => {
  const instructions = fc.integer({ min: 0, max: 5000 })
  const delayNs = fc.integer({ min: 1, max: 200_000 })
  const slice = fc.integer({ min: 1, max: 10_000 })
  fc.assert(
    fc.property(instructions, delayNs, slice, slice, (before, delay, one, other) => {
      const at = alarmAt(before, delay, one)
      expect(alarmAt(before, delay, other)).toBe(at)
      // 100 instructions a tick of 100 ns: the first instruction at which the time has come.
      expect(at).toBe(100 * (Math.floor(before / 100) + Math.ceil(delay / 100)))
    }),
    { numRuns: 50 },
  )
})
