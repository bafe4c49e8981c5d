// Files of templates, as a client of the coordinator moves them: parts go and come in a window, so
// that a client holds no more of a file than it writes or reads at once. Not here: the client's
// file (cli/template-file/), what is said (proto/templates/messages.ts). Bytes.

import { z } from 'zod'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import { jsonOf } from '#proto/json.ts'
import {
  type FileSize,
  type ImportRequest,
  partBytesMax,
  TemplateKeyView,
  TemplateWord,
  windowBytes,
} from '#proto/templates/messages.ts'
import { askedOf } from './api-client.ts'
import type { ApiWire, ConsoleSession } from './api-wire.ts'

/** Where an exported file goes. Both are done with the bytes when they return. */
export interface FileSink {
  begins(size: FileSize): void
  part(bytes: Uint8Array): void
}

/** Where an imported file comes from. */
export interface FileSource {
  manifest(): Iterable<Uint8Array>
  /** Header and bytes of the chunks that are wanted, in order. */
  chunks(isWanted: (chunk: number) => boolean): Iterable<Uint8Array>
  /** What the store lacks is known. */
  wants(isWanted: (chunk: number) => boolean): void
}

/** A store is told of once in so many bytes. */
const tellEveryBytes = 128 * 1024

export class TemplatesClient {
  readonly #wire: ApiWire

  constructor(wire: ApiWire) {
    this.#wire = wire
  }

  keys = () => askedOf(this.#wire, 'GET', keysPath(), undefined, z.array(TemplateKeyView))
  trust = (name: string, key: string) =>
    askedOf(this.#wire, 'PUT', keysPath(name), { key }, TemplateKeyView)

  async distrust(name: string): Promise<void> {
    await askedOf(this.#wire, 'DELETE', keysPath(name), undefined, z.unknown())
  }

  /** Resolves when the whole file has been given to the sink. Throws FaultErrors. */
  async export(name: string, sink: FileSink, signal?: AbortSignal): Promise<void> {
    const stream = new Stream(signal)
    let [got, told] = [0, 0]
    stream.onPart = (bytes) => {
      sink.part(bytes)
      got += bytes.length
      if (got - told < tellEveryBytes) return
      told = got
      stream.say({ taken: got })
    }
    stream.onWord = (word) => {
      if (word.is === 'begins') sink.begins(word.size)
    }
    await stream.open(this.#wire, `/v1/templates/${encodeURIComponent(name)}/file`)
    await stream.ended
  }

  /** Resolves when the cluster has the template. Throws FaultErrors; then it has nothing of it. */
  async import(request: z.input<typeof ImportRequest>, source: FileSource, signal?: AbortSignal) {
    const stream = new Stream(signal)
    let sent = 0
    const send = async (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length; at += partBytesMax) {
        const part = bytes.slice(at, at + partBytesMax)
        await stream.until(() => sent + part.length - stream.taken <= windowBytes)
        sent += part.length
        stream.send(part)
      }
    }
    await stream.open(this.#wire, '/v1/template-files')
    stream.say(request)
    try {
      for (const bytes of source.manifest()) await send(bytes)
      await stream.until(() => stream.wanted !== undefined)
      const isWanted = bitsOf(stream.wanted ?? new Uint8Array(0))
      source.wants(isWanted)
      for (const bytes of source.chunks(isWanted)) await send(bytes)
    } catch (thrown) {
      stream.close()
      throw thrown
    }
    await stream.ended
  }
}

const bitsOf = (bits: Uint8Array) => (at: number) => (((bits[at >> 3] ?? 0) >> (at & 7)) & 1) === 1

const keysPath = (name?: string): string =>
  `/v1/template-keys${name === undefined ? '' : `/${encodeURIComponent(name)}`}`

/** One file's stream, until either end closes it. */
class Stream {
  readonly ended: Promise<void>
  onPart: (bytes: Uint8Array) => void = () => undefined
  onWord: (word: TemplateWord) => void = () => undefined
  /** What the store has taken of what was sent. */
  taken = 0
  wanted: Uint8Array | undefined
  #session: ConsoleSession | undefined
  #fault: Fault | undefined
  #isDone = false
  #settle: (fault?: Fault) => void = () => undefined
  #wake: () => void = () => undefined

  constructor(signal: AbortSignal | undefined) {
    this.ended = new Promise((resolve, reject) => {
      this.#settle = (fault) => (fault ? reject(new FaultError(fault)) : resolve())
    })
    // Whoever waits for something else hears of it there.
    this.ended.catch(() => undefined)
    const stop = () => {
      this.#end(stoppedFault)
      this.close()
    }
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
  }

  async open(wire: ApiWire, path: string): Promise<void> {
    this.#session = await wire.open(path, {
      onText: (text) => this.#hear(TemplateWord.safeParse(jsonOf(text)).data),
      onBytes: (bytes) => {
        if (this.#fault) return
        try {
          this.onPart(bytes)
        } catch (thrown) {
          this.#end(fault('disk-failed', thrown instanceof Error ? thrown.message : `${thrown}`))
          this.close()
        }
      },
      onClose: (reason) => this.#end(fault('link-lost', `The stream was closed: ${reason}`)),
    })
    if (this.#fault) this.close()
  }

  say(word: object): void {
    this.send(new TextEncoder().encode(JSON.stringify(word)))
  }

  send(bytes: Uint8Array): void {
    this.#session?.send(bytes)
  }

  close(): void {
    this.#session?.close()
  }

  /** Resolves when it is so; throws when the stream has ended before. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#fault) throw new FaultError(this.#fault)
      if (this.#isDone) throw new FaultError(endedEarly)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#fault) throw new FaultError(this.#fault)
  }

  #hear(word: TemplateWord | undefined): void {
    if (word === undefined) this.#end(endedEarly)
    else if (word.is === 'failed') this.#end(word.fault)
    else if (word.is === 'done') this.#end(undefined)
    else if (word.is === 'taken') this.taken = Math.max(this.taken, word.bytes)
    else if (word.is === 'wants')
      this.wanted = Uint8Array.from(atob(word.chunks), (char) => char.charCodeAt(0))
    if (word) this.onWord(word)
    this.#wake()
  }

  #end(why: Fault | undefined): void {
    if (this.#isDone || this.#fault) return
    if (why) this.#fault = why
    else this.#isDone = true
    this.#settle(why)
    this.#wake()
  }
}

const stoppedFault = fault('cancelled', 'it was stopped before its end: nothing of it is kept')
const endedEarly = fault('bad-message', 'the coordinator said what this version does not know')
