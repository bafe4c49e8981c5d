// The legacy SBI calls that old kernels and boot consoles still make: timer, console, shutdown.
// They answer in a0 alone. The other legacy calls (IPI and fences by a virtual address) are not
// supported.
// Source: SBI 2.0, chapter 5.

import { argument, SbiError, type SbiPorts } from './call.ts'

const noByte = -1n

type LegacyCall = (args: readonly bigint[], ports: SbiPorts) => bigint

const calls = new Map<bigint, LegacyCall>([
  [0n, setTimer],
  [1n, putChar],
  [2n, getChar],
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

function shutDown(_args: readonly bigint[], { end }: SbiPorts): bigint {
  end({ reason: 'shut-down', detail: 'The guest shut itself down.' })
  return 0n
}
