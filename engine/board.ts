// The board of a VM: its devices, wired to each other, to the bus and to the hart's interrupt
// lines.
// Not here: the hart and time (machine.ts), where a device is and which interrupt it has
// (devices/memory-map.ts).

import type { Core } from './cpu/core-port.ts'
import { Clint } from './devices/clint.ts'
import { ConsoleLine } from './devices/console-line.ts'
import { emptySlots } from './devices/empty-slots.ts'
import { Finisher, type GuestEnd } from './devices/finisher.ts'
import { GenerationId } from './devices/generation-id.ts'
import { Htif } from './devices/htif.ts'
import { IdentityDevice } from './devices/identity.ts'
import { keyboard, pointer } from './devices/input-kinds.ts'
import {
  balloonSlot,
  blockSlot,
  consoleSlot,
  generationIrq,
  identityIrq,
  keyboardSlot,
  netSlot,
  pointerSlot,
  rngSlot,
  rtcIrq,
  uartIrq,
  virtioIrq,
} from './devices/memory-map.ts'
import { MmioBus } from './devices/mmio.ts'
import { Plic } from './devices/plic.ts'
import { Rtc } from './devices/rtc.ts'
import { ScreenInput } from './devices/screen-input.ts'
import { Uart16550 } from './devices/uart16550.ts'
import { VirtioBalloon } from './devices/virtio-balloon.ts'
import { VirtioBlock } from './devices/virtio-block.ts'
import { VirtioConsole } from './devices/virtio-console.ts'
import type { VirtioDevice } from './devices/virtio-device.ts'
import { VirtioInput } from './devices/virtio-input.ts'
import { VirtioMmio } from './devices/virtio-mmio.ts'
import { VirtioNet } from './devices/virtio-net.ts'
import type { GuestDma } from './devices/virtio-queue.ts'
import { VirtioRng } from './devices/virtio-rng.ts'
import { StealTime } from './sbi/steal-time.ts'
import { Watchdog } from './sbi/watchdog.ts'
import { captureSections, restoreSections, type Snapshotted } from './snapshots/vm-sections.ts'
import type { Identity, VmConfig } from './vm-config.ts'

/** What the board needs of the machine around it. */
export interface BoardPorts {
  core(): Core
  ticks(): number
  wallNs(): bigint
  /** Drives the hart's S-mode external interrupt, and that of M-mode. */
  externalInterrupt(level: boolean): void
  machineExternalInterrupt(level: boolean): void
  /** The RTC's alarm has been set or moved: whoever waits must look again. */
  alarmSet(): void
  /** A device has done a piece of work that may have taken long. */
  served(): void
  /** A device needs the absent page at this GPA: the VM waits for it, then calls serveAgain(). */
  awaitsPage(gpa: number): void
  end(end: GuestEnd): void
  diskFailed(cause: unknown): void
}

export interface Board {
  readonly bus: MmioBus
  readonly console: ConsoleLine
  readonly identity: IdentityDevice
  readonly rtc: Rtc
  /** Absent without a disk. */
  readonly block: VirtioBlock | undefined
  /** Absent without a network. */
  readonly net: VirtioNet | undefined
  /** Takes what comes for the console or the screen, as Machine.input has it. */
  input(offset: number, bytes: Uint8Array, to?: 'screen'): number
  /** Of both: while the VM stands still no device touches RAM for it. */
  holdInput(): void
  goOnWithInput(): void
  /** The VM is another one: all devices that show which one it is are told. */
  rebrand(identity: Identity): void
  readonly balloon: VirtioBalloon
  /** Of a program that owns the machine. */
  readonly htif: Htif | undefined
  /** Of the SBI, for a guest that we answer. */
  readonly stealTime: StealTime
  readonly watchdog: Watchdog
  /** A device has more to do before the guest's next instruction: serveAgain() goes on with it. */
  isUnserved(): boolean
  /** As after power-on; but the console and the random numbers go on, and a target stands. */
  reset(): void
  /** Serves what waits for an absent page that has come, or for the VM's next turn. */
  serveAgain(): void
  /** All devices that have state; the PLIC is first, since the others drive its lines. */
  readonly parts: readonly Snapshotted[]
}

export function makeBoard(config: VmConfig, ports: BoardPorts): Board {
  const machineMode = machineModeOf(config, ports)
  const plic = new Plic([machineMode.external, ports.externalInterrupt])
  const clint = new Clint({ ticks: ports.ticks, ...machineMode })
  const console = new ConsoleLine()
  const uart = new Uart16550(console, plic.line(uartIrq))
  const identity = new IdentityDevice(config.identity, plic.line(identityIrq))
  const generation = new GenerationId(() => identity.instanceId, plic.edge(generationIrq))
  const { wallNs, alarmSet } = ports
  const rtc = new Rtc({ wallNs, alarmSet, interrupt: plic.line(rtcIrq) })
  const { block, net, rng, balloon, screenParts, screenInput, inSlots } = virtioDevices(
    config,
    console,
    ports,
  )
  const { transports, ...serving } = transportsOf(inSlots, plic, ports)
  const onBus = [plic, clint, uart, identity, rtc, ...transports]
  const stealTime = new StealTime()
  const watchdog = new Watchdog()
  const htif = htifOf(config, console, ports)
  const optional = [net, htif].filter((part) => part !== undefined)
  const parts = [...onBus, ...optional, rng, balloon, stealTime, watchdog, console, ...screenParts]
  return {
    bus: new MmioBus([...onBus, ...emptySlots(inSlots), generation, new Finisher(ports.end)]),
    console,
    identity,
    rtc,
    block,
    net,
    ...inputOf(console, screenInput),
    rebrand: (other) => {
      rng.rebrand(other)
      identity.rebrand(other)
      generation.announce()
      net?.rebrand(other.mac)
    },
    balloon,
    stealTime,
    watchdog,
    htif,
    ...serving,
    reset: () => {
      const { targetPages } = balloon
      const goingOn = [rng, console, ...(screenInput ? [screenInput] : [])]
      powerOn(parts, makeBoard(config, ports).parts, goingOn)
      balloon.targetPages = targetPages
    },
    parts,
  }
}

