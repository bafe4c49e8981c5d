// What a judge finds when it looks at a piece of evidence. Data only.
// Not here: the judges themselves (judges.ts, state-judges.ts), and what becomes of a finding
// (docket.ts).

import type { Evidence } from './evidence.ts'

export interface Finding {
  /** `open`: not decided; the detail says what there is instead, for when the deadline passes. */
  readonly verdict: 'held' | 'broken' | 'open'
  readonly detail: string
}

/** Undefined: this evidence says nothing about it. Asked no more once it has held or broken. */
export type Judge = (evidence: Evidence) => Finding | undefined

export const held = (detail: string): Finding => ({ verdict: 'held', detail })
export const broken = (detail: string): Finding => ({ verdict: 'broken', detail })
export const open = (detail: string): Finding => ({ verdict: 'open', detail })
/** What only the coordinator could have shown. */
export const unseenAtTheEnd = broken('the coordinator was away at the end')
export const heldIf = (holds: boolean, detail: string): Finding =>
  holds ? held(detail) : broken(detail)
