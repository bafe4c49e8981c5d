// A decoded instruction as the core keeps it in the VM's memory (../cpu/core/entry.ts), for
// reading. Not here: decoding, which the core alone does, so that both engines mean the same by an
// instruction.

/** The core's `Op`s in their order; a test holds the two lists together. tidy: data table */
export const opNames = [
  'undecoded',
  'lb',
  'lh',
  'lw',
  'ld',
  'lbu',
  'lhu',
  'lwu',
  'sb',
  'sh',
  'sw',
  'sd',
  'addi',
  'slli',
  'slti',
  'sltiu',
  'xori',
  'srli',
  'ori',
  'andi',
  'srai',
  'addiw',
  'slliw',
  'srliw',
  'sraiw',
  'add',
  'sll',
  'slt',
  'sltu',
  'xor',
  'srl',
  'or',
  'and',
  'sub',
  'sra',
  'addw',
  'subw',
  'sllw',
  'srlw',
  'sraw',
  'mul',
  'mulh',
  'mulhsu',
  'mulhu',
  'div',
  'divu',
  'rem',
  'remu',
  'mulw',
  'divw',
  'divuw',
  'remw',
  'remuw',
  'lui',
  'auipc',
  'jal',
  'jalr',
  'beq',
  'bne',
  'blt',
  'bge',
  'bltu',
  'bgeu',
  'fence',
  'fencei',
  'system',
  'amo',
  'illegal',
  'flw',
  'fld',
  'fsw',
  'fsd',
  'float',
  'adduw',
  'sh1add',
  'sh2add',
  'sh3add',
  'sh1adduw',
  'sh2adduw',
  'sh3adduw',
  'slliuw',
  'andn',
  'orn',
  'xnor',
  'clz',
  'ctz',
  'cpop',
  'clzw',
  'ctzw',
  'cpopw',
  'max',
  'maxu',
  'min',
  'minu',
  'sextb',
  'sexth',
  'zexth',
  'rol',
  'ror',
  'rori',
  'rolw',
  'rorw',
  'roriw',
  'orcb',
  'rev8',
  'bclr',
  'bext',
  'binv',
  'bset',
  'bclri',
  'bexti',
  'binvi',
  'bseti',
  'enter',
] as const
export type OpName = (typeof opNames)[number]

export interface Instruction {
  /** Bytes from the region's base. */
  readonly offset: number
  readonly op: OpName
  /** 1 to 31; 0 when the result goes nowhere. Of `flw` and `fld` a floating-point register. */
  readonly rd: number
  readonly rs1: number
  readonly rs2: number
  /** Signed, 32 bits. Of amo, system and float the instruction as it lies in memory. */
  readonly immediate: number
  /** 2 or 4. */
  readonly bytes: number
  /** The low half of the entry, as executeAtomic wants it. */
  readonly word: number
}

/** How x0 is written as a destination. */
const sinkIndex = 32
/** The core scales the distance of branches and jumps: bytes of entries for a byte of code. */
const distanceScale = 4
const distances: ReadonlySet<OpName> = new Set(['jal', 'beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu'])

/** undefined when the entry holds nothing that was ever executed. */
export function instructionOf(
  offset: number,
  word: number,
  immediate: number,
): Instruction | undefined {
  const op = opNames[word & 0xff]
  if (op === undefined || op === 'undecoded') return undefined
  const rd = (word >>> 8) & 63
  return {
    offset,
    op,
    rd: rd === sinkIndex ? 0 : rd,
    rs1: (word >>> 16) & 63,
    rs2: (word >>> 24) & 63,
    immediate: distances.has(op) ? immediate / distanceScale : immediate,
    bytes: (word >>> 30) * 2,
    word,
  }
}