const inputOf = (
  console: ConsoleLine,
  screen: ScreenInput | undefined,
): Pick<Board, 'input' | 'holdInput' | 'goOnWithInput'> => ({
  input: (offset, bytes, to) =>
    to === 'screen' ? (screen?.accept(offset, bytes) ?? 0) : console.accept(offset, bytes),
  holdInput: () => {
    console.hold()
    screen?.hold()
  },
  goOnWithInput: () => {
    console.goOn()
    screen?.goOn()
  },
})

/** Gives all parts but those that go on the state that a new board's have. */
function powerOn(
  parts: readonly Snapshotted[],
  fresh: readonly Snapshotted[],
  goingOn: readonly Snapshotted[],
): void {
  const isReset = ({ sectionKind }: Snapshotted) =>
    goingOn.every((part) => part.sectionKind !== sectionKind)
  restoreSections(parts.filter(isReset), captureSections(fresh.filter(isReset)))
}

type InSlot = readonly [slot: number, device: VirtioDevice]

/** What the VM has of them, and in which slot each is. */
function virtioDevices(config: VmConfig, console: ConsoleLine, ports: BoardPorts) {
  const { disk, network, identity, ramBytes, vmId } = config
  const block = disk && new VirtioBlock(disk.sizeBytes, vmId, ports.diskFailed)
  const net = network ? new VirtioNet(identity.mac) : undefined
  const rng = new VirtioRng(identity)
  const balloon = new VirtioBalloon(ramBytes, (ranges) => ports.core().release(ranges))
  const { screenInput, screenParts, inputSlots } = screenDevices(config)
  const inSlots: readonly InSlot[] = [
    ...(block ? ([[blockSlot, block]] as const) : []),
    ...(net ? ([[netSlot, net]] as const) : []),
    [rngSlot, rng],
    [balloonSlot, balloon],
    [consoleSlot, new VirtioConsole(console)],
    ...inputSlots,
  ]
  return { block, net, rng, balloon, screenInput, screenParts, inSlots }
}

/** Keyboard, pointer, and what they are fed by: of a VM with a screen. */
function screenDevices({ screen }: VmConfig) {
  if (!screen) return { screenInput: undefined, screenParts: [], inputSlots: [] }
  const inputs = [new VirtioInput(keyboard), new VirtioInput(pointer)] as const
  const screenInput = new ScreenInput(inputs)
  const inputSlots: readonly InSlot[] = [
    [keyboardSlot, inputs[0]],
    [pointerSlot, inputs[1]],
  ]
  return { screenInput, screenParts: [...inputs, screenInput], inputSlots }
}

/** Their transports, and what is done to all of them at once. */
function transportsOf(inSlots: readonly InSlot[], plic: Plic, ports: BoardPorts) {
  const transports = inSlots.map(([slot, device]) => transportOf(slot, device, plic, ports))
  return {
    transports,
    isUnserved: () => transports.some((transport) => transport.isUnserved),
    serveAgain: () => {
      for (const transport of transports) transport.serveAgain()
    },
  }
}

function transportOf(
  slot: number,
  device: VirtioDevice,
  plic: Plic,
  ports: BoardPorts,
): VirtioMmio {
  return new VirtioMmio(slot, device, dmaOf(ports), plic.line(virtioIrq(slot)), ports.served)
}

/** Nobody is in M-mode while the VMM answers the SBI: its interrupt lines lead nowhere then. */
function machineModeOf({ boot }: VmConfig, ports: BoardPorts) {
  if (boot === 'paravirtualised')
    return { external: () => {}, software: () => {}, timerAt: () => {} }
  return {
    external: ports.machineExternalInterrupt,
    software: (level: boolean) => ports.core().setSoftwareInterrupt(level),
    timerAt: (ticks: bigint) => ports.core().setTimer(ticks),
  }
}

function htifOf({ boot }: VmConfig, console: ConsoleLine, ports: BoardPorts): Htif | undefined {
  if (boot === 'paravirtualised') return undefined
  const write = (byte: number) => console.write(byte)
  return new Htif({ ...dmaOf(ports), write, end: ports.end })
}

/** The core is made after the board: its hooks need the bus. */
const dmaOf = (ports: BoardPorts): GuestDma => ({
  dmaRead: (gpa, into) => ports.core().dmaRead(gpa, into),
  dmaWrite: (gpa, from) => ports.core().dmaWrite(gpa, from),
  awaits: (gpa, bytes) => {
    const core = ports.core()
    const isAbsent = core.absentIn(gpa, bytes)
    if (isAbsent) ports.awaitsPage(core.absentPage())
    return isAbsent
  },
})
