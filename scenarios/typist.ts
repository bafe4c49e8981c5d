// A person at the screen of a VM: types letters at a steady pace, draws every frame, and notes how
// long it had to wait to see something new. It notices nothing of a migration but that; after an
// outage it finds its session again. At the end it reads the editor's text by the guest's console
// (docs/guest.md, `workload=desktop`), and asks the guest for a sum of what it shows.
// Not here: what is expected of it (runner/judges.ts). Times in ms.

import type { Clock, Inflate, Random } from '#env/env.ts'
import { encodeInput, encodeShown, type ScreenHeader } from '#proto/screen.ts'
import { applyChange, readBody, readFrame } from '#proto/screen-frame.ts'
import { devices, encodeEvents, keyEvents, pointEvents } from '#proto/screen-input.ts'
import type { ApiClient, ConsoleSession } from './api-client.ts'
import { GuestRequests } from './guest-requests.ts'

export interface TypistLoad {
  readonly id: string
  readonly vmId: string
  readonly keysPerSecond: number
}

export interface TypistFindings {
  readonly keys: number
  readonly frames: number
  readonly frameBytes: number
  /** From a key to the next frame, at the longest: what an outage looks like from outside. */
  readonly waitMsMax: number
  /** What the editor held at the end; undefined: it was not told in time. */
  readonly text: string | undefined
  /** Where it first differs from what was typed; undefined: nowhere. */
  readonly differsAt: number | undefined
  /** The picture was seen to be what the guest shows. */
  readonly isShown: boolean
}

interface TypistPorts {
  readonly api: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly inflate: Inflate
}

/** Letters and the keys that write them, by the kernel's numbers; the last one ends a line. */
const keys = new Map([
  ...[...'qwertyuiop'].map((letter, n) => [letter, 16 + n] as const),
  ...[...'asdfghjkl'].map((letter, n) => [letter, 30 + n] as const),
  ...[...'zxcvbnm'].map((letter, n) => [letter, 44 + n] as const),
  [' ', 57] as const,
  ['\n', 28] as const,
])
const letters = [...keys.keys()]
const reconnectMs = 100
/** The clock of the desktop moves on each second: the same is seen soon, if it is the same. */
const comparesMax = 20
const compareMs = 150
/** The editor takes no more. */
const textBytesMax = 8192

export class Typist {
  readonly load: TypistLoad
  readonly #ports: TypistPorts
  readonly #requests: GuestRequests
  readonly #onChange: () => void
  #session: ConsoleSession | undefined
  #header: ScreenHeader | undefined
  #rgba = new Uint8Array(0)
  /** Something is on the screen: who types before that types to a guest that is not there yet. */
  #isLit = false
  #typed = ''
  #text = ''
  #isRead = false
  #isShown = false
  #compares = 0
  #frames = 0
  #frameBytes = 0
  #waitsSinceMs: number | undefined
  #waitMsMax = 0
  #isTyping = true
  #isClosed = false

  /** `prefix`: unlike that of every other client of the cluster; see GuestRequests. */
  constructor(ports: TypistPorts, load: TypistLoad, prefix: string, onChange: () => void) {
    this.load = load
    this.#ports = ports
    this.#onChange = onChange
    this.#requests = new GuestRequests(ports.api, ports.clock, load.vmId, prefix)
    this.#connect()
    this.#typeAt(ports.clock.nowMs())
  }

  stopTyping(): void {
    this.#isTyping = false
  }

  /** Reads the text, and then looks whether the picture is the guest's; `isVerified` tells when. */
  verify(): void {
    this.#read()
  }

  get isVerified(): boolean {
    return this.#isRead && (this.#isShown || this.#compares >= comparesMax)
  }

