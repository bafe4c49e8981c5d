// The flattened tree is read back here by a reader of its own, written from the specification, not
// from the writer.

import { describe, expect, test } from 'vitest'
import { flatten } from '#engine/device-tree/flattened.ts'
import { machineTree } from '#engine/device-tree/machine-tree.ts'

type Properties = Record<string, Uint8Array>

/** Path → properties. Devicetree Specification 0.4, 5.2 and 5.4. */
function unflatten(blob: Uint8Array): Map<string, Properties> {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length)
  const cell = (at: number) => view.getUint32(at)
  const textAt = (at: number) => new TextDecoder().decode(blob.subarray(at, blob.indexOf(0, at)))
  const nodes = new Map<string, Properties>()
  const path: string[] = []
  for (let at = cell(8); cell(at) !== 9; ) {
    const token = cell(at)
    if (token === 1) {
      const name = textAt(at + 4)
      path.push(name)
      nodes.set(path.join('/') || '/', {})
      at += 4 + ((name.length + 4) & ~3)
    } else if (token === 3) {
      const length = cell(at + 4)
      const properties = nodes.get(path.join('/') || '/') ?? {}
      properties[textAt(cell(12) + cell(at + 8))] = blob.slice(at + 12, at + 12 + length)
      at += 12 + ((length + 3) & ~3)
    } else {
      expect(token).toBe(2)
      path.pop()
      at += 4
    }
  }
  expect(path).toEqual([])
  return nodes
}

const texts = (bytes: Uint8Array | undefined) =>
  new TextDecoder().decode(bytes).split('\0').slice(0, -1)
const cells = (bytes: Uint8Array = new Uint8Array()) =>
  Array.from({ length: bytes.length / 4 }, (_, n) => new DataView(bytes.buffer).getUint32(4 * n))

const config = {
  ramBytes: 3 * 2 ** 30,
  bootArgs: 'workload=kv',
  serialNumber: '00112233-4455-6677-8899-aabbccddeeff',
  rngSeed: new Uint8Array(32).fill(9),
  hasDisk: true,
}

describe('the flattened format (Devicetree Specification 0.4, chapter 5)', () => {
  test('header: magic, versions, and blocks that lie within the blob, aligned', () => {
    const blob = flatten({ name: '', properties: { a: [1], b: 'text', c: true } })
    const view = new DataView(blob.buffer)
    const [
      magic,
      total,
      structure,
      strings,
      reservations,
      version,
      compatible,
      ,
      stringsBytes,
      structureBytes,
    ] = Array.from({ length: 10 }, (_, n) => view.getUint32(4 * n)) as [number, ...number[]]
    expect([magic, total, version, compatible]).toEqual([0xd00dfeed, blob.length, 17, 16])
    expect([(structure ?? 1) % 4, (reservations ?? 1) % 8]).toEqual([0, 0])
    expect((structure ?? 0) + (structureBytes ?? 0)).toBe(strings)
    expect((strings ?? 0) + (stringsBytes ?? 0)).toBeLessThanOrEqual(blob.length)
  })

  test('values: cells big-endian, texts with their ends, nothing for a flag', () => {
    const nodes = unflatten(
      flatten({
        name: '',
        properties: {
          cell: [0x12345678],
          text: 'odd',
          list: ['a', 'bc'],
          raw: Uint8Array.of(7),
          flag: true,
        },
        children: [
          { name: 'child@1', properties: { cell: [1] }, children: [{ name: 'x', properties: {} }] },
        ],
      }),
    )
    expect(nodes.get('/')).toEqual({
      cell: Uint8Array.of(0x12, 0x34, 0x56, 0x78),
      text: new TextEncoder().encode('odd\0'),
      list: new TextEncoder().encode('a\0bc\0'),
      raw: Uint8Array.of(7),
      flag: new Uint8Array(),
    })
    expect([...nodes.keys()]).toEqual(['/', '/child@1', '/child@1/x'])
  })
})

describe('the tree of a machine', () => {
  const nodes = unflatten(flatten(machineTree(config)))

  test('tells RAM, hart and boot arguments', () => {
    expect(cells(nodes.get('/memory@80000000')?.reg)).toEqual([0, 0x8000_0000, 0, 0xc000_0000])
    expect(texts(nodes.get('/chosen')?.bootargs)).toEqual(['workload=kv'])
    expect(texts(nodes.get('/')?.['serial-number'])).toEqual([config.serialNumber])
    expect(nodes.get('/chosen')?.['rng-seed']).toEqual(config.rngSeed)
    expect(texts(nodes.get('/cpus/cpu@0')?.['riscv,isa'])).toEqual([
      'rv64imafdc_zicntr_zicsr_zifencei_zba_zbb_zbs_sstc',
    ])
    expect(cells(nodes.get('/cpus')?.['timebase-frequency'])).toEqual([10_000_000])
  })

  test('tells where an initial RAM disk lies, if there is one', () => {
    const chosen = (initrd?: { gpa: number; sizeBytes: number }) =>
      unflatten(flatten(machineTree({ ...config, ...(initrd && { initrd }) }))).get('/chosen')
    const there = chosen({ gpa: 0x8800_0000, sizeBytes: 0x1234 })
    expect(cells(there?.['linux,initrd-start'])).toEqual([0, 0x8800_0000])
    expect(cells(there?.['linux,initrd-end'])).toEqual([0, 0x8800_1234])
    expect(chosen()).not.toHaveProperty('linux,initrd-start')
  })

  test('names a device only where there is one, at the place and interrupt of QEMU’s virt', () => {
    const place = (path: string) => {
      const node = nodes.get(`/soc/${path}`)
      return [cells(node?.reg)[1], cells(node?.interrupts)[0]]
    }
    expect(place('serial@10000000')).toEqual([0x1000_0000, 10])
    expect(place('virtio_mmio@10001000')).toEqual([0x1000_1000, 1])
    expect(place('rtc@101000')).toEqual([0x10_1000, 11])
    expect(place('identity@10200000')).toEqual([0x1020_0000, 12])
    const diskless = unflatten(flatten(machineTree({ ...config, hasDisk: false })))
    expect([...diskless.keys()].filter((path) => path.includes('virtio'))).toEqual(
      ['10003000', '10004000', '10005000'].map((gpa) => `/soc/virtio_mmio@${gpa}`),
    )
  })

  test('every interrupt parent and regmap is there', () => {
    const handles = [...nodes.values()].flatMap((node) => cells(node.phandle ?? new Uint8Array()))
    const meant = [...nodes.values()].flatMap((node) => [
      ...cells(node['interrupt-parent'] ?? new Uint8Array()),
      ...cells(node.regmap ?? new Uint8Array()),
    ])
    expect(new Set(handles).size).toBe(handles.length)
    expect(meant.every((handle) => handles.includes(handle))).toBe(true)
  })

  test('the console is where stdout-path says', () => {
    expect(nodes.has(texts(nodes.get('/chosen')?.['stdout-path'])[0] ?? '')).toBe(true)
  })
})
