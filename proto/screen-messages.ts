// Coordinator and agent about a VM's screen: who watches it, frames, and what is done at it.
// Not here: what a frame is (screen-frame.ts), what an event is (screen-input.ts); the other
// messages (messages.ts, which names these among those that a link may carry).
//
// A watcher is one client of the coordinator, by a number of the coordinator's. It has one frame in
// flight at most: the next comes when it has shown that one, with all that has changed meanwhile.

import { z } from 'zod'
import { bytes, count, epoch, vmId } from './message-parts.ts'

const watcher = count

/** From now on frames for this watcher, beginning with the whole screen. Again: from the start. */
export const ScreenOpen = z.strictObject({ t: z.literal('screen-open'), vmId, epoch, watcher })
export type ScreenOpen = z.infer<typeof ScreenOpen>
export const ScreenClose = z.strictObject({ t: z.literal('screen-close'), vmId, watcher })
export type ScreenClose = z.infer<typeof ScreenClose>
/** The watcher has drawn that frame. */
export const ScreenShown = z.strictObject({
  t: z.literal('screen-shown'),
  vmId,
  epoch,
  watcher,
  frame: count,
})
export type ScreenShown = z.infer<typeof ScreenShown>
/** As console-input: taken if it goes on where the VM has come to; offsets count bytes. */
export const ScreenInput = z.strictObject({
  t: z.literal('screen-input'),
  vmId,
  epoch,
  offset: count,
  bytes,
})
export type ScreenInput = z.infer<typeof ScreenInput>

export const ScreenFrame = z.strictObject({
  t: z.literal('screen-frame'),
  vmId,
  epoch,
  watcher,
  bytes,
})
export type ScreenFrame = z.infer<typeof ScreenFrame>
/** As console-accepted. The answer to screen-open, too. */
export const ScreenAccepted = z.strictObject({
  t: z.literal('screen-accepted'),
  vmId,
  epoch,
  offset: count,
})
export type ScreenAccepted = z.infer<typeof ScreenAccepted>
