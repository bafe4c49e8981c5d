// One screen that is looked at: frames in, drawn in order, each said to be shown when it is; keys
// and pointer out. Keys that are hit while the coordinator is away are kept, and sent when it is
// back; what the pointer does meanwhile is done to an old picture, and is not. Frames come from the
// network: what is none ends nothing but itself.
// Not here: the canvas and its events (parts/screen-panel.tsx), the socket (live-stream.ts).

import { jsonOf } from '#proto/json.ts'
import { encodeInput, encodeShown, ScreenHeader } from '#proto/screen.ts'
import { applyChange, readBody, readFrame } from '#proto/screen-frame.ts'
import {
  buttons,
  devices,
  encodeEvents,
  HeldKeys,
  type InputEvent,
  keyEvents,
  pointEvents,
  wheelEvents,
} from '#proto/screen-input.ts'
import { type Key, keyOfLetter, shiftCode } from './key-codes.ts'
import { type Pasted, PastedText } from './pasted-text.ts'

export interface ScreenPorts {
  send(bytes: Uint8Array<ArrayBuffer>): boolean
  /** Raw deflate; undefined when it is damaged, or longer than `bytesMax`. */
  inflate(packed: Uint8Array<ArrayBuffer>, bytesMax: number): Promise<Uint8Array | undefined>
  /** Another size, or another node: `isBack` when it was another one before. */
  onHeader(header: ScreenHeader, isBack: boolean): void
  /** The picture has changed: red, green, blue, opaque. */
  onPicture(rgba: Uint8ClampedArray<ArrayBuffer>): void
  /** So many keys wait for the coordinator, and so many found no room. */
  onWaiting?(kept: number, lost: number): void
}

/** `buttons` of a pointer event (Pointer Events, W3C). */
const buttonBits = [
  [1, buttons.left],
  [2, buttons.right],
  [4, buttons.middle],
] as const

/** Of keys going down: whoever types more than that blindly is told that it is lost. */
export const keptKeysMax = 100

export class ScreenSession {
  readonly #ports: ScreenPorts
  readonly #held = new HeldKeys()
  #header: ScreenHeader | undefined
  #rgba = new Uint8ClampedArray(0)
  /** Frames are unpacked one after the other. */
  #drawing = Promise.resolve()
  #pointer: { readonly x: number; readonly y: number } | undefined
  #buttons = 0
  /** Of keys, while nobody listens. */
  #kept: InputEvent[] = []
  #keptKeys = 0
  #lostKeys = 0
  readonly #pasted = new PastedText()

  constructor(ports: ScreenPorts) {
    this.#ports = ports
  }

  hear(data: unknown): void {
    if (typeof data === 'string') this.#takeHeader(data)
    else if (data instanceof ArrayBuffer) this.#takeFrame(new Uint8Array(data))
  }

  /** 1: down, 0: up, 2: it repeats itself. */
  key(code: number, value: 0 | 1 | 2): void {
    const events = keyEvents(devices.keyboard, code, value)
    // Behind those that wait, for their order is what was meant.
    const isSent = this.#kept.length === 0 && this.#act(events)
    if (!isSent) this.#keep(code, value, events)
  }

  /** Somebody listens again. */
  comeBack(): void {
    const kept = this.#kept
    this.#kept = []
    this.#keptKeys = 0
    this.#lostKeys = 0
    this.#ports.onWaiting?.(0, 0)
    if (kept.length > 0) this.#ports.send(encodeInput(encodeEvents(kept)))
  }

  /** Those that are down now, as bits: what has changed since is done where the pointer is. */
  buttons(down: number): void {
    const changed = down ^ this.#buttons
    this.#buttons = down
    for (const [bit, code] of buttonBits)
      if ((changed & bit) !== 0) {
        this.movePointer()
        this.#act(keyEvents(devices.pointer, code, (down & bit) === 0 ? 0 : 1))
      }
  }

  /** As if it were typed; what no key writes is left out. */
  write(text: string): void {
    for (const letter of text) {
      const key = keyOfLetter(letter)
      if (!key) continue
      if (key.shift) this.key(shiftCode, 1)
      this.key(key.code, 1)
      this.key(key.code, 0)
      if (key.shift) this.key(shiftCode, 0)
    }
  }

