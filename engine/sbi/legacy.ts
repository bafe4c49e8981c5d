// The legacy SBI calls that old kernels and boot consoles still make: timer, console, interrupts
// and fences of harts, shutdown. They answer in a0 alone. Which harts are meant stands in memory,
// and is not looked at: there is one, and one interrupt or fence more does it no harm.
// Source: SBI 2.0, chapter 5.

import { argument, SbiError, type SbiPorts } from './call.ts'
import { forgetDerived } from './remote-harts.ts'

const noByte = -1n

type LegacyCall = (args: readonly bigint[], ports: SbiPorts) => bigint

const calls = new Map<bigint, LegacyCall>([
  [0n, setTimer],
  [1n, putChar],
  [2n, getChar],
  [3n, clearIpi],
  [4n, sendIpi],
  [5n, fence],
  [6n, fence],
  [7n, fence],
  [8n, shutDown],
])

export const isLegacy = (extension: bigint): boolean => extension <= 0xfn

export const hasLegacy = (extension: bigint): boolean => calls.has(extension)

/** Returns what goes into a0. */
export function legacy(extension: bigint, args: readonly bigint[], ports: SbiPorts): bigint {
  return calls.get(extension)?.(args, ports) ?? BigInt(SbiError.notSupported)
}

function setTimer(args: readonly bigint[], { core }: SbiPorts): bigint {
  core.setTimer(argument(args, 0))
  return 0n
}

function putChar(args: readonly bigint[], { console }: SbiPorts): bigint {
  console.write(Number(argument(args, 0) & 0xffn))
  return 0n
}

function getChar(_args: readonly bigint[], { console }: SbiPorts): bigint {
  return BigInt(console.read() ?? noByte)
}

function clearIpi(_args: readonly bigint[], { core }: SbiPorts): bigint {
  core.setSoftwareInterrupt(false)
  return 0n
}

function sendIpi(_args: readonly bigint[], { core }: SbiPorts): bigint {
  core.setSoftwareInterrupt(true)
  return 0n
}

/** remote_fence_i, remote_sfence_vma, remote_sfence_vma_asid. */
function fence(_args: readonly bigint[], { core }: SbiPorts): bigint {
  forgetDerived(core)
  return 0n
}

function shutDown(_args: readonly bigint[], { end }: SbiPorts): bigint {
  end({ reason: 'shut-down', detail: 'The guest shut itself down.' })
  return 0n
}
