// What the page asks a person before it asks anything of the cluster: is that meant, where is it to
// go. One question at a time. Not here: how it is asked (parts/confirm.tsx, parts/move-dialog.tsx).

import { signal } from '@preact/signals'
import type { TemplateView, VmView } from '#proto/api.ts'
import type { HaRule } from '#proto/ha.ts'

export interface Question {
  readonly title: string
  /** What will happen, in sentences. */
  readonly text: string
  /** On the button that does it. */
  readonly word: string
  /** It destroys something, or others will feel it. */
  readonly isGrave: boolean
  readonly run: () => void
  /** As soon as it cannot be meant any more it ends, with these words; until then undefined. */
  readonly ended?: () => string | undefined
}
export const question = signal<Question | undefined>(undefined)

/** Where a VM is to move; `to` was thought of already. */
export const moveAsked = signal<{ readonly vmId: string; readonly to?: string } | undefined>(
  undefined,
)
/** A new VM is being thought of. */
export const isRunAsked = signal(false)
/** A new VM of this template is being thought of. */
export const deployAsked = signal<TemplateView | undefined>(undefined)

/** How it is kept running is being thought of. */
export const policyAsked = signal<VmView | undefined>(undefined)

export interface RuleAsked {
  /** Absent: a new one. */
  readonly rule?: HaRule
}
export const ruleAsked = signal<RuleAsked | undefined>(undefined)

export interface SnapshotOfVm {
  readonly vmId: string
  readonly snapshot: string
}
/** A template of this snapshot is. */
export const keepAsked = signal<SnapshotOfVm | undefined>(undefined)
export const isHelpOpen = signal(false)
