// SBI Hart State Management extension ("HSM"): there is hart 0, and it runs, since it is the one
// that asks. It cannot stop, as nobody could start it again; nor suspend: `wfi` does that here.
// Source: SBI 2.0, chapter 9.

import { answered, argument, refused, SbiError, type SbiExtension } from './call.ts'

export const hartStateId = 0x48_534dn

const started = 0

export const hartState: SbiExtension = (fid, args) => {
  const ours = argument(args, 0) === 0n
  switch (fid) {
    case 0n:
      return refused(ours ? SbiError.alreadyAvailable : SbiError.invalidParam)
    case 1n:
      return refused(SbiError.failed)
    case 2n:
      return ours ? answered(started) : refused(SbiError.invalidParam)
    default:
      return refused(SbiError.notSupported)
  }
}
