// An ELF file of a RISC-V program that runs without a system under it: what of it goes where in
// RAM, where it is entered, and the symbols that a test program is watched by.
// Not here: relocation and dynamic linking (such files are refused), what is done with the
// segments (boot-layout.ts). GPAs and sizes in bytes.
// Source: Tool Interface Standard ELF 1.2; System V ABI, "ELF-64 Object File Format" 1.5; e_machine
// 243 from the RISC-V ELF psABI.

import { BootError } from './boot-error.ts'

export interface Segment {
  readonly gpa: number
  /** What the file has of it; behind it are zeros up to `memoryBytes`. */
  readonly bytes: Uint8Array
  readonly memoryBytes: number
  /** The file's own headers are its first bytes. */
  readonly beginsWithHeaders?: boolean
}

export interface Elf {
  /** Physical: programs are entered with paging off. */
  readonly entryGpa: number
  readonly segments: readonly Segment[]
  /** The physical address of a symbol; undefined: it has none of that name. */
  symbol(name: string): number | undefined
}

const magic = 0x7f45_4c46
const identity = { class64: 2, littleEndian: 1 } as const
const kinds = { executable: 2 } as const
const machineRiscv = 243
const headerBytes = 64
const header = { kind: 16, machine: 18, entry: 24, programs: 32, sections: 40 } as const
const counts = { programBytes: 54, programs: 56, sectionBytes: 58, sections: 60 } as const
const programHeaderBytes = 56
const sectionHeaderBytes = 64
const symbolBytes = 24
const programKinds = { load: 1, interpreter: 3 } as const
const sectionKindSymbols = 2

export const isElf = (file: Uint8Array): boolean =>
  file.length >= 4 && viewOf(file).getUint32(0) === magic

/** Throws a BootError that says what about the file is wrong. */
export function readElf(file: Uint8Array): Elf {
  const view = viewOf(file)
  refuseOthers(file, view)
  const programs = programsOf(view)
  if (programs.some(({ kind }) => kind === programKinds.interpreter)) {
    throw refusal('it wants a dynamic linker: link it with -static')
  }
  const loads = programs.filter(
    ({ kind, memoryBytes }) => kind === programKinds.load && memoryBytes > 0,
  )
  if (loads.length === 0) throw refusal('it has nothing to load')
  const physical = (virtual: bigint): number | undefined => {
    const inside = loads.find(
      (load) => virtual >= load.virtual && virtual < load.virtual + BigInt(load.memoryBytes),
    )
    return inside && inside.gpa + Number(virtual - inside.virtual)
  }
  const entry = view.getBigUint64(header.entry, true)
  // Kernels that are linked high may name their first instruction where it lies instead.
  const isPhysical = loads.some(
    ({ gpa, memoryBytes }) => entry >= BigInt(gpa) && entry < BigInt(gpa + memoryBytes),
  )
  const entryGpa = physical(entry) ?? (isPhysical ? Number(entry) : undefined)
  if (entryGpa === undefined) throw refusal('its entry lies in none of its segments')
  return {
    entryGpa,
    segments: loads.map((load) => segmentOf(file, load)),
    symbol: (name) => {
      const address = addressOf(view, file, name)
      return address === undefined ? undefined : physical(address)
    },
  }
}

interface Program {
  readonly kind: number
  readonly fileOffset: number
  readonly fileBytes: number
  readonly virtual: bigint
  readonly gpa: number
  readonly memoryBytes: number
}

function refuseOthers(file: Uint8Array, view: DataView): void {
  if (!isElf(file) || file.length < headerBytes) throw refusal('it is cut, or none')
  if (file[4] !== identity.class64 || file[5] !== identity.littleEndian)
    throw refusal('it is not of a 64-bit little-endian machine')
  if (view.getUint16(header.machine, true) !== machineRiscv) throw refusal('it is not for RISC-V')
  if (view.getUint16(header.kind, true) !== kinds.executable)
    throw refusal('it is not linked for fixed addresses: link it with -static -no-pie')
}

function programsOf(view: DataView): Program[] {
  const bytes = view.getUint16(counts.programBytes, true)
  if (bytes < programHeaderBytes) throw refusal('its program headers are too short')
  return tableOf(view, header.programs, counts.programs, bytes).map((at) => ({
    kind: view.getUint32(at, true),
    fileOffset: word(view, at + 8),
    virtual: view.getBigUint64(at + 16, true),
    gpa: word(view, at + 24),
    fileBytes: word(view, at + 32),
    memoryBytes: word(view, at + 40),
  }))
}

function segmentOf(file: Uint8Array, load: Program): Segment {
  const { gpa, fileOffset, fileBytes, memoryBytes } = load
  if (fileBytes > memoryBytes || fileOffset + fileBytes > file.length)
    throw refusal('a segment reaches beyond the file')
  const bytes = file.subarray(fileOffset, fileOffset + fileBytes)
  return { gpa, memoryBytes, bytes, ...(fileOffset === 0 && { beginsWithHeaders: true }) }
}

/** Offsets of the entries of a table, all of which must lie in the file. */
function tableOf(view: DataView, offsetAt: number, countAt: number, bytes: number): number[] {
  const offset = word(view, offsetAt)
  const count = view.getUint16(countAt, true)
  if (offset + count * bytes > view.byteLength) throw refusal('its headers are cut')
  return Array.from({ length: count }, (_, n) => offset + n * bytes)
}

/** The value of a symbol, if the file has not been stripped of it. */
function addressOf(view: DataView, file: Uint8Array, name: string): bigint | undefined {
  const bytes = view.getUint16(counts.sectionBytes, true)
  if (bytes < sectionHeaderBytes) return undefined
  const sections = tableOf(view, header.sections, counts.sections, bytes).map((at) => ({
    kind: view.getUint32(at + 4, true),
    offset: word(view, at + 24),
    size: word(view, at + 32),
    link: view.getUint32(at + 40, true),
  }))
  const symbols = sections.find(({ kind }) => kind === sectionKindSymbols)
  const names = symbols && sections[symbols.link]
  if (!symbols || !names) return undefined
  if (symbols.offset + symbols.size > file.length || names.offset + names.size > file.length)
    throw refusal('its symbols are cut')
  const text = (at: number) => textAt(file.subarray(names.offset, names.offset + names.size), at)
  for (
    let at = symbols.offset;
    at + symbolBytes <= symbols.offset + symbols.size;
    at += symbolBytes
  )
    if (text(view.getUint32(at, true)) === name) return view.getBigUint64(at + 8, true)
  return undefined
}

function textAt(strings: Uint8Array, at: number): string {
  const end = strings.indexOf(0, at)
  return new TextDecoder().decode(strings.subarray(at, end < 0 ? strings.length : end))
}

/** A size, an offset or a physical address; what is too large for RAM is refused later. */
const word = (view: DataView, at: number): number => Number(view.getBigUint64(at, true))

const viewOf = (file: Uint8Array) => new DataView(file.buffer, file.byteOffset, file.byteLength)

const refusal = (why: string) =>
  new BootError('no-image', `This ELF file cannot be booted: ${why}.`)
