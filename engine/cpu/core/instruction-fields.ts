// The fields of a 32-bit instruction that stand at the same place in every format that has them
// (unprivileged specification, "Base Instruction Formats"). `field1` and `field2` are rs1 and rs2
// where those are registers; some instructions hold other numbers there. Not here: immediates,
// whose bits each format orders anew (decode.ts).

@inline
export function rd(raw: u32): u32 {
  return raw >> 7 & 31
}

@inline
export function funct3(raw: u32): u32 {
  return raw >> 12 & 7
}

@inline
export function field1(raw: u32): u32 {
  return raw >> 15 & 31
}

@inline
export function field2(raw: u32): u32 {
  return raw >> 20 & 31
}

@inline
export function funct7(raw: u32): u32 {
  return raw >> 25
}
