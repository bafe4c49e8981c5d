// What a pCPU is told about a VM: the contract between the agent's thread and the threads that run
// guests. Not here: who decides it (node-agent/), what travels between agents (proto/).
// Everything is structured-cloneable. Sizes in bytes, shares are weights, caps in percent of one
// core, pages as page indices.
//
// A VM lives on one pCPU. Its memory is a shared WebAssembly.Memory made by the agent's thread,
// which reads and writes guest pages through GuestMemory while the pCPU runs the guest through
// Machine.

import type { BootImage, BootKind } from './boot-layout.ts'
import type { BootPiece } from './boot-plan.ts'
import type { PreservedPages } from './cpu/core-port.ts'
import type { ScreenSize } from './screen.ts'

/** A tagged piece of VM state besides RAM. Kinds and versions are named in engine/snapshots/. */
export interface Section {
  readonly kind: string
  readonly version: number
  readonly bytes: Uint8Array
}

export interface Identity {
  readonly instanceId: string
  readonly mac: string
  /** 64 hex digits. */
  readonly randomSeed: string
}

export interface VmConfig {
  readonly vmId: string
  /** Made by GuestMemory.create: shared, one a VM. */
  readonly memory: WebAssembly.Memory
  readonly ramBytes: number
  readonly args: string
  readonly clock: 'real' | 'instructions'
  /** Who answers the guest's SBI calls. */
  readonly boot: BootKind
  readonly identity: Identity
  readonly cpuShares: number
  readonly cpuCapPercent: number
  /** Runs only while the node's lease does. */
  readonly leased: boolean
  /** Absent: no block device. */
  readonly disk?: { readonly sizeBytes: number; readonly layers: readonly string[] }
  /** A network device, with the identity's MAC address. */
  readonly network?: boolean
  /** The end of RAM is a screen, with a keyboard and a pointer. */
  readonly screen?: ScreenSize
  /** A guest that has answered before, and does not for so long, hangs. Absent: it may. */
  readonly heartbeatMs?: number
  /** The epoch under which disk writes are made; the store refuses an older one. */
  readonly epoch: number
}