  get findings(): TypistFindings {
    const text = this.#isRead ? this.#text : undefined
    const until = Math.max(this.#typed.length, this.#text.length)
    const at = [...Array(until).keys()].find((n) => this.#typed[n] !== this.#text[n])
    return {
      ...{ keys: this.#typed.length, frames: this.#frames, frameBytes: this.#frameBytes },
      ...{ waitMsMax: this.#waitMsMax, text, differsAt: at, isShown: this.#isShown },
    }
  }

  close(): void {
    this.#isClosed = true
    this.#isTyping = false
    this.#session?.close()
    this.#requests.close()
  }

  #connect(): void {
    const lost = () => {
      this.#session = undefined
      const { clock } = this.#ports
      clock.wakeAt(clock.nowMs() + reconnectMs, () => {
        if (!this.#isClosed) this.#connect()
      })
    }
    const handlers = {
      onHeader: (header: ScreenHeader) => this.#begin(header),
      onFrame: (bytes: Uint8Array) => this.#draw(bytes),
      onClose: () => {
        if (this.#session) lost()
      },
    }
    this.#ports.api.screen(this.load.vmId, handlers).then((session) => {
      this.#session = session
      if (this.#isClosed) session.close()
    }, lost)
  }

  #begin(header: ScreenHeader): void {
    this.#header = header
    this.#rgba = new Uint8Array(header.width * header.height * 4)
    this.#isLit = false
  }

  #draw(bytes: Uint8Array): void {
    const read = readFrame(bytes)
    const body = read && this.#ports.inflate(read.packed, read.bodyBytes)
    const change = read && body && readBody(body, read)
    if (!read || !change || read.width !== this.#header?.width) return
    applyChange(this.#rgba, change)
    this.#isLit ||= this.#rgba.some((part, at) => part > 0 && at % 4 < 3)
    this.#frames += 1
    this.#frameBytes += bytes.length
    this.#noteWait()
    this.#session?.send(encodeShown(read.frame))
  }

  #noteWait(): void {
    if (this.#waitsSinceMs === undefined) return
    this.#waitMsMax = Math.max(this.#waitMsMax, this.#ports.clock.nowMs() - this.#waitsSinceMs)
    this.#waitsSinceMs = undefined
  }

  #typeAt(atMs: number): void {
    const { clock } = this.#ports
    clock.wakeAt(atMs, () => {
      if (!this.#isTyping) return
      if (this.#session && this.#isLit && this.#typed.length < textBytesMax) this.#type()
      this.#typeAt(Math.max(atMs + 1000 / this.load.keysPerSecond, clock.nowMs()))
    })
  }

  /** A letter, and now and then the pointer goes somewhere else. */
  #type(): void {
    const { random, clock } = this.#ports
    const letter = letters[random.below(letters.length)] ?? ' '
    const code = keys.get(letter) ?? 0
    const { keyboard } = devices
    const moves = random.below(4) === 0 ? pointEvents(random.float(), random.float()) : []
    const events = [...keyEvents(keyboard, code, 1), ...keyEvents(keyboard, code, 0), ...moves]
    this.#session?.send(encodeInput(encodeEvents(events)))
    this.#typed += letter
    this.#waitsSinceMs ??= clock.nowMs()
  }

  /** Until all is there that was typed: it may be on its way still. */
  #read(): void {
    this.#requests.ask(`text ${this.#text.length}`, ([word, bytes = '0', , from, piece = '']) => {
      if (this.#isClosed) return
      if (word === 'text' && Number(from) === this.#text.length) this.#text += unescaped(piece)
      const isWhole = this.#text.length >= Math.max(Number(bytes), this.#typed.length)
      if (!isWhole) return this.#again(() => this.#read())
      this.#isRead = true
      this.#onChange()
      this.#compare()
    })
  }

  #compare(): void {
    this.#requests.ask('screen', ([word, sum]) => {
      if (this.#isClosed) return
      this.#compares += 1
      this.#isShown = word === 'screen' && sum === sumOf(this.#rgba)
      this.#onChange()
      if (!this.isVerified) this.#again(() => this.#compare())
    })
  }

  #again(fn: () => void): void {
    const { clock } = this.#ports
    clock.wakeAt(clock.nowMs() + compareMs, () => {
      if (!this.#isClosed) fn()
    })
  }
}

const unescaped = (piece: string): string =>
  piece.replace(/%([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )

/** As the guest's `screen` has it: 32-bit FNV-1a, a pixel at a time, red above green above blue. */
function sumOf(rgba: Uint8Array): string {
  let sum = 0x811c9dc5
  for (let at = 0; at < rgba.length; at += 4) {
    const [red = 0, green = 0, blue = 0] = rgba.subarray(at, at + 3)
    sum = Math.imul(sum ^ ((red << 16) | (green << 8) | blue), 0x01000193)
  }
  return (sum >>> 0).toString(16).padStart(8, '0')
}
