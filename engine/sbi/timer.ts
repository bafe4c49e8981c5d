// SBI Timer extension ("TIME"): the alarm of hart 0. Source: SBI 2.0, chapter 6. Unit: ticks of 10
// MHz.

import { answered, argument, refused, SbiError, type SbiExtension } from './call.ts'

export const timerId = 0x5449_4d45n

export const timer: SbiExtension = (fid, args, { core }) => {
  if (fid !== 0n) return refused(SbiError.notSupported)
  core.setTimer(argument(args, 0))
  return answered()
}
