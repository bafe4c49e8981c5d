// SBI System Reset extension ("SRST"): the guest ends its run. Source: SBI 2.0, chapter 10. A
// shutdown or reboot whose reason is "system failure" is a crash: the guest's panic handler makes
// that call.

import { answered, argument, refused, SbiError, type SbiExtension } from './call.ts'

export const systemResetId = 0x5352_5354n

const types = { shutdown: 0n, coldReboot: 1n, warmReboot: 2n } as const
const reasons = { none: 0n, systemFailure: 1n } as const

export const systemReset: SbiExtension = (fid, args, ports) => {
  if (fid !== 0n) return refused(SbiError.notSupported)
  const type = BigInt.asUintN(32, argument(args, 0))
  const reason = BigInt.asUintN(32, argument(args, 1))
  if (type > types.warmReboot || reason > reasons.systemFailure)
    return refused(SbiError.invalidParam)
  if (reason === reasons.systemFailure) {
    ports.end({ reason: 'crashed', detail: 'The guest reported a system failure.' })
  } else if (type === types.shutdown) {
    ports.end({ reason: 'shut-down', detail: 'The guest shut itself down.' })
  } else {
    ports.end({ reason: 'reboot', detail: 'The guest asked for a reboot.' })
  }
  return answered()
}
