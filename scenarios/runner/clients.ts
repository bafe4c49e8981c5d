// The clients of a run: those that write for the whole of it, those that listen to consoles, those
// that ask once. Each conversation with a guest has its own prefix, so that answers on one console
// find who asked. Times in ms.

import type { Clock, Inflate } from '#env/env.ts'
import { SeededRandom } from '#env/memory.ts'
import type { ApiClient } from '../api-client.ts'
import { GuestLine } from '../guest-line.ts'
import { GuestRequests } from '../guest-requests.ts'
import { KvClient } from '../kv-client.ts'
import type { ClientPart, TypistPart } from '../language/cluster.ts'
import type { ClientRecord } from '../report/recording.ts'
import { Typist, type TypistFindings } from '../typist.ts'
import type { ClosingClient } from './evidence.ts'
import type { Waiting } from './waiting.ts'

/** A store that was restarted a moment ago has to boot and replay first. */
const settleMsMax = 30_000

interface Ports {
  readonly api: ApiClient
  readonly clock: Clock
  readonly inflate: Inflate
  readonly waiting: Waiting
}

export class Clients {
  readonly #ports: Ports
  readonly #seed: number
  readonly #writers: KvClient[] = []
  readonly #typists: Typist[] = []
  readonly #open: { close(): void }[] = []
  #conversations = 0

  constructor(ports: Ports, seed: number) {
    this.#ports = ports
    this.#seed = seed
  }

  startWriting(part: ClientPart): void {
    const { waiting, ...ports } = this.#ports
    const prefix = this.#nextPrefix()
    const random = new SeededRandom(this.#seed + this.#conversations)
    const load = {
      id: part.id,
      vmId: part.vm,
      writesPerSecond: part['writes-per-second'],
      keys: part.keys,
      inFlight: part['in-flight'],
    }
    const client = new KvClient({ ...ports, random }, load, prefix, () => waiting.changed())
    this.#writers.push(client)
    this.#open.push(client)
  }

  /** @param api as whom they come */
  startTyping(part: TypistPart, api: ApiClient): void {
    const { waiting, ...own } = this.#ports
    const ports = { ...own, api }
    const prefix = this.#nextPrefix()
    const random = new SeededRandom(this.#seed + this.#conversations)
    const load = { id: part.id, vmId: part.vm, keysPerSecond: part['keys-per-second'] }
    const typist = new Typist({ ...ports, random }, load, prefix, () => waiting.changed())
    this.#typists.push(typist)
    this.#open.push(typist)
  }

  /** Everything that the guest in this VM says, as far back as it is kept. */
  listen(vmId: string, onLine: (text: string) => void): void {
    const { api, clock } = this.#ports
    this.#open.push(new GuestLine(api, clock, vmId, true, { onOpen: () => {}, onLine }))
  }

  /** Asks the guest once, until it answers; the answer's words without the request's id. */
  ask(vmId: string, request: string, onAnswer: (words: readonly string[]) => void): void {
    const { api, clock, waiting } = this.#ports
    const requests = new GuestRequests(api, clock, vmId, this.#nextPrefix())
    this.#open.push(requests)
    requests.ask(request, (words) => {
      requests.close()
      onAnswer(words)
      waiting.changed()
    })
  }

  /** Says it once, as soon as the line is open, and does not listen. */
  say(vmId: string, request: string): void {
    const { api, clock } = this.#ports
    const text = `${this.#nextPrefix()}.0 ${request}`
    const line: GuestLine = new GuestLine(api, clock, vmId, false, {
      onOpen: () => {
        line.say(text)
        line.close()
      },
      onLine: () => {},
    })
  }

  /** Lets every writer finish, and reads back what it wrote. */
  async settle(): Promise<ReadonlyMap<string, ClosingClient>> {
    const writers = this.#writers
    for (const writer of writers) writer.stopWriting()
    await this.#until('all writes to be answered', () => writers.every((one) => one.isQuiet))
    for (const writer of writers) writer.verify()
    await this.#until('all keys to be read back', () => writers.every((one) => one.isVerified))
    return new Map(
      writers.map((one) => [
        one.load.id,
        { findings: one.findings, isComplete: one.isQuiet && one.isVerified },
      ]),
    )
  }

  /** Lets every typist stop, and look whether all is there. */
  async settleTypists(): Promise<ReadonlyMap<string, TypistFindings>> {
    const typists = this.#typists
    for (const typist of typists) typist.stopTyping()
    for (const typist of typists) typist.verify()
    await this.#until('all desktops to be looked at', () => typists.every((one) => one.isVerified))
    return new Map(typists.map((one) => [one.load.id, one.findings]))
  }

  /** The identity of each guest, as it says itself; who does not answer in time is absent. */
  async identities(vmIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    for (const vmId of vmIds)
      this.ask(vmId, 'id', ([word, instanceId, mac, _generation, seed]) => {
        if (word === 'id') found.set(vmId, `${instanceId} ${mac} ${seed}`)
      })
    await this.#until('all guests to say who they are', () => found.size === new Set(vmIds).size)
    return found
  }

  get records(): ClientRecord[] {
    return this.#writers.map(({ load, findings }) => ({ load, findings }))
  }

  close(): void {
    for (const one of this.#open) one.close()
  }

  #nextPrefix(): string {
    this.#conversations += 1
    return `c${this.#conversations}`
  }

  /** Too late is not the end: the judges see what is missing. */
  async #until(what: string, isSo: () => boolean): Promise<void> {
    const { waiting } = this.#ports
    await waiting.unlessLate(waiting.until(what, settleMsMax, () => isSo() || undefined))
  }
}
