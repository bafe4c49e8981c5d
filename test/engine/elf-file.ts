// Makes ELF files of RISC-V programs for tests: headers, segments and symbols as a linker would
// write them, or as none should. Written from the format's description, not from the reader.

export interface ElfParts {
  readonly entry: number
  readonly segments: readonly {
    readonly virtual?: number
    readonly physical: number
    readonly bytes: Uint8Array
    readonly memoryBytes?: number
    readonly kind?: number
  }[]
  readonly symbols?: Readonly<Record<string, number>>
  /** Other than ET_EXEC and EM_RISCV. */
  readonly kind?: number
  readonly machine?: number
  /** The first segment begins at the file's first byte, as linkers make it. */
  readonly loadsHeaders?: boolean
}

const headerBytes = 64
const programBytes = 56
const sectionBytes = 64
const symbolBytes = 24

/** Header, program headers, section headers (none, symbols, their names), then what they name. */
export function elfFile(parts: ElfParts): Uint8Array {
  const { segments, symbols = {} } = parts
  const sectionsAt = headerBytes + segments.length * programBytes
  const names = Object.keys(symbols)
  const strings = new TextEncoder().encode(`\0${names.map((name) => `${name}\0`).join('')}`)
  const symbolsAt = sectionsAt + 3 * sectionBytes
  const stringsAt = symbolsAt + names.length * symbolBytes
  let end = stringsAt + strings.length
  const offsets = segments.map(({ bytes }, n) => {
    const isHeader = n === 0 && parts.loadsHeaders === true
    const at = isHeader ? 0 : end
    end = Math.max(end, at + bytes.length)
    return at
  })
  const file = new Uint8Array(end)
  const view = new DataView(file.buffer)
  const word = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true)
  putHeader(file, view, parts, sectionsAt)
  segments.forEach(({ virtual, physical, bytes, memoryBytes, kind = 1 }, n) => {
    const at = headerBytes + n * programBytes
    view.setUint32(at, kind, true)
    const fields = [offsets[n] ?? 0, virtual ?? physical, physical, bytes.length]
    for (const [m, field] of [...fields, memoryBytes ?? bytes.length].entries())
      word(at + 8 + 8 * m, field)
    if (offsets[n] !== 0) file.set(bytes, offsets[n])
  })
  const section = (n: number, kind: number, offset: number, size: number, link: number) => {
    const at = sectionsAt + n * sectionBytes
    view.setUint32(at + 4, kind, true)
    word(at + 24, offset)
    word(at + 32, size)
    view.setUint32(at + 40, link, true)
  }
  section(1, 2, symbolsAt, names.length * symbolBytes, 2)
  section(2, 3, stringsAt, strings.length, 0)
  file.set(strings, stringsAt)
  let nameAt = 1
  for (const [n, name] of names.entries()) {
    view.setUint32(symbolsAt + n * symbolBytes, nameAt, true)
    word(symbolsAt + n * symbolBytes + 8, symbols[name] ?? 0)
    nameAt += name.length + 1
  }
  return file
}

function putHeader(file: Uint8Array, view: DataView, parts: ElfParts, sectionsAt: number): void {
  const { entry, segments, kind = 2, machine = 243 } = parts
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, kind, true)
  view.setUint16(18, machine, true)
  view.setBigUint64(24, BigInt(entry), true)
  view.setBigUint64(32, BigInt(headerBytes), true)
  view.setBigUint64(40, BigInt(sectionsAt), true)
  view.setUint16(54, programBytes, true)
  view.setUint16(56, segments.length, true)
  view.setUint16(58, sectionBytes, true)
  view.setUint16(60, 3, true)
}
