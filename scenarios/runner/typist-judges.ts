// What is expected of the people at the screens of VMs: judged at the end, by what each has found.
// Pure. Not here: the people (../typist.ts), the other judges (judges.ts). Times in ms.

import type { ExpectationOf } from '../language/expectations.ts'
import { durationText } from '../language/quantities.ts'
import type { Closing } from './evidence.ts'
import { broken, heldIf } from './finding.ts'

const foundBy = (typist: string, { typists }: Closing) => typists.get(typist)
const neverRan = broken('the typist never ran')

export function typedInOrder({ typist }: ExpectationOf<'typed-in-order'>, closing: Closing) {
  const found = foundBy(typist, closing)
  if (!found) return neverRan
  const { keys, text, differsAt } = found
  if (text === undefined)
    return broken(`the editor's text was not told in time, of ${keys} letters`)
  if (differsAt !== undefined)
    return broken(
      `${keys} letters were typed, ${text.length} are there; letter ${differsAt} differs`,
    )
  return heldIf(keys > 0, `${keys} letters typed, ${text.length} there`)
}

export function someKeys({ typist, min }: ExpectationOf<'some-keys'>, closing: Closing) {
  const { keys = 0 } = foundBy(typist, closing) ?? {}
  return heldIf(keys >= min, `${keys} letters were typed`)
}

export function screenShown({ typist }: ExpectationOf<'screen-shown'>, closing: Closing) {
  const found = foundBy(typist, closing)
  if (!found) return neverRan
  const { frames, frameBytes, isShown } = found
  const seen = `${frames} frames of ${Math.round(frameBytes / 1024)} KiB in all`
  return heldIf(
    isShown && frames > 0,
    isShown ? seen : `it differed whenever it was looked at; ${seen}`,
  )
}

export function screenWaits(item: ExpectationOf<'screen-waits'>, closing: Closing) {
  const found = foundBy(item.typist, closing)
  if (!found) return neverRan
  const { waitMsMax, frames } = found
  const seen = `the longest wait was ${durationText(Math.round(waitMsMax))}`
  return heldIf(frames > 0 && waitMsMax <= item['at-most'], seen)
}
