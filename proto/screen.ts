// A VM's screen as it is asked for (`800x600`), and what is said on the way between a person's
// client and the coordinator: the header, and the two words of a client.
// Not here: frames (screen-frame.ts), events (screen-input.ts), agents (screen-messages.ts).
// Sizes in pixels; numbers of client words are little-endian.

import { z } from 'zod'
import { namePattern } from './ids.ts'

const Name = z.string().regex(namePattern)
/** 64 to 1920, by 48 to 1200: as a pattern, so that every schema made of it says the same. */
const width = '(6[4-9]|[7-9]\\d|[1-9]\\d\\d|1[0-8]\\d\\d|19[01]\\d|1920)'
const height = '(4[89]|[5-9]\\d|[1-9]\\d\\d|1[01]\\d\\d|1200)'
const sizePattern = new RegExp(`^${width}x${height}$`)

/** `800x600` */
export const ScreenText = z
  .string()
  .regex(sizePattern, 'write WIDTHxHEIGHT in pixels, from 64x48 to 1920x1200, as in 800x600')

export interface ScreenSize {
  readonly width: number
  readonly height: number
}

/** Undefined: it is no size, or out of the limits. */
export function readScreenSize(text: string): ScreenSize | undefined {
  const [, width = 0, height = 0] = sizePattern.exec(text)?.map(Number) ?? []
  return width > 0 ? { width, height } : undefined
}

/** The first message to a client, and again whenever another node has taken the VM over. */
export const ScreenHeader = z.strictObject({
  vmId: Name,
  epoch: z.int(),
  nodeId: Name.optional(),
  width: z.int(),
  height: z.int(),
})
export type ScreenHeader = z.infer<typeof ScreenHeader>

export type ClientWord =
  /** The client has drawn this frame, and takes the next. */
  | { readonly is: 'shown'; readonly frame: number }
  /** Events (screen-input.ts), whole ones. */
  | { readonly is: 'input'; readonly events: Uint8Array<ArrayBuffer> }

const kinds = { shown: 1, input: 2 } as const

export function encodeShown(frame: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(5))
  view.setUint8(0, kinds.shown)
  view.setUint32(1, frame, true)
  return new Uint8Array(view.buffer)
}

export function encodeInput(events: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1 + events.length)
  bytes[0] = kinds.input
  bytes.set(events, 1)
  return bytes
}

/** Undefined: it is neither. */
export function readClientWord(bytes: Uint8Array): ClientWord | undefined {
  if (bytes[0] === kinds.input) return { is: 'input', events: bytes.slice(1) }
  if (bytes[0] !== kinds.shown || bytes.length !== 5) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { is: 'shown', frame: view.getUint32(1, true) }
}
