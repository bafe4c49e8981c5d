// One VM's console as the cluster sees it, whichever node runs the VM. Output and input are counted
// in bytes since the VM's boot (proto/messages.ts), so that a migration neither loses nor doubles
// any: output is de-duplicated by its offset, input is kept until the VM has accepted it
// (unaccepted-input.ts). A new boot begins at 0: what had not been accepted is dropped then, for
// it was meant for another run. Not here: sockets, who owns the VM. Pure but for the ports it is
// given. Offsets and sizes in bytes.

import type { ConsoleHeader } from '#proto/api.ts'
import { joined } from '#proto/bytes.ts'
import type { Epoch, NodeId, VmId } from '#proto/ids.ts'
import type { ConsoleAccepted, ConsoleOutput, CoordinatorMessage } from '#proto/messages.ts'
import { UnacceptedInput } from './unaccepted-input.ts'

/** History for those who come later and ask for it; as much as an agent keeps. */
const keptBytesMax = 64 * 1024
/** A client that has so much output waiting is not reading. */
export const clientBytesMax = 1024 * 1024
/** An owner that does not answer console-open in this time has no history for us: go on without. */
const openMsMax = 1000

export interface ConsoleClient {
  readonly isReplay: boolean
  readonly bufferedBytes: number
  header(header: ConsoleHeader): void
  output(bytes: Uint8Array): void
  close(reason: string): void
}

/** Where the VM runs now, and over which link it is reached. */
export interface ConsoleOwner {
  readonly nodeId: NodeId
  readonly linkId: number
  readonly epoch: Epoch
  readonly bootEpoch: Epoch
}

export interface StreamPorts {
  nowMs(): number
  send(owner: ConsoleOwner, message: CoordinatorMessage): void
}

export class ConsoleStream {
  readonly vmId: VmId
  readonly #ports: StreamPorts
  readonly #clients = new Set<ConsoleClient>()
  /** Clients that wait for the owner's answer to know where `now` is. */
  readonly #newcomers = new Set<ConsoleClient>()
  #owner: ConsoleOwner | undefined
  #bootEpoch: Epoch | undefined
  #openedAtMs = 0
  #outputEnd = 0
  #kept = new Uint8Array(0)
  readonly #input: UnacceptedInput

  constructor(vmId: VmId, ports: StreamPorts) {
    this.vmId = vmId
    this.#ports = ports
    this.#input = new UnacceptedInput({
      nowMs: () => ports.nowMs(),
      send: (offset, bytes) => {
        const owner = this.#owner
        if (owner)
          ports.send(owner, { t: 'console-input', vmId, epoch: owner.epoch, offset, bytes })
      },
    })
  }

  /** Nobody listens, and nothing is on its way in. */
  get isIdle(): boolean {
    return this.#clients.size + this.#newcomers.size === 0 && this.#input.isEmpty
  }

  attach(client: ConsoleClient): void {
    if (this.#input.isOpen) this.#admit(client)
    else this.#newcomers.add(client)
  }

  detach(client: ConsoleClient): void {
    this.#clients.delete(client)
    this.#newcomers.delete(client)
  }

  /** The VM runs there now; undefined when it runs nowhere that we can reach. */
  setOwner(owner: ConsoleOwner | undefined): void {
    const before = this.#owner
    if (before?.linkId === owner?.linkId && before?.epoch === owner?.epoch) return
    this.#owner = owner
    if (!owner) return
    if (this.#bootEpoch !== undefined && owner.bootEpoch !== this.#bootEpoch) this.#beginAnew(owner)
    this.#bootEpoch = owner.bootEpoch
    this.#input.reopen()
    this.#openedAtMs = this.#ports.nowMs()
    const { vmId } = this
    const fromOffset = this.#outputEnd
    this.#ports.send(owner, { t: 'console-open', vmId, epoch: owner.epoch, fromOffset })
  }

  hearOutput({ epoch, offset, bytes }: ConsoleOutput): void {
    if (this.#isStale(epoch)) return
    const known = this.#outputEnd - offset
    if (known >= bytes.length) return
    // A gap is what the agent's ring had to forget: it is lost, and the offsets go on behind it.
    const news = known > 0 ? bytes.subarray(known) : bytes
    this.#outputEnd = offset + bytes.length
    this.#keep(known < 0 ? news : joined([this.#kept, news]))
    for (const client of [...this.#clients]) this.#pass(client, news)
  }

  hearAccepted({ epoch, offset }: ConsoleAccepted): void {
    if (epoch !== this.#owner?.epoch) return
    this.#input.accepted(offset)
    this.#admitAll()
  }

  /** False when the VM has not read so much for so long that no more can be kept. */
  input(bytes: Uint8Array): boolean {
    return this.#input.add(bytes)
  }

  tick(): void {
    const nowMs = this.#ports.nowMs()
    const isLate = !this.#input.isOpen && nowMs - this.#openedAtMs > openMsMax
    if (this.#newcomers.size > 0 && isLate) this.#admitAll()
    this.#input.tick()
  }

  /** Nobody will listen any more. */
  close(reason: string): void {
    const { vmId } = this
    if (this.#owner) this.#ports.send(this.#owner, { t: 'console-close', vmId })
    for (const client of [...this.#clients, ...this.#newcomers]) client.close(reason)
    this.#clients.clear()
    this.#newcomers.clear()
  }

  /** Before the present boot, or of an owner that we do not know yet. */
  #isStale(epoch: Epoch): boolean {
    return !this.#owner || epoch < this.#owner.bootEpoch || epoch > this.#owner.epoch
  }

  #beginAnew(owner: ConsoleOwner): void {
    this.#outputEnd = 0
    this.#kept = new Uint8Array(0)
    this.#input.clear()
    for (const client of this.#clients) client.header(this.#header(owner, 0))
  }

  #admitAll(): void {
    for (const client of this.#newcomers) this.#admit(client)
    this.#newcomers.clear()
  }

  #admit(client: ConsoleClient): void {
    this.#clients.add(client)
    const kept = client.isReplay ? this.#kept : new Uint8Array(0)
    client.header(this.#header(this.#owner, this.#outputEnd - kept.length))
    if (kept.length > 0) client.output(kept)
  }

  #header(owner: ConsoleOwner | undefined, offset: number): ConsoleHeader {
    const { vmId } = this
    const epoch = owner?.epoch ?? this.#bootEpoch ?? 0
    return { vmId, epoch, offset, ...(owner && { nodeId: owner.nodeId }) }
  }

  #pass(client: ConsoleClient, bytes: Uint8Array): void {
    client.output(bytes)
    if (client.bufferedBytes <= clientBytesMax) return
    this.detach(client)
    client.close('too slow: the console does not wait for its readers; attach again')
  }

  #keep(bytes: Uint8Array<ArrayBuffer>): void {
    const tooMany = bytes.length - keptBytesMax
    this.#kept = tooMany > 0 ? bytes.slice(tooMany) : bytes
  }
}