export type PcpuCommand =
  /**
   * The VM becomes known, paused. `boot`: image loaded, CPU reset, device tree made. `empty`: for a
   * copy. No disk is opened yet: opening it fences the epoch before, and that one may still have to
   * go on elsewhere.
   */
  | {
      readonly do: 'attach'
      readonly config: VmConfig
      readonly start: 'boot' | 'empty'
      readonly image?: BootImage
    }
  /** One of the pieces of an image (boot-plan.ts) into the RAM of a VM that is to boot. */
  | { readonly do: 'load'; readonly vmId: string; readonly piece: BootPiece }
  /** The VM was attached empty, and all long pieces of its image are in its RAM. */
  | { readonly do: 'boot'; readonly vmId: string; readonly image: BootImage }
  /**
   * The first resume, and the first after `change-disk`, opens the disk under the epoch it was
   * given.
   */
  | {
      readonly do: 'resume'
      readonly vmId: string
      /**
       * Real time since its state was captured, which a guest with a real clock is to find passed.
       * Default 0.
       */
      readonly elapsedMs?: number
    }
  /** Answered when no further instruction retires. */
  | { readonly do: 'pause'; readonly vmId: string }
  /** Forgets the VM and closes its disk; what is held of that is lost. */
  | { readonly do: 'detach'; readonly vmId: string }
  /** Opens a dirty log; its first take returns what was dirtied since. At most 6 logs a VM. */
  | { readonly do: 'open-log'; readonly vmId: string }
  /**
   * Reads and clears the log at once; the answer's bitmap has one bit a page, little-endian bytes.
   */
  | {
      readonly do: 'take-log'
      readonly vmId: string
      readonly log: number
      readonly pause: boolean
    }
  | { readonly do: 'close-log'; readonly vmId: string; readonly log: number }
  /**
   * CPU and devices; the VM must be paused. What the guest wrote to its disk is visible to whoever
   * opens the layers after the answer (visible, not necessarily durable: only the guest's flush
   * promises that). What is held of it stays held.
   */
  | { readonly do: 'capture'; readonly vmId: string }
  /** What a capture would be made of; of a VM that runs, too. */
  | { readonly do: 'describe'; readonly vmId: string }
  | { readonly do: 'restore'; readonly vmId: string; readonly sections: readonly Section[] }
  /**
   * Another identity for a paused VM (a clone, before its first instruction); the guest is told.
   */
  | { readonly do: 'rebrand'; readonly vmId: string; readonly identity: Identity }
  /**
   * The paused VM goes on with other disk layers of the same content (sealed below, new on top), or
   * epoch. Refused while something is held of its disk; a fork is too.
   */
  | {
      readonly do: 'change-disk'
      readonly vmId: string
      readonly layers: readonly string[]
      readonly epoch: number
      /** The new top is made now: of a VM that stands still others may lay theirs on it. */
      readonly isMade?: boolean
    }
  /**
   * Other layers below the same top, with the same in them: its guest notices nothing, and need not
   * stand still. The top stays open.
   */
  | { readonly do: 'swap-layers'; readonly vmId: string; readonly layers: readonly string[] }
  /**
   * All at once: captures the VM, lets an image share its pages as they are now (see
   * memory/fork-image.ts), gives it other disk layers, and lets it go on if it ran.
   */
  | {
      readonly do: 'fork'
      readonly vmId: string
      readonly image: PreservedPages
      readonly disk?: { readonly layers: readonly string[]; readonly epoch: number }
    }
  /** No image shares its pages any more. */
  | { readonly do: 'unshare'; readonly vmId: string }
  /**
   * These pages are in RAM now (GuestMemory.bring): a VM that waits for one of them goes on. Only
   * pages that it said it waits for need to be named; others it finds by itself.
   */
  | { readonly do: 'present'; readonly vmId: string; readonly pages: Uint32Array }
  /**
   * Boots a guest again that has reset itself. One that is paused asks again when it goes on, here
   * or wherever it is then: for it, and for one that does not wait, this does nothing.
   */
  | { readonly do: 'reboot'; readonly vmId: string; readonly image: BootImage }
  | {
      readonly do: 'input'
      readonly vmId: string
      /** Its screen's keyboard and pointer; without this: its console. */
      readonly to?: 'screen'
      readonly offset: number
      readonly bytes: Uint8Array
    }
  /** Ethernet frames for the guest; a VM that is not running loses them. */
  | {
      readonly do: 'frames'
      readonly vmId: string
      readonly frames: readonly Uint8Array[]
    }
  | {
      readonly do: 'weigh'
      readonly vmId: string
      readonly cpuShares: number
      readonly cpuCapPercent: number
    }
  /** So many pages of a running VM's RAM are to be given up; its guest does so as it runs. */
  | { readonly do: 'balloon'; readonly vmId: string; readonly targetPages: number }
  /**
   * From now on what the guest writes to its disk is held in memory, and the store sees nothing of
   * it; also when the disk is opened only later. Once more, or without a disk: does nothing.
   */
  | { readonly do: 'hold-disk'; readonly vmId: string }
  /** Closes the batch of what was written since the last take, and begins the next. */
  | { readonly do: 'take-held'; readonly vmId: string }
  /** Writes all batches taken so far to the store, durably. */
  | { readonly do: 'write-held'; readonly vmId: string }
  /**
   * Writes all that is held, taken or not, and holds nothing any more. Of a guest that has ended,
   * too: its disk is closed then.
   */
  | { readonly do: 'release-disk'; readonly vmId: string }
  /**
   * Writes a batch that was taken of another copy of this VM, which is paused and has not run here
   * yet. Opens the disk as a resume does.
   */
  | { readonly do: 'apply-batch'; readonly vmId: string; readonly batch: Uint8Array }
  /**
   * It runs only before that host ms (monotonic, of this machine); Infinity, or never said: always.
   * Held back by that it goes on as soon as a later one is said.
   */
  | { readonly do: 'allow'; readonly vmId: string; readonly untilMs: number }
  /** From now on it runs only while the node's lease does, or also without it. */
  | { readonly do: 'set-lease'; readonly vmId: string; readonly leased: boolean }
  | { readonly do: 'stats' }

/** What a guest says of its memory (VIRTIO 1.2, 5.5.6.3). */
export interface GuestMemoryUse {
  readonly freeBytes: number
  /** What it could use without swapping. */
  readonly availableBytes: number
  readonly totalBytes: number
}

