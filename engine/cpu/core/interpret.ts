// The interpreter: one loop over decoded entries. Its place is an entry's address (`slot`); the pc
// is worked out of it when somebody asks. Registers are the words from address 0 on. Exact: `left`
// counts down by one for each instruction that retires, and the loop ends at zero, wherever that
// is. The switch is a table: a line an instruction, which the compiler turns into one jump
// (br_table). What changes from one turn of the loop to the next is `left` and `slot` alone: each
// local more is one that V8 writes to the stack and reads again at every instruction.

import { Hart, Tlb, Vm } from './layout'
import { Op, floatRd, floatRs2, immediateOf, lengthOf, opOf } from './entry'
import { isCompressed, rs1, rs2, setRd } from './entry'
import { Outcome } from './outcome'
import { dataBank, pageAddress, tlbEntry } from './tlb'
import { loadSlowly, storeSlowly } from './access'
import { codeAt, fetch } from './fetch'
import { counterOf, dropStaleBlocks, pageSlotBytes, slotBytes } from './decoded-pages'
import { blockFlag, regionFlag } from './decoded-pages'
import { executeAtomic } from './atomic'
import { executeSystem, illegal } from './system'
import { executeFloat } from './float'
import { floatIsOn, rawFloat, writeFloat } from './float-registers'
import { divide, divideUnsigned, remainder, remainderUnsigned } from './arithmetic'
import { bitAt, orCombineBytes } from './bits'
import { multiplyHigh, multiplyHighMixed, multiplyHighUnsigned } from './arithmetic'

/** How many times as often a place inside a region must be jumped to. */
const patience: u32 = 8

/**
 * Retires up to `budget` instructions from Hart.pc on, and leaves Hart.pc and Hart.retired exact.
 */
