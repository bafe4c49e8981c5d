// SBI IPI ("sPI") and RFENCE extensions, for a machine whose only other hart is the caller itself.
// Source: SBI 2.0, chapters 7 and 8. The fences of the hypervisor extension are not supported:
// there is none.

import type { Core } from '../cpu/core-port.ts'
import { answered, argument, namesOurHart, refused, SbiError, type SbiExtension } from './call.ts'

export const ipiId = 0x73_5049n
export const rfenceId = 0x5246_4e43n

export const ipi: SbiExtension = (fid, args, { core }) => {
  if (fid !== 0n) return refused(SbiError.notSupported)
  const ours = namesOurHart(argument(args, 0), argument(args, 1))
  if (ours === undefined) return refused(SbiError.invalidParam)
  if (ours) core.setSoftwareInterrupt(true)
  return answered()
}

/** remote_fence_i, remote_sfence_vma and remote_sfence_vma_asid. */
const fencesMax = 2n

export const rfence: SbiExtension = (fid, args, { core }) => {
  if (fid > fencesMax) return refused(SbiError.notSupported)
  const ours = namesOurHart(argument(args, 0), argument(args, 1))
  if (ours === undefined) return refused(SbiError.invalidParam)
  if (ours) forgetDerived(core)
  return answered()
}

/**
 * A restore drops all that is derived from memory: translations and decoded instructions. Kernels
 * on one hart fence by instruction and never come here, so this may be slow.
 */
export const forgetDerived = (core: Core): void => core.restore(core.capture())
