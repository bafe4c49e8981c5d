// What the coordinator must hear even if it is away now: results of commands and news of VMs. Pure.
// A link is in order, so a heartbeat that was acknowledged proves that everything sent before it
// arrived: until then a message is kept, and sent again on the next link. The coordinator takes a
// repeated one without harm. What it would not take at all is said in fewer words on the next link:
// else it would end each of them.
// Bounded: beyond `keptMax` the oldest goes, for the hello tells the present state anyway.

import { fault } from '#proto/faults.ts'
import { Result, VmEvent } from '#proto/messages.ts'
import { controlBytesMax } from '#proto/units.ts'
import { encodeControl } from '#proto/wire.ts'

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
  const kept = box.kept.splice(0)
  for (const { message } of kept) {
    const inWords = waysToSay(message).find(mayTravel)
    if (inWords) box.kept.push({ message: inWords, sentBefore: undefined })
    else box.dropped += 1
  }
  return box.kept.map(({ message }) => message)
}

/** All of it; without its log; without what was measured; only that it is over, and why. */
function waysToSay(news: News): News[] {
  if (news.t === 'vm-event') {
    const { fault: _, ...bare } = news
    return [news, bare]
  }
  const { t, commandId, fault: why, record, snapshot, comparison, tookOver } = news
  const outcome = { t, commandId, ...(why && { fault: why }) } as const
  const facts = { ...(snapshot && { snapshot }), ...(tookOver && { tookOver }) }
  const findings = { ...(record && { record }), ...(comparison && { comparison }) }
  const unsaid = { t, commandId, fault: fault('internal', 'Why it ended cannot be said.') }
  return [news, { ...outcome, ...facts, ...findings }, { ...outcome, ...facts }, outcome, unsaid]
}

const mayTravel = (news: News): boolean =>
  (news.t === 'result' ? Result : VmEvent).safeParse(news).success &&
  encodeControl(news).length <= controlBytesMax
