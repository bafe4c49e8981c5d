// What our machine tells a guest about itself: its RAM, its hart, its devices and its boot
// arguments.
// Not here: addresses (devices/memory-map.ts), the format (flattened.ts).
// Source: Devicetree Specification 0.4, chapter 3; the bindings of the Linux kernel for the
// `compatible` names; node names as in QEMU's `virt`, so that a guest finds the same machine on
// both.

import { pageBytes } from '#proto/units.ts'
import { finisherPowerOff, finisherReboot } from '../devices/finisher.ts'
import {
  balloonSlot,
  blockSlot,
  clintRegion,
  consoleSlot,
  finisherRegion,
  generationIrq,
  generationRegion,
  identityIrq,
  identityRegion,
  keyboardSlot,
  netSlot,
  plicRegion,
  plicSources,
  pointerSlot,
  ramGpa,
  rngSlot,
  rtcIrq,
  rtcRegion,
  ticksPerSecond,
  uartIrq,
  uartRegion,
  virtioIrq,
  virtioRegion,
} from '../devices/memory-map.ts'
import type { Region } from '../devices/mmio.ts'
import { pixelBytes, pixelFormat, type ScreenSize, screenPages } from '../screen.ts'
import type { TreeNode, TreeValue } from './flattened.ts'

/** Only what the core implements: a guest uses whatever stands here. */
const isaBase = 'rv64i'
const isaLetters = ['i', 'm', 'a', 'f', 'd', 'c']
const isaNames = ['zicntr', 'zicsr', 'zifencei', 'zba', 'zbb', 'zbs', 'sstc']
export const isaExtensions: readonly string[] = [...isaLetters, ...isaNames]
const isa = `rv64${isaLetters.join('')}_${isaNames.join('_')}`

const phandles = { hart: 1, plic: 2, finisher: 3 } as const
/** Interrupt numbers at the hart (privileged specification, table of mcause). */
const hartIrqs = {
  machineSoftware: 3,
  machineTimer: 7,
  supervisorExternal: 9,
  machineExternal: 11,
} as const
/** The speed of the UART's crystal; there is no line to be slow on. */
const uartClockHz = 3_686_400
const uartPath = '/soc/serial@10000000'

export interface MachineTreeConfig {
  /** Of ordinary memory: without the screen. */
  readonly ramBytes: number
  readonly bootArgs: string
  /** What tells this VM from others, for people and for a guest's host name. */
  readonly serialNumber: string
  /** Entropy for the guest's first random numbers. */
  readonly rngSeed: Uint8Array
  readonly hasDisk: boolean
  readonly hasNetwork?: boolean
  readonly screen?: ScreenSize & { readonly gpa: number }
  /** Where an initial RAM disk lies. */
  readonly initrd?: { readonly gpa: number; readonly sizeBytes: number }
}

/** The whole tree of one VM. */
export function machineTree(config: MachineTreeConfig): TreeNode {
  return {
    name: '',
    properties: {
      '#address-cells': [2],
      '#size-cells': [2],
      compatible: 'riscv-virtio',
      model: 'godwit,virt',
      'serial-number': config.serialNumber,
    },
    children: [
      chosen(config),
      {
        name: `memory@${ramGpa.toString(16)}`,
        properties: { device_type: 'memory', reg: [...cells(ramGpa), ...cells(config.ramBytes)] },
      },
      cpus(),
      {
        name: 'soc',
        properties: {
          '#address-cells': [2],
          '#size-cells': [2],
          compatible: 'simple-bus',
          ranges: true,
        },
        children: devices(config),
      },
      syscon('poweroff', finisherPowerOff),
      syscon('reboot', finisherReboot),
    ],
  }
}

const chosen = (config: MachineTreeConfig): TreeNode => ({
  name: 'chosen',
  properties: {
    bootargs: config.bootArgs,
    'stdout-path': uartPath,
    'rng-seed': config.rngSeed,
    ...(config.screen && { '#address-cells': [2], '#size-cells': [2], ranges: true }),
    ...(config.initrd && {
      'linux,initrd-start': cells(config.initrd.gpa),
      'linux,initrd-end': cells(config.initrd.gpa + config.initrd.sizeBytes),
    }),
  },
  ...(config.screen && { children: [framebuffer(config.screen)] }),
})