  /** As if it were typed, a little in each frame. @returns what becomes of it */
  paste(text: string): Pasted {
    // Whoever asks for it by keys still holds them.
    this.release()
    return this.#pasted.add(text)
  }

  /** What a frame brings: where the pointer is now, and the next letters of what was pasted. */
  nextFrame(): void {
    this.movePointer()
    const keys = this.#pasted.next()
    const isFree = keys.length > 0 && this.#kept.length === 0
    if (isFree && this.#act(keys.flatMap(hits))) this.#pasted.drop(keys.length)
  }

  wheel(steps: number): void {
    if (steps !== 0) this.#act(wheelEvents(steps))
  }

  /** From 0 to 1 over the screen. It is sent with the next movePointer(), the last one only. */
  point(x: number, y: number): void {
    this.#pointer = { x, y }
  }

  movePointer(): void {
    const to = this.#pointer
    this.#pointer = undefined
    if (to) this.#act(pointEvents(to.x, to.y))
  }

  /** Whoever goes away lets go of what is held. */
  release(): void {
    const events = this.#held.release()
    if (this.#kept.length > 0 || !this.#act(events)) this.#kept.push(...events)
  }

  #act(events: readonly InputEvent[]): boolean {
    if (events.length === 0) return true
    const isSent = this.#ports.send(encodeInput(encodeEvents(events)))
    if (isSent) this.#held.see(events)
    return isSent
  }

  /** A key that is down comes up, whatever there is room for; one that repeats itself need not. */
  #keep(code: number, value: 0 | 1 | 2, events: readonly InputEvent[]): void {
    if (value === 2 || (value === 0 && !this.#held.has(devices.keyboard, code))) return
    if (value === 1 && this.#keptKeys >= keptKeysMax) this.#lostKeys += 1
    else {
      this.#keptKeys += value
      this.#kept.push(...events)
      this.#held.see(events)
    }
    this.#ports.onWaiting?.(this.#keptKeys, this.#lostKeys)
  }

  #takeHeader(text: string): void {
    const header = ScreenHeader.safeParse(jsonOf(text)).data
    if (!header) return
    const before = this.#header
    this.#header = header
    if (before?.width !== header.width || before.height !== header.height)
      this.#rgba = new Uint8ClampedArray(header.width * header.height * 4)
    const isBack = before !== undefined && before.epoch !== header.epoch
    this.#ports.onHeader(header, isBack)
  }

  #takeFrame(bytes: Uint8Array): void {
    const read = readFrame(bytes)
    if (!read || read.width !== this.#header?.width || read.height !== this.#header.height) return
    this.#drawing = this.#drawing
      .then(() => this.#ports.inflate(read.packed, read.bodyBytes))
      .then((body) => {
        const change = body && readBody(body, read)
        if (change) applyChange(this.#rgba, change)
        this.#ports.onPicture(this.#rgba)
        this.#ports.send(encodeShown(read.frame))
      })
      .catch(() => undefined)
  }
}

/** Down and up, with shift around it. */
function hits({ code, shift }: Key): InputEvent[] {
  const key = (code: number, value: 0 | 1) => keyEvents(devices.keyboard, code, value)
  const own = [...key(code, 1), ...key(code, 0)]
  return shift ? [...key(shiftCode, 1), ...own, ...key(shiftCode, 0)] : own
}

/** Where on the screen a point of its box is: the picture is as large as fits, in the middle. */
export function placeOn(
  size: { readonly width: number; readonly height: number },
  box: { readonly width: number; readonly height: number },
  at: { readonly x: number; readonly y: number },
): { readonly x: number; readonly y: number } {
  const scale = Math.min(box.width / size.width, box.height / size.height)
  const across = (at: number, box: number, size: number) => {
    const shown = size * scale
    return Math.min(Math.max((at - (box - shown) / 2) / shown, 0), 1)
  }
  return { x: across(at.x, box.width, size.width), y: across(at.y, box.height, size.height) }
}