export interface VmStats {
  readonly vmId: string
  /** Retired since boot; goes on through migrations. */
  readonly instructions: number
  /** Ms of this pCPU since attach. */
  readonly ranMs: number
  /** Ms in which it ran or could have run. */
  readonly runnableMs: number
  /** Pages that the guest is to give up, and has. */
  readonly balloonTargetPages: number
  readonly balloonPages: number
  /** What its balloon's driver said last; absent: nothing. Clock `real`: not older than 20 s. */
  readonly memoryUse?: GuestMemoryUse
}

/** What a command answers with; a refusal is an Error with a message for a person. */
export interface PcpuAnswers {
  attach: undefined
  load: undefined
  boot: undefined
  resume: undefined
  pause: undefined
  detach: undefined
  'open-log': { readonly log: number }
  /** `stoppedAtMs`: since when the VM retires nothing, if it was to pause; the pCPU's clock. */
  'take-log': {
    readonly bitmap: Uint8Array
    readonly pages: number
    readonly stoppedAtMs?: number
  }
  'close-log': undefined
  /** `tookMs`: by the pCPU's clock. */
  capture: { readonly sections: readonly Section[]; readonly tookMs: number }
  describe: { readonly sections: readonly Pick<Section, 'kind' | 'version'>[] }
  restore: undefined
  rebrand: undefined
  'change-disk': undefined
  'swap-layers': undefined
  /** For how long the VM stood still, in ms of the pCPU's clock. */
  fork: { readonly sections: readonly Section[]; readonly pausedMs: number }
  unshare: undefined
  present: undefined
  reboot: undefined
  /** How many of them; the others are lost. Without a driver in the guest all will be. */
  frames: { readonly taken: number; readonly hasDriver: boolean }
  /** All input below this offset has been taken. */
  input: { readonly accepted: number }
  weigh: undefined
  /** As far as the guest has come by now: the target is met, if at all, later. */
  balloon: { readonly actualPages: number }
  'hold-disk': undefined
  /** See devices/held-batch.ts. No bytes at all when nothing was written, or without a disk. */
  'take-held': { readonly batch: Uint8Array }
  'write-held': undefined
  'release-disk': undefined
  'apply-batch': undefined
  allow: undefined
  'set-lease': undefined
  stats: { readonly vms: readonly VmStats[] }
}

export type PcpuEvent =
  | {
      readonly on: 'output'
      readonly vmId: string
      readonly offset: number
      readonly bytes: Uint8Array
    }
  | { readonly on: 'accepted'; readonly vmId: string; readonly offset: number }
  /** What the guest sent to its network in a slice; `lost`: what its device had to drop since. */
  | {
      readonly on: 'frames'
      readonly vmId: string
      readonly frames: readonly Uint8Array[]
      readonly lost: number
    }
  /** The guest has reset itself and waits for `reboot`: once for each time it waits. */
  | { readonly on: 'reset'; readonly vmId: string }
  /** The VM has touched an absent page, and waits for it: once for each time it waits. */
  | { readonly on: 'absent'; readonly vmId: string; readonly page: number }
  /**
   * Much is held of the VM's disk since it was last taken: take it soon, before the VM has to wait
   * for that. Once a batch.
   */
  | { readonly on: 'held'; readonly vmId: string; readonly bytes: number }
  | {
      readonly on: 'stopped'
      readonly vmId: string
      readonly reason: 'shut-down' | 'crashed' | 'disk-failed'
      readonly detail: string
    }

/** Between the two threads: a request has an id, its answer carries it back. */
export interface PcpuRequest {
  readonly id: number
  readonly command: PcpuCommand
}
export type PcpuMessage =
  | { readonly id: number; readonly value?: unknown; readonly error?: string }
  | PcpuEvent

/** How the worker is started: by postMessage, first of all. */
export interface PcpuStart {
  readonly module: WebAssembly.Module
  /** Float64, one element: monotonic ms (real clock) until which leased VMs may run. */
  readonly runUntilMs: SharedArrayBuffer
  /**
   * Int32, one element: bumped and notified with each request, so that an idle pCPU wakes at once.
   */
  readonly doorbell: SharedArrayBuffer
  /** 0: as fast as the machine can. */
  readonly mips: number
  /** The folder of the shared disk store. */
  readonly diskFolder: string
  /** How the store is made to fail (env/faulty-disk.ts); absent: this node is in no laboratory. */
  readonly diskFaults?: SharedArrayBuffer
  /** How its clock goes (env/drifting-clock.ts); absent: evenly. */
  readonly clockDrift?: SharedArrayBuffer
}
