// SBI Debug Console extension ("DBCN"): the serial line, by calls instead of registers. Source: SBI
// 2.0, chapter 12. A call moves at most 4,096 bytes and says how many it did, as the specification
// allows.

import {
  answered,
  argument,
  refused,
  SbiError,
  type SbiExtension,
  type SbiPorts,
  type SbiReturn,
} from './call.ts'

export const debugConsoleId = 0x4442_434en

const bytesPerCallMax = 4096n

export const debugConsole: SbiExtension = (fid, args, ports) => {
  const [count, low, high] = [argument(args, 0), argument(args, 1), argument(args, 2)]
  const gpa = Number(low | (high << 64n))
  const length = Number(count < bytesPerCallMax ? count : bytesPerCallMax)
  switch (fid) {
    case 0n:
      return write(gpa, length, ports)
    case 1n:
      return read(gpa, length, ports)
    case 2n:
      ports.console.write(Number(count & 0xffn))
      return answered()
    default:
      return refused(SbiError.notSupported)
  }
}

function write(gpa: number, length: number, { core, console }: SbiPorts): SbiReturn | 'absent' {
  if (length === 0) return answered()
  const bytes = new Uint8Array(length)
  if (!Number.isSafeInteger(gpa)) return refused(SbiError.invalidParam)
  if (core.absentIn(gpa, length)) return 'absent'
  if (!core.dmaRead(gpa, bytes)) return refused(SbiError.invalidParam)
  for (const byte of bytes) console.write(byte)
  return answered(length)
}

/** Nothing is taken off the line unless the guest's buffer can hold it. */
function read(gpa: number, room: number, { core, console }: SbiPorts): SbiReturn | 'absent' {
  const bytes = new Uint8Array(Math.min(room, console.waiting))
  if (bytes.length === 0) return answered()
  if (!Number.isSafeInteger(gpa)) return refused(SbiError.invalidParam)
  if (core.absentIn(gpa, bytes.length)) return 'absent'
  if (!core.dmaRead(gpa, bytes)) return refused(SbiError.invalidParam)
  for (let at = 0; at < bytes.length; at++) bytes[at] = console.read() ?? 0
  core.dmaWrite(gpa, bytes)
  return answered(bytes.length)
}
