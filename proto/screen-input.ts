// What a person does at a screen, as events of eight bytes: u8 device (0 keyboard, 1 pointer), u8
// type, u16 code, i32 value, little-endian. The engine's screen-input.ts takes the same bytes.
// Types and codes are those of Linux's input-event-codes.h, as VIRTIO 1.2, 5.8.6 has them.
// Not here: which key of a browser is which code (dashboard/key-codes.ts).

export const inputEventBytes = 8
export const devices = { keyboard: 0, pointer: 1 } as const
export const types = { sync: 0, key: 1, relative: 2, absolute: 3 } as const
export const buttons = { left: 0x110, right: 0x111, middle: 0x112 } as const
export const axes = { x: 0, y: 1 } as const
export const wheel = 8
/** An axis goes from 0 to this, whatever the screen's size. */
export const axisMax = 32767

export interface InputEvent {
  readonly device: number
  readonly type: number
  readonly code: number
  readonly value: number
}

export function encodeEvents(events: readonly InputEvent[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(events.length * inputEventBytes))
  for (const [n, { device, type, code, value }] of events.entries()) {
    const at = n * inputEventBytes
    view.setUint8(at, device)
    view.setUint8(at + 1, type)
    view.setUint16(at + 2, code, true)
    view.setInt32(at + 4, value, true)
  }
  return new Uint8Array(view.buffer)
}

/** Undefined: not whole events, or of devices and kinds that there are none of. */
export function decodeEvents(bytes: Uint8Array): InputEvent[] | undefined {
  if (bytes.length % inputEventBytes !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const events = Array.from({ length: bytes.length / inputEventBytes }, (_, n) => {
    const at = n * inputEventBytes
    return {
      device: view.getUint8(at),
      type: view.getUint8(at + 1),
      code: view.getUint16(at + 2, true),
      value: view.getInt32(at + 4, true),
    }
  })
  return events.every(isSound) ? events : undefined
}

const isSound = ({ device, type }: InputEvent) =>
  device <= devices.pointer && type <= types.absolute

const syncOf = (device: number): InputEvent => ({ device, type: types.sync, code: 0, value: 0 })

/** A key or a button, down (1), up (0) or repeated (2). */
export const keyEvents = (device: number, code: number, value: 0 | 1 | 2): InputEvent[] => [
  { device, type: types.key, code, value },
  syncOf(device),
]

/** `x` and `y`: 0 to 1 over the screen. */
export const pointEvents = (x: number, y: number): InputEvent[] => {
  const { pointer: device } = devices
  const onAxis = (part: number) => Math.round(Math.min(Math.max(part, 0), 1) * axisMax)
  return [
    { device, type: types.absolute, code: axes.x, value: onAxis(x) },
    { device, type: types.absolute, code: axes.y, value: onAxis(y) },
    syncOf(device),
  ]
}

export const wheelEvents = (steps: number): InputEvent[] => {
  const { pointer: device } = devices
  return [{ device, type: types.relative, code: wheel, value: steps }, syncOf(device)]
}

/** Nobody holds more at once; a client that says so costs no memory. */
const heldMax = 64

/** Which keys and buttons are down: who goes away lets go of them. */
export class HeldKeys {
  readonly #held = new Map<string, InputEvent>()

  see(events: readonly InputEvent[]): void {
    for (const event of events) {
      if (event.type !== types.key) continue
      const name = `${event.device}:${event.code}`
      if (event.value === 0) this.#held.delete(name)
      else if (this.#held.size < heldMax) this.#held.set(name, event)
    }
  }

  has(device: number, code: number): boolean {
    return this.#held.has(`${device}:${code}`)
  }

  /** The events that let go of all of them. */
  release(): InputEvent[] {
    const events = [...this.#held.values()].flatMap((held) => keyEvents(held.device, held.code, 0))
    this.#held.clear()
    return events
  }
}
