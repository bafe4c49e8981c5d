// The screens of this node's VMs that somebody watches. While somebody does, each is looked at so
// often: its dirty log is taken, a log of its own, so that no migration, snapshot or meter loses a
// page by it; what has changed goes to those who wait for a frame. Nobody watches: nothing is done.
// Not here: who waits for what (screen-watch.ts), what a frame holds (screen-pages.ts), what is
// done at a screen (consoles.ts, as for a console). Times in ms.

import { screenPages } from '#engine/screen.ts'
import type { Clock, Deflate, Log } from '#env/env.ts'
import { faultOf } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import type { ScreenClose, ScreenFrame, ScreenOpen, ScreenShown } from '#proto/messages.ts'
import { readScreenSize, type ScreenSize } from '#proto/screen.ts'
import { encodeBody, encodeFrame } from '#proto/screen-frame.ts'
import { type HeldVm, isLive } from './held-vms.ts'
import { readPages } from './screen-pages.ts'
import { ScreenWatch } from './screen-watch.ts'
import type { Vmm } from './vmm.ts'

/** Thirty frames a second: what an eye takes for motion. */
export const lookMs = 33

export interface ScreenPorts {
  readonly clock: Clock
  readonly log: Log
  readonly deflate: Deflate
  readonly vmm: Vmm
  held(vmId: VmId): HeldVm | undefined
  send(message: ScreenFrame): void
  /** The link to the coordinator has room for a frame. */
  hasRoom(): boolean
}

interface Watched {
  readonly size: ScreenSize
  readonly watch: ScreenWatch
  /** Of its own dirty log, while one is open. */
  log: number | undefined
  /** A look is under way, or the next one is set. */
  isLooking: boolean
}

export class Screens {
  readonly #ports: ScreenPorts
  readonly #watched = new Map<HeldVm, Watched>()

  constructor(ports: ScreenPorts) {
    this.#ports = ports
  }

  forget(vm: HeldVm): void {
    this.#watched.delete(vm)
  }

  /** A new link to the coordinator: whoever watched before must say so again. */
  forgetWatchers(): void {
    for (const watched of this.#watched.values()) watched.watch.closeAll()
  }

  hear(message: ScreenOpen | ScreenShown | ScreenClose): void {
    const vm = this.#ports.held(message.vmId)
    if (!vm) return // It has moved or gone: the coordinator learns that from the reports.
    if (message.t === 'screen-close') this.#watched.get(vm)?.watch.close(message.watcher)
    else if (message.epoch !== vm.epoch) return
    else if (message.t === 'screen-open') this.#open(vm, message.watcher)
    else this.#watched.get(vm)?.watch.shown(message.watcher, message.frame)
  }

  #open(vm: HeldVm, watcher: number): void {
    const watched = this.#watched.get(vm) ?? watchedOf(vm)
    if (!watched) return
    this.#watched.set(vm, watched)
    if (!watched.watch.open(watcher))
      this.#ports.log.warn('too many watch this screen', { vmId: vm.vmId })
    if (!watched.isLooking) this.#look(vm, watched)
  }

  /** Looks, and looks again for as long as anybody watches. */
  #look(vm: HeldVm, watched: Watched): void {
    watched.isLooking = true
    const { clock, log } = this.#ports
    const again = () => {
      const isOver = this.#watched.get(vm) !== watched
      if (!isOver) clock.wakeAt(clock.nowMs() + lookMs, () => this.#look(vm, watched))
    }
    // A machine that is gone is not looked at again: whoever watches asks its next owner.
    if (!watched.watch.isWatched || !this.#ports.vmm.memoryOf(vm)) {
      this.#close(vm, watched)
      return
    }
    this.#show(vm, watched).then(again, (thrown) => {
      // It left between the question and the answer, or all its logs are taken: the next look
      // tells.
      log.debug('screen not looked at', { vmId: vm.vmId, why: faultOf(thrown).message })
      again()
    })
  }

  #close(vm: HeldVm, watched: Watched): void {
    this.#watched.delete(vm)
    if (watched.log === undefined) return
    // With the VM its logs go as well.
    this.#ports.vmm.closeLog(vm, watched.log).catch(() => undefined)
  }

  async #show(vm: HeldVm, watched: Watched): Promise<void> {
    const { vmm, hasRoom } = this.#ports
    const { watch } = watched
    // What nobody could be shown now stays in the log.
    if (!isLive(vm) || !watch.hasReader || !hasRoom()) return
    const memory = vmm.memoryOf(vm)
    const first = (memory?.pageCount ?? 0) - watch.pages
    if (!memory || first < 0) return
    watched.log ??= await vmm.openLog(vm)
    // First the log, then the pages: what is drawn in between comes twice, and never not at all.
    const { bitmap } = await vmm.takeLog(vm, watched.log, false)
    watch.damage(bitmap, first)
    for (const { watcher, pages } of watch.due()) {
      const { change, taken, absent } = readPages(memory, first, pages)
      if (absent.length > 0) vmm.wantPages(vm, absent)
      const frame = taken.length > 0 ? watch.sent(watcher, taken) : undefined
      if (frame === undefined) continue
      const body = encodeBody(change)
      const packed = await this.#ports.deflate(body)
      const header = { frame, ...watched.size, pages: taken.length }
      const bytes = encodeFrame(header, body.length, packed)
      const { vmId, epoch } = vm
      this.#ports.send({ t: 'screen-frame', vmId, epoch, watcher, bytes })
    }
  }
}

/** Undefined: the VM has no screen. */
function watchedOf({ spec }: HeldVm): Watched | undefined {
  const size = spec.screen === undefined ? undefined : readScreenSize(spec.screen)
  if (!size) return undefined
  return { size, watch: new ScreenWatch(screenPages(size)), log: undefined, isLooking: false }
}
