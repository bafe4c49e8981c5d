// One VM's screen as the cluster sees it, whichever node runs the VM: its watchers, each with
// frames of its own, and what they do at it, as one stream that the VM takes exactly once.
// Frames pass through unread, and none is kept here: a watcher says when it has shown one, and the
// agent then sends it the next, so that a slow watcher costs no memory anywhere. A new owner
// begins with the whole screen.
// Not here: sockets, who owns the VM, what frames hold (proto/screen-frame.ts). Pure but for the
// ports it is given. Sizes in pixels and bytes, ms.

import type { VmId } from '#proto/ids.ts'
import type { CoordinatorMessage, ScreenAccepted, ScreenFrame } from '#proto/messages.ts'
import { readClientWord, type ScreenHeader, type ScreenSize } from '#proto/screen.ts'
import { decodeEvents, encodeEvents, HeldKeys } from '#proto/screen-input.ts'
import type { ConsoleOwner } from '../console/console-stream.ts'
import { UnacceptedInput } from '../console/unaccepted-input.ts'

/** An owner that does not answer screen-open in this time is asked again. */
const openMsMax = 1000
/** Of frames that a client says to have shown and has not even read: some of the largest. */
export const unreadBytesMax = 32 << 20

export interface ScreenClient {
  readonly bufferedBytes: number
  header(header: ScreenHeader): void
  frame(bytes: Uint8Array): void
  close(reason: string): void
}

export interface ScreenPorts {
  nowMs(): number
  send(owner: ConsoleOwner, message: CoordinatorMessage): void
  /** A number that no watcher of this coordinator has had. */
  nextWatcher(): number
}

interface Watcher {
  readonly client: ScreenClient
  readonly held: HeldKeys
}

export class ScreenStream {
  readonly vmId: VmId
  readonly #ports: ScreenPorts
  readonly #size: ScreenSize
  readonly #watchers = new Map<number, Watcher>()
  readonly #input: UnacceptedInput
  #owner: ConsoleOwner | undefined
  #bootEpoch: number | undefined
  #openedAtMs = 0

  constructor(vmId: VmId, size: ScreenSize, ports: ScreenPorts) {
    this.vmId = vmId
    this.#size = size
    this.#ports = ports
    this.#input = new UnacceptedInput({
      nowMs: () => ports.nowMs(),
      send: (offset, bytes) => {
        const owner = this.#owner
        if (owner) ports.send(owner, { t: 'screen-input', vmId, epoch: owner.epoch, offset, bytes })
      },
    })
  }

  /** Nobody watches, and nothing is on its way in. */
  get isIdle(): boolean {
    return this.#watchers.size === 0 && this.#input.isEmpty
  }

  /** @returns the watcher's number */
  attach(client: ScreenClient): number {
    const watcher = this.#ports.nextWatcher()
    this.#watchers.set(watcher, { client, held: new HeldKeys() })
    client.header(this.#header())
    if (this.#owner) this.#ask(this.#owner, watcher)
    return watcher
  }

  /** What it held down it lets go of. */
  detach(watcher: number): void {
    const found = this.#watchers.get(watcher)
    if (!found) return
    this.#watchers.delete(watcher)
    this.#input.add(encodeEvents(found.held.release()))
    const { vmId } = this
    if (this.#owner) this.#ports.send(this.#owner, { t: 'screen-close', vmId, watcher })
  }

  /** What a client says. @returns why it must not go on; undefined: it may */
  hear(watcher: number, bytes: Uint8Array): string | undefined {
    const word = readClientWord(bytes)
    if (word?.is === 'shown') return this.#shown(watcher, word.frame)
    const events = word && decodeEvents(word.events)
    if (!word || !events) return 'bad-message: a client says which frame it has shown, or events'
    if (!this.#input.add(word.events))
      return 'the guest does not take what is done at its screen: try again when it does'
    this.#watchers.get(watcher)?.held.see(events)
    return undefined
  }

  /** The VM runs there now; undefined when it runs nowhere that we can reach. */
  setOwner(owner: ConsoleOwner | undefined): void {
    const before = this.#owner
    if (before?.linkId === owner?.linkId && before?.epoch === owner?.epoch) return
    this.#owner = owner
    if (!owner) return
    // It was booted anew: what had not been taken was meant for another run.
    if (this.#bootEpoch !== undefined && owner.bootEpoch !== this.#bootEpoch) this.#input.clear()
    this.#bootEpoch = owner.bootEpoch
    this.#input.reopen()
    for (const { client } of this.#watchers.values()) client.header(this.#header())
    this.#askForAll(owner)
  }

  hearFrame({ epoch, watcher, bytes }: ScreenFrame): void {
    const client = epoch === this.#owner?.epoch && this.#watchers.get(watcher)?.client
    if (!client) return
    client.frame(bytes)
    if (client.bufferedBytes <= unreadBytesMax) return
    this.detach(watcher)
    client.close('too slow: it has said to have shown what it has not read; attach again')
  }

  hearAccepted({ epoch, offset }: ScreenAccepted): void {
    if (epoch === this.#owner?.epoch) this.#input.accepted(offset)
  }

  tick(): void {
    const isLate = !this.#input.isOpen && this.#ports.nowMs() - this.#openedAtMs > openMsMax
    if (this.#owner && isLate) this.#askForAll(this.#owner)
    this.#input.tick()
  }

  close(reason: string): void {
    for (const watcher of [...this.#watchers.keys()]) {
      const client = this.#watchers.get(watcher)?.client
      this.detach(watcher)
      client?.close(reason)
    }
  }

  #shown(watcher: number, frame: number): undefined {
    const { vmId } = this
    const owner = this.#owner
    if (owner)
      this.#ports.send(owner, { t: 'screen-shown', vmId, epoch: owner.epoch, watcher, frame })
  }

  #askForAll(owner: ConsoleOwner): void {
    this.#openedAtMs = this.#ports.nowMs()
    for (const watcher of this.#watchers.keys()) this.#ask(owner, watcher)
  }

  #ask(owner: ConsoleOwner, watcher: number): void {
    const { vmId } = this
    this.#openedAtMs = this.#ports.nowMs()
    this.#ports.send(owner, { t: 'screen-open', vmId, epoch: owner.epoch, watcher })
  }

  #header(): ScreenHeader {
    const { nodeId } = this.#owner ?? {}
    const epoch = this.#owner?.epoch ?? 0
    return { vmId: this.vmId, epoch, ...this.#size, ...(nodeId && { nodeId }) }
  }
}
