// The SBI as the VMM answers it: from the registers of an `ecall` to the extension, and back.
// Not here: firmware in M-mode, which would answer instead of us on a machine that boots
// unmodified.
// Source: SBI 2.0, chapter 3: a7 = extension, a6 = function, a0 to a5 = arguments; answers in a0
// (error), a1 (value).

import { base, baseId } from './base.ts'
import { SbiError, type SbiExtension, type SbiPorts } from './call.ts'
import { debugConsole, debugConsoleId } from './debug-console.ts'
import { hartState, hartStateId } from './hart-state.ts'
import { hasLegacy, isLegacy, legacy } from './legacy.ts'
import { ipi, ipiId, rfence, rfenceId } from './remote-harts.ts'
import { stealTime, stealTimeId } from './steal-time.ts'
import { systemReset, systemResetId } from './system-reset.ts'
import { timer, timerId } from './timer.ts'
import { watchdog, watchdogId } from './watchdog.ts'

const extensions: ReadonlyMap<bigint, SbiExtension> = new Map([
  [baseId, base((extension) => extensions.has(extension) || hasLegacy(extension))],
  [timerId, timer],
  [ipiId, ipi],
  [rfenceId, rfence],
  [hartStateId, hartState],
  [systemResetId, systemReset],
  [debugConsoleId, debugConsole],
  [stealTimeId, stealTime],
  [watchdogId, watchdog],
])

const a0 = 10
const a1 = 11
const a6 = 16
const a7 = 17

/**
 * Answers the call that the core has just left with; pc is behind its `ecall` already. False: it
 * needs the absent page that the core names, and is to be answered anew when that is here.
 */
export function answerSbi(ports: SbiPorts): boolean {
  const { core } = ports
  const extension = BigInt.asUintN(64, core.x(a7))
  const args = [0, 1, 2, 3, 4, 5].map((index) => BigInt.asUintN(64, core.x(a0 + index)))
  if (isLegacy(extension)) {
    core.setX(a0, legacy(extension, args, ports))
    return true
  }
  const serve = extensions.get(extension)
  const answer = serve?.(BigInt.asUintN(64, core.x(a6)), args, ports)
  if (answer === 'absent') return false
  core.setX(a0, BigInt(answer?.error ?? SbiError.notSupported))
  core.setX(a1, answer?.value ?? 0n)
  return true
}
