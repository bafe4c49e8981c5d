// The board of a VM: its devices, wired to each other, to the bus and to the hart's interrupt
// lines.
// Not here: the hart and time (machine.ts), where a device is and which interrupt it has
// (devices/memory-map.ts).

import type { Core } from './cpu/core-port.ts'
import { Clint } from './devices/clint.ts'
import { ConsoleLine } from './devices/console-line.ts'
import { Finisher, type GuestEnd } from './devices/finisher.ts'
import { IdentityDevice } from './devices/identity.ts'
import { blockSlot, identityIrq, rtcIrq, uartIrq, virtioIrq } from './devices/memory-map.ts'
import { MmioBus, type MmioDevice } from './devices/mmio.ts'
import { Plic } from './devices/plic.ts'
import { Rtc } from './devices/rtc.ts'
import { Uart16550 } from './devices/uart16550.ts'
import { VirtioBlock } from './devices/virtio-block.ts'
import { VirtioMmio } from './devices/virtio-mmio.ts'
import type { GuestDma } from './devices/virtio-queue.ts'
import type { Snapshotted } from './snapshots/vm-sections.ts'
import type { VmConfig } from './vm-config.ts'

/** What the board needs of the machine around it. */
export interface BoardPorts {
  core(): Core
  ticks(): number
  wallNs(): bigint
  /** Drives the hart's S-mode external interrupt. */
  externalInterrupt(level: boolean): void
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
  /** Serves what could not be served before an absent page had come. */
  serveAgain(): void
  /** All devices that have state; the PLIC is first, since the others drive its lines. */
  readonly parts: readonly Snapshotted[]
}

export function makeBoard(config: VmConfig, ports: BoardPorts): Board {
  // Nobody is in M-mode while the VMM answers the SBI: M-mode's interrupt lines lead nowhere.
  const plic = new Plic([() => {}, ports.externalInterrupt])
  const clint = new Clint({ ticks: ports.ticks, software: () => {}, timerAt: () => {} })
  const console = new ConsoleLine()
  const uart = new Uart16550(console, plic.line(uartIrq))
  const identity = new IdentityDevice(config.identity, plic.line(identityIrq))
  const rtc = new Rtc({
    wallNs: ports.wallNs,
    interrupt: plic.line(rtcIrq),
    alarmSet: ports.alarmSet,
  })
  const block = config.disk && new VirtioBlock(config.disk.sizeBytes, config.vmId, ports.diskFailed)
  const transports = block ? [transportOf(block, plic, ports)] : []
  const stateful: readonly (MmioDevice & Snapshotted)[] = [
    plic,
    clint,
    uart,
    identity,
    rtc,
    ...transports,
  ]
  return {
    bus: new MmioBus([...stateful, new Finisher(ports.end)]),
    console,
    identity,
    rtc,
    block,
    serveAgain: () => {
      for (const transport of transports) transport.serveAgain()
    },
    parts: [...stateful, console],
  }
}

function transportOf(block: VirtioBlock, plic: Plic, ports: BoardPorts): VirtioMmio {
  return new VirtioMmio(
    blockSlot,
    block,
    dmaOf(ports),
    plic.line(virtioIrq(blockSlot)),
    ports.served,
  )
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
