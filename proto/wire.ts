// Bytes ↔ messages. A message on a link is one kind byte and a body: 1 = control (msgpack of a
// schema of messages.ts), 2 = a binary frame: pages (page-frame.ts) or, on a trunk, Ethernet
// (ethernet-batch.ts). Nothing that arrives here can throw: what is wrong becomes a named fault and
// closes that link only.
// msgpack: https://github.com/msgpack/msgpack/blob/master/spec.md

import { Packr } from 'msgpackr'
import type { z } from 'zod'
import { type Fault, fault } from './faults.ts'
import { controlBytesMax } from './units.ts'

export const controlKind = 1
export const frameKind = 2

// Plain maps: records would need a shared dictionary on both ends, and the ends may differ in
// version.
const packr = new Packr({ useRecords: false, int64AsType: 'number' })

/** The bytes of one control message, kind byte included. */
export function encodeControl(message: { readonly t: string }): Uint8Array<ArrayBuffer> {
  const body = packr.pack(message)
  const bytes = new Uint8Array(1 + body.length)
  bytes[0] = controlKind
  bytes.set(body, 1)
  return bytes
}

export type Decoded<T> = { readonly message: T } | { readonly fault: Fault }

/**
 * A control message checked against what this link may carry, or the fault that names what is wrong
 * with it.
 */
export function decodeControl<T>(bytes: Uint8Array, schema: z.ZodType<T>): Decoded<T> {
  if (bytes.length > controlBytesMax) return { fault: tooLarge(bytes.length) }
  let value: unknown
  try {
    value = packr.unpack(bytes.subarray(1))
  } catch (thrown) {
    return {
      fault: fault('bad-message', `not msgpack: ${reasonOf(thrown)}; is the peer a Godwit?`),
    }
  }
  const checked = schema.safeParse(value)
  if (checked.success) return { message: checked.data }
  const issue = checked.error.issues[0]
  const where = issue?.path.map(String).join('.') || 'message'
  const kind =
    typeof value === 'object' && value && 't' in value ? String(value.t).slice(0, 40) : '?'
  const text = `message ${kind}: ${where}: ${issue?.message ?? 'wrong'}; do the versions match?`
  return { fault: fault('bad-message', text.slice(0, 500)) }
}

const reasonOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : 'unreadable')
const tooLarge = (length: number) =>
  fault(
    'message-too-large',
    `a control message of ${length} bytes; the limit is ${controlBytesMax}`,
  )

/** What a channel needs of a link; env's Link is one. */
export interface MessageLink {
  readonly peer: string
  /** Whose certificate the other end has shown; absent: the link asks for none. */
  readonly provenName?: string | undefined
  readonly bufferedBytes: number
  send(bytes: Uint8Array, sent?: () => void): void
  drained(belowBytes: number): Promise<void>
  onMessage(fn: (bytes: Uint8Array) => void): void
  onClose(
    fn: (closed: { readonly by: 'local' | 'peer' | 'error'; readonly reason: string }) => void,
  ): void
  close(reason: string): void
  /**
   * Inside one process a message may go as it is: nobody changes it on either end. False: not now;
   * send its bytes.
   */
  pass?(message: { readonly t: string }): boolean
  /** At most one handler. */
  onPassed?(fn: (message: { readonly t: string }) => void): void
}

/** As it is where that is possible, and as bytes otherwise. */
export function sendControl(link: MessageLink, message: { readonly t: string }): void {
  if (!link.pass?.(message)) link.send(encodeControl(message))
}

export interface ChannelHandlers<In> {
  message(message: In): void
  /** The whole frame, kind byte removed. Without this handler a frame is a bad message. */
  frame?(bytes: Uint8Array): void
  /** Once, at the end. `fault` when this end closed the link because of what it received. */
  closed(reason: string, fault: Fault | undefined): void
}

/** A link on which only messages of `schema` may arrive. */
export class WireChannel<In, Out extends { readonly t: string }> {
  readonly link: MessageLink
  #refused: Fault | undefined

  constructor(link: MessageLink, schema: z.ZodType<In>, handlers: ChannelHandlers<In>) {
    this.link = link
    link.onClose((closed) => handlers.closed(this.#refused?.code ?? closed.reason, this.#refused))
    // What comes as it is was made by the same code.
    link.onPassed?.((message) => handlers.message(message as In))
    link.onMessage((bytes) => {
      if (this.#refused === undefined) this.#receive(bytes, schema, handlers)
    })
  }

  send(message: Out): void {
    sendControl(this.link, message)
  }

  close(reason: string): void {
    this.link.close(reason)
  }

  #receive(bytes: Uint8Array, schema: z.ZodType<In>, handlers: ChannelHandlers<In>): void {
    if (bytes[0] === frameKind && handlers.frame) {
      handlers.frame(bytes.subarray(1))
    } else if (bytes[0] === controlKind) {
      const decoded = decodeControl(bytes, schema)
      if ('fault' in decoded) this.#refuse(decoded.fault)
      else handlers.message(decoded.message)
    } else {
      this.#refuse(fault('bad-message', `kind byte ${bytes[0]} has no meaning on this link`))
    }
  }

  #refuse(value: Fault): void {
    this.#refused = value
    this.link.close(value.code)
  }
}
