// What the coordinator must hear even if it is away now: results of commands and news of VMs. Pure.
// A link is in order, so a heartbeat that was acknowledged proves that everything sent before it
// arrived: until then a message is kept, and sent again on the next link. The coordinator takes a
// repeated one without harm.
// Bounded: beyond `keptMax` the oldest goes, for the hello tells the present state anyway.

import type { Result, VmEvent } from '#proto/messages.ts'

export type News = Result | VmEvent

const keptMax = 10_000

export interface Outbox {
  /** In order; `sentBefore`: the heartbeat that followed it on the present link. */
  readonly kept: { readonly message: News; sentBefore: number | undefined }[]
  dropped: number
}

export const newOutbox = (): Outbox => ({ kept: [], dropped: 0 })

/** Keeps the message until it is known to have arrived. */
export function keep(box: Outbox, message: News): void {
  box.kept.push({ message, sentBefore: undefined })
  if (box.kept.length <= keptMax) return
  box.kept.shift()
  box.dropped += 1
}

/** A heartbeat goes out on a link that carried everything kept. */
export function mark(box: Outbox, seq: number): void {
  if (box.kept.length === 0) return
  for (const entry of box.kept) entry.sentBefore ??= seq
}

/** That heartbeat was acknowledged. */
export function arrived(box: Outbox, seq: number): void {
  if (box.kept.length === 0) return
  const first = box.kept.findIndex(({ sentBefore }) => sentBefore === undefined || sentBefore > seq)
  box.kept.splice(0, first === -1 ? box.kept.length : first)
}

/** A new link: everything is to be sent again, in order. */
export function again(box: Outbox): News[] {
  for (const entry of box.kept) entry.sentBefore = undefined
  return box.kept.map(({ message }) => message)
}
