// The screen's place in RAM, what a guest is told of it, and that a VM without one is as it was.

import { describe, expect, test } from 'vitest'
import { planBoot } from '#engine/boot-plan.ts'
import { machineTree } from '#engine/device-tree/machine-tree.ts'
import { ordinaryBytes, screenGpa, screenPages } from '#engine/screen.ts'
import { GuestVm } from './guests/guest-vm.ts'
import { guestImage, vmConfig } from './machine-rig.ts'

const screen = { width: 320, height: 240 }
const tree = {
  ramBytes: 3 * 2 ** 30,
  bootArgs: 'workload=kv',
  serialNumber: '00112233-4455-6677-8899-aabbccddeeff',
  rngSeed: new Uint8Array(32).fill(9),
  hasDisk: true,
  hasNetwork: true,
}

describe('a screen', () => {
  test('takes whole pages at the end of RAM', () => {
    expect(screenPages(screen)).toBe(75)
    expect(screenPages({ width: 100, height: 11 })).toBe(2)
    expect(ordinaryBytes(1 << 20, screen)).toBe((1 << 20) - 75 * 4096)
    expect(screenGpa(1 << 20, screen)).toBe(0x8010_0000 - 75 * 4096)
    expect(ordinaryBytes(1 << 20, undefined)).toBe(1 << 20)
  })

  test('is told of as the binding has it, and is no part of the memory', () => {
    const gpa = 0x8400_0000
    const { children = [] } = machineTree({ ...tree, screen: { ...screen, gpa } })
    const chosen = children.find(({ name }) => name === 'chosen')
    expect(chosen?.properties).toMatchObject({ '#address-cells': [2], ranges: true })
    expect(chosen?.children).toEqual([
      {
        name: 'framebuffer@84000000',
        properties: {
          compatible: 'simple-framebuffer',
          reg: [0, gpa, 0, 75 * 4096],
          width: [320],
          height: [240],
          stride: [1280],
          format: 'x8r8g8b8',
        },
      },
    ])
    const soc = children.find(({ name }) => name === 'soc')
    const names = soc?.children?.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['virtio_mmio@10006000', 'virtio_mmio@10007000']))
  })

  test('nothing that boots is put into it', () => {
    const config = vmConfig('workload=desktop', { screen })
    const { segments } = planBoot({ kernel: guestImage }, config)
    const end = Math.max(...segments.map(({ gpa, memoryBytes }) => gpa + memoryBytes))
    expect(end).toBeLessThanOrEqual(screenGpa(config.ramBytes, screen))
  })

  test('one that leaves no room for the guest is refused, with the mend', () => {
    const config = vmConfig('workload=desktop', { screen: { width: 1920, height: 1080 } })
    expect(() => planBoot({ kernel: guestImage }, config)).toThrow(/more memory, or a smaller/)
  })
})

const isNoInput = ({ name }: { readonly name: string }) => !/@1000[67]000$/.test(name)

describe('a VM without a screen', () => {
  test('has the device tree of one with a screen, but for what tells of the screen', () => {
    const shown = machineTree({ ...tree, screen: { ...screen, gpa: 0x8400_0000 } })
    const children = shown.children?.map((node) => {
      if (node.name === 'soc') return { ...node, children: node.children?.filter(isNoInput) }
      if (node.name !== 'chosen') return node
      const { '#address-cells': _a, '#size-cells': _s, ranges: _r, ...properties } = node.properties
      return { name: node.name, properties }
    })
    expect({ ...shown, children }).toEqual(machineTree(tree))
  })

  test('has the sections it always had', () => {
    const kinds = (vm: GuestVm) => vm.machine.describe().map(({ kind }) => kind)
    const plain = kinds(GuestVm.ready({ args: 'workload=cpu load=0' }))
    expect(plain.filter((kind) => /input|mmio\.[56]/.test(kind))).toEqual([])
    const shown = kinds(GuestVm.ready({ args: 'workload=cpu load=0', screen }))
    expect(shown.filter((kind) => !plain.includes(kind))).toEqual([
      'virtio-mmio.5',
      'virtio-mmio.6',
      'virtio-input.keyboard',
      'virtio-input.pointer',
      'screen-input',
    ])
  })

  test('does not take over the state of one that has another screen, or none', () => {
    const shown = GuestVm.ready({ args: 'workload=cpu load=0', screen })
    const larger = GuestVm.ready({
      args: 'workload=cpu load=0',
      screen: { width: 400, height: 240 },
    })
    for (const { machine } of [shown, larger]) machine.pause()
    expect(() => larger.machine.restore(shown.machine.capture())).toThrow(/other RAM.*screen/)
  })
})