export function interpret(budget: i32): Outcome {
  const bank = dataBank()
  const threshold = load<u32>(Vm.threshold)
  let left = budget
  let slot: usize = Vm.elsewhere
  store<i32>(Vm.slice, budget)
  while (left > 0) {
    let entry = load<u64>(slot)
    if (opOf(entry) == Op.undecoded) {
      const pc = pcAt(slot)
      const fetched = fetch(pc)
      if (fetched != Outcome.done) return leave(fetched, pc, left)
      entry = load<u64>(Vm.entry)
      store<u64>(Vm.page, pageAddress(pc))
      slot = load<usize>(Vm.slot)
      if (left != budget && threshold != 0 && isHot(slot, threshold)) {
        return leave(Outcome.enter, pc, left)
      }
    }
    const word = <u32>entry
    const imm = immediateOf(entry)
    // tidy: data table
    switch (word & 0xff) {
      case Op.lb: { const outcome = loadRd<i8>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.lh: { const outcome = loadRd<i16>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.lw: { const outcome = loadRd<i32>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.ld: { const outcome = loadRd<u64>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.lbu: { const outcome = loadRd<u8>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.lhu: { const outcome = loadRd<u16>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.lwu: { const outcome = loadRd<u32>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.sb: { const outcome = storeRs2<u8>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.sh: { const outcome = storeRs2<u16>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.sw: { const outcome = storeRs2<u32>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.sd: { const outcome = storeRs2<u64>(word, imm, bank, left); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }

      case Op.flw:
      case Op.fld:
      case Op.fsw:
      case Op.fsd: {
        const outcome = floatIsOn()
          ? accessFloat(word, imm, bank, left)
          : illegal(codeAt(pcAt(slot)))
        if (outcome != Outcome.done) return stop(outcome, word, slot, left)
        break
      }
      case Op.float: { const outcome = executeFloat(<u32>imm); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }

      case Op.addi: setRd(word, rs1(word) + imm); break
      case Op.slti: setRd(word, <u64>(<i64>rs1(word) < <i64>imm)); break
      case Op.sltiu: setRd(word, <u64>(rs1(word) < imm)); break
      case Op.xori: setRd(word, rs1(word) ^ imm); break
      case Op.ori: setRd(word, rs1(word) | imm); break
      case Op.andi: setRd(word, rs1(word) & imm); break
      case Op.slli: setRd(word, rs1(word) << imm); break
      case Op.srli: setRd(word, rs1(word) >> imm); break
      case Op.srai: setRd(word, <u64>(<i64>rs1(word) >> imm)); break
      case Op.addiw: setRd(word, extend(<u32>rs1(word) + <u32>imm)); break
      case Op.slliw: setRd(word, extend(<u32>rs1(word) << <u32>imm)); break
      case Op.srliw: setRd(word, extend(<u32>rs1(word) >> <u32>imm)); break
      case Op.sraiw: setRd(word, <u64>(<i32>rs1(word) >> <i32>imm)); break

      case Op.add: setRd(word, rs1(word) + rs2(word)); break
      case Op.sub: setRd(word, rs1(word) - rs2(word)); break
      case Op.sll: setRd(word, rs1(word) << (rs2(word) & 63)); break
      case Op.slt: setRd(word, <u64>(<i64>rs1(word) < <i64>rs2(word))); break
      case Op.sltu: setRd(word, <u64>(rs1(word) < rs2(word))); break
      case Op.xor: setRd(word, rs1(word) ^ rs2(word)); break
      case Op.srl: setRd(word, rs1(word) >> (rs2(word) & 63)); break
      case Op.sra: setRd(word, <u64>(<i64>rs1(word) >> (rs2(word) & 63))); break
      case Op.or: setRd(word, rs1(word) | rs2(word)); break
      case Op.and: setRd(word, rs1(word) & rs2(word)); break
      case Op.addw: setRd(word, extend(<u32>rs1(word) + <u32>rs2(word))); break
      case Op.subw: setRd(word, extend(<u32>rs1(word) - <u32>rs2(word))); break
      case Op.sllw: setRd(word, extend(<u32>rs1(word) << (<u32>rs2(word) & 31))); break
      case Op.srlw: setRd(word, extend(<u32>rs1(word) >> (<u32>rs2(word) & 31))); break
      case Op.sraw: setRd(word, <u64>(<i32>rs1(word) >> (<i32>rs2(word) & 31))); break

      case Op.mul: setRd(word, rs1(word) * rs2(word)); break
      case Op.mulh: setRd(word, multiplyHigh(rs1(word), rs2(word))); break
      case Op.mulhsu: setRd(word, multiplyHighMixed(rs1(word), rs2(word))); break
      case Op.mulhu: setRd(word, multiplyHighUnsigned(rs1(word), rs2(word))); break
      case Op.div: setRd(word, divide<i64>(rs1(word), rs2(word))); break
      case Op.divu: setRd(word, divideUnsigned<u64>(rs1(word), rs2(word))); break
      case Op.rem: setRd(word, remainder<i64>(rs1(word), rs2(word))); break
      case Op.remu: setRd(word, remainderUnsigned<u64>(rs1(word), rs2(word))); break
      case Op.mulw: setRd(word, extend(<u32>rs1(word) * <u32>rs2(word))); break
      case Op.divw: setRd(word, divide<i32>(<i32>rs1(word), <i32>rs2(word))); break
      case Op.divuw: setRd(word, extend(divideUnsigned<u32>(<u32>rs1(word), <u32>rs2(word)))); break
      case Op.remw: setRd(word, remainder<i32>(<i32>rs1(word), <i32>rs2(word))); break
      case Op.remuw: setRd(word, extend(remainderUnsigned<u32>(<u32>rs1(word), <u32>rs2(word)))); break

      case Op.adduw: setRd(word, <u64><u32>rs1(word) + rs2(word)); break
      case Op.sh1add: setRd(word, (rs1(word) << 1) + rs2(word)); break
      case Op.sh2add: setRd(word, (rs1(word) << 2) + rs2(word)); break
      case Op.sh3add: setRd(word, (rs1(word) << 3) + rs2(word)); break
      case Op.sh1adduw: setRd(word, (<u64><u32>rs1(word) << 1) + rs2(word)); break
      case Op.sh2adduw: setRd(word, (<u64><u32>rs1(word) << 2) + rs2(word)); break
      case Op.sh3adduw: setRd(word, (<u64><u32>rs1(word) << 3) + rs2(word)); break
      case Op.slliuw: setRd(word, <u64><u32>rs1(word) << imm); break
      case Op.andn: setRd(word, rs1(word) & ~rs2(word)); break
      case Op.orn: setRd(word, rs1(word) | ~rs2(word)); break
      case Op.xnor: setRd(word, ~(rs1(word) ^ rs2(word))); break
      case Op.clz: setRd(word, clz<u64>(rs1(word))); break
      case Op.ctz: setRd(word, ctz<u64>(rs1(word))); break
      case Op.cpop: setRd(word, popcnt<u64>(rs1(word))); break
      case Op.clzw: setRd(word, clz<u32>(<u32>rs1(word))); break
      case Op.ctzw: setRd(word, ctz<u32>(<u32>rs1(word))); break
      case Op.cpopw: setRd(word, popcnt<u32>(<u32>rs1(word))); break
      case Op.max: setRd(word, <i64>rs1(word) > <i64>rs2(word) ? rs1(word) : rs2(word)); break
      case Op.maxu: setRd(word, rs1(word) > rs2(word) ? rs1(word) : rs2(word)); break
      case Op.min: setRd(word, <i64>rs1(word) < <i64>rs2(word) ? rs1(word) : rs2(word)); break
      case Op.minu: setRd(word, rs1(word) < rs2(word) ? rs1(word) : rs2(word)); break
      case Op.sextb: setRd(word, <u64><i8>rs1(word)); break
      case Op.sexth: setRd(word, <u64><i16>rs1(word)); break
      case Op.zexth: setRd(word, <u64><u16>rs1(word)); break
      case Op.rol: setRd(word, rotl<u64>(rs1(word), rs2(word))); break
      case Op.ror: setRd(word, rotr<u64>(rs1(word), rs2(word))); break
      case Op.rori: setRd(word, rotr<u64>(rs1(word), imm)); break
      case Op.rolw: setRd(word, extend(rotl<u32>(<u32>rs1(word), <u32>rs2(word)))); break
      case Op.rorw: setRd(word, extend(rotr<u32>(<u32>rs1(word), <u32>rs2(word)))); break
      case Op.roriw: setRd(word, extend(rotr<u32>(<u32>rs1(word), <u32>imm))); break
      case Op.orcb: setRd(word, orCombineBytes(rs1(word))); break
      case Op.rev8: setRd(word, bswap<u64>(rs1(word))); break
      case Op.bclr: setRd(word, rs1(word) & ~bitAt(rs2(word))); break
      case Op.bext: setRd(word, (rs1(word) >> (rs2(word) & 63)) & 1); break
      case Op.binv: setRd(word, rs1(word) ^ bitAt(rs2(word))); break
      case Op.bset: setRd(word, rs1(word) | bitAt(rs2(word))); break
      case Op.bclri: setRd(word, rs1(word) & ~bitAt(imm)); break
      case Op.bexti: setRd(word, (rs1(word) >> imm) & 1); break
      case Op.binvi: setRd(word, rs1(word) ^ bitAt(imm)); break
      case Op.bseti: setRd(word, rs1(word) | bitAt(imm)); break

      case Op.lui: setRd(word, imm); break
      case Op.auipc: setRd(word, pcAt(slot) + imm); break
      case Op.jal: {
        setRd(word, pcAt(slot) + lengthOf(word))
        left--
        slot = jump(slot, imm, threshold)
        continue
      }
      case Op.jalr: {
        const target = (rs1(word) + imm) & ~(<u64>1)
        setRd(word, pcAt(slot) + lengthOf(word))
        left--
        slot = pageAddress(target) == load<u64>(Vm.page)
          ? arrive(load<usize>(Vm.block) + ((<usize>target & 0xffe) << 2), threshold)
          : goElsewhere(target)
        continue
      }
      case Op.beq: if (rs1(word) == rs2(word)) { left--; slot = jump(slot, imm, threshold); continue } break
      case Op.bne: if (rs1(word) != rs2(word)) { left--; slot = jump(slot, imm, threshold); continue } break
      case Op.blt: if (<i64>rs1(word) < <i64>rs2(word)) { left--; slot = jump(slot, imm, threshold); continue } break
      case Op.bge: if (<i64>rs1(word) >= <i64>rs2(word)) { left--; slot = jump(slot, imm, threshold); continue } break
      case Op.bltu: if (rs1(word) < rs2(word)) { left--; slot = jump(slot, imm, threshold); continue } break
      case Op.bgeu: if (rs1(word) >= rs2(word)) { left--; slot = jump(slot, imm, threshold); continue } break

      case Op.fence: break
      case Op.fencei: {
        const next = pcAt(slot) + lengthOf(word)
        dropStaleBlocks()
        left--
        slot = goElsewhere(next)
        continue
      }
      case Op.amo: { const outcome = executeAtomic(word, <u32>imm); if (outcome != Outcome.done) return stop(outcome, word, slot, left); break }
      case Op.system: {
        store<u64>(Hart.pc, pcAt(slot))
        store<i32>(Vm.left, left)
        const outcome = executeSystem(<u32>imm)
        if (outcome != Outcome.done) return stop(outcome, word, slot, left)
        break
      }
      case Op.enter: return leave(Outcome.enter, load<u64>(Hart.pc), left)
      default: return stop(illegal(<u32>imm), word, slot, left)
    }
    left--
    // Two ways on, and no choice of values: the next entry is then not waited for, but guessed.
    if (isCompressed(word)) {
      slot += slotBytes
      continue
    }
    slot += 2 * slotBytes
  }
  return leave(Outcome.done, pcAt(slot), 0)
}

@inline
function extend(value: u32): u64 {
  return <u64><i32>value
}

/**
 * A load: T has the width, and the sign that the result is extended with. Aligned hits end here.
 */
@inline
function loadRd<T>(word: u32, imm: u64, bank: usize, left: i32): Outcome {
  const address = rs1(word) + imm
  const entry = tlbEntry(address, bank)
  if (load<u64>(entry, Tlb.read) == (address & alignedPage<T>())) {
    setRd(word, <u64>load<T>(<usize>(<u32>address + load<u32>(entry, Tlb.read + Tlb.payload))))
    return Outcome.done
  }
  store<i32>(Vm.left, left)
  const outcome = loadSlowly(address, sizeof<T>())
  if (outcome < Outcome.trap) setRd(word, <u64>load<T>(Vm.value))
  return outcome
}

@inline
function storeRs2<T>(word: u32, imm: u64, bank: usize, left: i32): Outcome {
  const address = rs1(word) + imm
  const entry = tlbEntry(address, bank)
  if (load<u64>(entry, Tlb.write) == (address & alignedPage<T>())) {
    store<T>(<usize>(<u32>address + load<u32>(entry, Tlb.write + Tlb.payload)), <T>rs2(word))
    return Outcome.done
  }
  store<i32>(Vm.left, left)
  return storeSlowly(address, rs2(word), sizeof<T>())
}

function accessFloat(word: u32, imm: u64, bank: usize, left: i32): Outcome {
  switch (word & 0xff) {
    case Op.flw: return loadFloat<u32, f32>(word, imm, bank, left)
    case Op.fld: return loadFloat<u64, f64>(word, imm, bank, left)
    case Op.fsw: return storeFloat<u32>(word, imm, bank, left)
    default: return storeFloat<u64>(word, imm, bank, left)
  }
}

/** U: the bits of a number of format F. */
@inline
function loadFloat<U, F>(word: u32, imm: u64, bank: usize, left: i32): Outcome {
  const address = rs1(word) + imm
  const entry = tlbEntry(address, bank)
  if (load<u64>(entry, Tlb.read) == (address & alignedPage<U>())) {
    const host = <usize>(<u32>address + load<u32>(entry, Tlb.read + Tlb.payload))
    writeFloat<F>(floatRd(word), <u64>load<U>(host))
    return Outcome.done
  }
  store<i32>(Vm.left, left)
  const outcome = loadSlowly(address, sizeof<U>())
  if (outcome < Outcome.trap) writeFloat<F>(floatRd(word), <u64>load<U>(Vm.value))
  return outcome
}

@inline
function storeFloat<U>(word: u32, imm: u64, bank: usize, left: i32): Outcome {
  const address = rs1(word) + imm
  const entry = tlbEntry(address, bank)
  const bits = rawFloat(floatRs2(word))
  if (load<u64>(entry, Tlb.write) == (address & alignedPage<U>())) {
    store<U>(<usize>(<u32>address + load<u32>(entry, Tlb.write + Tlb.payload)), <U>bits)
    return Outcome.done
  }
  store<i32>(Vm.left, left)
  return storeSlowly(address, bits, sizeof<U>())
}

/**
 * The page's address, with the bits that an aligned access of this size has zero: one compare sees
 * both.
 */
@inline
function alignedPage<T>(): u64 {
  return ~(<u64>0xfff) | <u64>(sizeof<T>() - 1)
}

/** The pc of an entry; of `elsewhere` and `entering`, the one that was put into Hart.pc. */
@inline
function pcAt(slot: usize): u64 {
  if (slot <= <usize>Vm.entering) return load<u64>(Hart.pc)
  return load<u64>(Vm.page) + (<i64><i32>(slot - load<usize>(Vm.block)) >> 2)
}

/** `distance` in entries' bytes. Inside the page it is an addition and a compare. */
@inline
function jump(slot: usize, distance: u64, threshold: u32): usize {
  const target = slot + <usize>distance
  return target - load<usize>(Vm.block) < pageSlotBytes
    ? arrive(target, threshold)
    : goElsewhere(pcAt(target))
}

/** A jump inside the page: goes on there, or leaves for translated code. */
@inline
function arrive(target: usize, threshold: u32): usize {
  if (threshold == 0 || !isHot(target, threshold)) return target
  store<u64>(Hart.pc, pcAt(target))
  return Vm.entering
}

/**
 * Whether to look for a region: one can be entered here, or this place has been jumped to so often.
 * Inside a region that must be more often: it is interpreted only until the next entry, and after a
 * slice has ended in the middle.
 */
@inline
function isHot(slot: usize, threshold: u32): bool {
  const word = load<u32>(slot)
  const counter = counterOf(slot)
  const count = <u32>load<u16>(counter) + 1
  if (count < ((word & blockFlag) == 0 ? threshold : threshold * patience)) {
    store<u16>(counter, <u16>count)
    return (word & regionFlag) != 0
  }
  store<u16>(counter, 0)
  store<u64>(Vm.hotPc, pcAt(slot))
  return true
}

@inline
function goElsewhere(pc: u64): usize {
  store<u64>(Hart.pc, pc)
  return Vm.elsewhere
}

/** An instruction did not simply go on: it retires or not, as its outcome says. */
function stop(outcome: Outcome, word: u32, slot: usize, left: i32): Outcome {
  if (outcome == Outcome.returned) return leave(outcome, load<u64>(Hart.pc), left - 1)
  const pc = pcAt(slot)
  if (outcome < Outcome.trap) return leave(outcome, pc + lengthOf(word), left - 1)
  return leave(outcome, pc, left)
}

function leave(outcome: Outcome, pc: u64, left: i32): Outcome {
  store<u64>(Hart.pc, pc)
  store<u64>(Hart.retired, load<u64>(Hart.retired) + (load<i32>(Vm.slice) - left))
  store<i32>(Vm.slice, 0)
  store<i32>(Vm.left, 0)
  // What went to x0 is no state: equal harts have equal snapshots.
  store<u64>(Hart.sink, 0)
  return outcome
}
