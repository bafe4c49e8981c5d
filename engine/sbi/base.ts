// SBI Base extension: which SBI this is, and which extensions it has.
// Not here: the list of extensions (sbi.ts).
// Source: RISC-V Supervisor Binary Interface Specification 2.0, chapter 4.

import { answered, argument, refused, SbiError, type SbiExtension } from './call.ts'

export const baseId = 0x10n

/** 2.0: the major version in bits 24 to 30, the minor one below. */
const specVersion = 2n << 24n
/**
 * Numbers are given out by the specification's table 6, and we have none: "GDWT", far above them.
 */
const implementationId = 0x4744_5754n
const implementationVersion = 1n

/** `has`: whether an extension of that number is there. */
export const base =
  (has: (extension: bigint) => boolean): SbiExtension =>
  (fid, args) => {
    switch (fid) {
      case 0n:
        return answered(specVersion)
      case 1n:
        return answered(implementationId)
      case 2n:
        return answered(implementationVersion)
      case 3n:
        return answered(has(argument(args, 0)) ? 1 : 0)
      case 4n: // mvendorid, marchid, mimpid: 0 stands for "not implemented"
      case 5n:
      case 6n:
        return answered(0)
      default:
        return refused(SbiError.notSupported)
    }
  }