/** As the binding says: what firmware has set up is a child of /chosen. */
const framebuffer = (screen: ScreenSize & { readonly gpa: number }): TreeNode => ({
  name: `framebuffer@${screen.gpa.toString(16)}`,
  properties: {
    compatible: 'simple-framebuffer',
    reg: [...cells(screen.gpa), ...cells(screenPages(screen) * pageBytes)],
    width: [screen.width],
    height: [screen.height],
    stride: [screen.width * pixelBytes],
    format: pixelFormat,
  },
})

const cpus = (): TreeNode => ({
  name: 'cpus',
  properties: { '#address-cells': [1], '#size-cells': [0], 'timebase-frequency': [ticksPerSecond] },
  children: [
    {
      name: 'cpu@0',
      properties: {
        device_type: 'cpu',
        reg: [0],
        status: 'okay',
        compatible: 'riscv',
        'riscv,isa': isa,
        'riscv,isa-base': isaBase,
        'riscv,isa-extensions': isaExtensions,
        'mmu-type': 'riscv,sv39',
      },
      children: [
        {
          name: 'interrupt-controller',
          properties: {
            '#interrupt-cells': [1],
            'interrupt-controller': true,
            compatible: 'riscv,cpu-intc',
            phandle: [phandles.hart],
          },
        },
      ],
    },
  ],
})

const devices = ({ hasDisk, hasNetwork, screen }: MachineTreeConfig): TreeNode[] => [
  device('test', finisherRegion, ['sifive,test1', 'sifive,test0', 'syscon'], {
    phandle: [phandles.finisher],
  }),
  device('rtc', rtcRegion, ['google,goldfish-rtc'], raises(rtcIrq)),
  device('clint', clintRegion, ['sifive,clint0', 'riscv,clint0'], {
    'interrupts-extended': toHart(hartIrqs.machineSoftware, hartIrqs.machineTimer),
  }),
  device('plic', plicRegion, ['sifive,plic-1.0.0', 'riscv,plic0'], {
    '#interrupt-cells': [1],
    '#address-cells': [0],
    'interrupt-controller': true,
    'interrupts-extended': toHart(hartIrqs.machineExternal, hartIrqs.supervisorExternal),
    'riscv,ndev': [plicSources],
    phandle: [phandles.plic],
  }),
  device('serial', uartRegion, ['ns16550a'], {
    'clock-frequency': [uartClockHz],
    ...raises(uartIrq),
  }),
  ...(hasDisk ? [virtio(blockSlot)] : []),
  ...(hasNetwork ? [virtio(netSlot)] : []),
  ...[rngSlot, balloonSlot, consoleSlot].map(virtio),
  ...(screen ? [keyboardSlot, pointerSlot].map(virtio) : []),
  device('identity', identityRegion, ['godwit,identity'], raises(identityIrq)),
  device('rng', generationRegion, ['microsoft,vmgenid'], raises(generationIrq)),
]

const virtio = (slot: number): TreeNode =>
  device('virtio_mmio', virtioRegion(slot), ['virtio,mmio'], raises(virtioIrq(slot)))

const toHart = (...irqs: number[]): number[] => irqs.flatMap((irq) => [phandles.hart, irq])

const raises = (irq: number): Record<string, TreeValue> => ({
  interrupts: [irq],
  'interrupt-parent': [phandles.plic],
})

const device = (
  name: string,
  region: Region,
  compatible: readonly string[],
  more: Readonly<Record<string, TreeValue>>,
): TreeNode => ({
  name: `${name}@${region.gpa.toString(16)}`,
  properties: { compatible, reg: [...cells(region.gpa), ...cells(region.sizeBytes)], ...more },
})

const syscon = (name: 'poweroff' | 'reboot', value: number): TreeNode => ({
  name,
  properties: {
    compatible: `syscon-${name}`,
    regmap: [phandles.finisher],
    offset: [0],
    value: [value],
  },
})

/** A 64-bit number as two cells. */
const cells = (value: number): number[] => [Math.floor(value / 2 ** 32), value >>> 0]
