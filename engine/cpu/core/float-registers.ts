// The floating-point registers f0 to f31 and fcsr, as instructions use them. A single lies in a
// register with all upper bits one; anything else read as a single is the canonical NaN ("NaN
// Boxing of Narrower Values", unprivileged specification). A change sets mstatus.FS to dirty.

import { Hart } from './layout'
import { Status } from './privileged'
import { canonicalNan } from './float-number'

const boxed: u64 = 0xffffffff00000000

/** Whether the instructions are there at all: FS is not off. */
@inline
export function floatIsOn(): bool {
  return (load<u64>(Hart.mstatus) & Status.fs) != 0
}

@inline
export function setFloatDirty(): void {
  store<u64>(Hart.mstatus, load<u64>(Hart.mstatus) | Status.fs)
}

/** The register as it is, for stores and moves. */
@inline
export function rawFloat(index: u32): u64 {
  return load<u64>(Hart.f + (<usize>index << 3))
}

@inline
export function readFloat<T>(index: u32): u64 {
  const raw = rawFloat(index)
  if (sizeof<T>() == 8) return raw
  return (raw & boxed) == boxed ? raw & 0xffffffff : canonicalNan<T>()
}

@inline
export function writeFloat<T>(index: u32, bits: u64): void {
  store<u64>(Hart.f + (<usize>index << 3), sizeof<T>() == 8 ? bits : bits | boxed)
  setFloatDirty()
}

/** Sets bits of fflags, which stay until the guest clears them. */
export function raise(flags: u32): void {
  store<u64>(Hart.fcsr, load<u64>(Hart.fcsr) | flags)
  setFloatDirty()
}

@inline
export function isRaised(flag: u32): bool {
  return (load<u64>(Hart.fcsr) & flag) != 0
}
