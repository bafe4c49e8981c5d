// How much of the cluster a person's VMs may take: what an operator allows, and what is used of it.
// Not here: the decision (coordinator/core/quotas.ts). Sizes in MiB, CPU in cores.
//
// VMs and their disks count from the first day to the last; memory and cores count while the VM
// runs, waits to, or stands still. A VM may have so much of a core as its cap says. Snapshots of
// their VMs, and templates that are theirs, count by number: what one will take of the store is
// known only when it is there, since what is stored already is not stored again.

import { z } from 'zod'
import { countText, mibText } from './quantity.ts'
import { Name } from './vm-spec.ts'

/** At most so much; what is absent has no limit. */
export const Quota = z.strictObject({
  vms: z.int().min(0).max(100_000).optional(),
  memoryMib: z.int().min(0).max(1e9).optional(),
  cores: z.number().min(0).max(1e6).optional(),
  diskMib: z.int().min(0).max(1e9).optional(),
  snapshots: z.int().min(0).max(100_000).optional(),
  templates: z.int().min(0).max(100_000).optional(),
})
export type Quota = z.infer<typeof Quota>

export const quotaParts = [
  ...(['vms', 'memoryMib', 'cores', 'diskMib'] as const),
  ...(['snapshots', 'templates'] as const),
] as const
export type QuotaPart = (typeof quotaParts)[number]
/** Also: what a request would take. */
export type Usage = Readonly<Record<QuotaPart, number>>

export const QuotaView = z.strictObject({
  person: Name,
  allowed: Quota,
  used: z.strictObject({
    vms: z.int().min(0),
    memoryMib: z.number().min(0),
    cores: z.number().min(0),
    diskMib: z.number().min(0),
    snapshots: z.int().min(0).default(0),
    templates: z.int().min(0).default(0),
  }),
  /** The operator who has set it. */
  by: z.string().max(80).optional(),
})
export type QuotaView = z.infer<typeof QuotaView>

/** Percents of caps add up to tenths of cores that a double does not have. */
const coresText = (cores: number): string => String(Number(cores.toFixed(2)))

const figures: Readonly<Record<QuotaPart, (used: number, allowed: number) => string>> = {
  vms: (used, allowed) => `${used} of ${allowed}`,
  memoryMib: (used, allowed) => `${countText(used)} of ${mibText(allowed)}`,
  cores: (used, allowed) => `${coresText(used)} of ${coresText(allowed)}`,
  diskMib: (used, allowed) => `${countText(used)} of ${mibText(allowed)}`,
  snapshots: (used, allowed) => `${used} of ${allowed}`,
  templates: (used, allowed) => `${used} of ${allowed}`,
}
const nouns: Readonly<Record<QuotaPart, string>> = {
  ...{ vms: 'VMs', memoryMib: 'of memory', cores: 'cores', diskMib: 'of disk' },
  ...{ snapshots: 'snapshots', templates: 'templates' },
}
/** What makes room again, by what there is too much of. */
const waysOut: Readonly<Record<QuotaPart, string>> = {
  ...{ vms: 'stop or remove a VM', memoryMib: 'stop or remove a VM' },
  ...{ cores: 'stop or remove a VM', diskMib: 'stop or remove a VM' },
  ...{ snapshots: 'remove a snapshot', templates: 'remove a template' },
}
/** `remove a snapshot or a template`, in the order of the parts. */
export const wayOutText = (parts: readonly QuotaPart[]): string =>
  [...new Set(parts.map((part) => waysOut[part]))].join(', or ')

export interface QuotaLine {
  readonly part: QuotaPart
  readonly used: number
  readonly allowed: number
  /** `96 of 128 MiB`, beside the name of the part. */
  readonly figures: string
  /** `96 of 128 MiB of memory` */
  readonly text: string
}

/** What is limited, in order. */
export const quotaLines = ({ allowed, used }: Pick<QuotaView, 'allowed' | 'used'>): QuotaLine[] =>
  quotaParts.flatMap((part) => {
    const most = allowed[part]
    if (most === undefined) return []
    const numbers = figures[part](used[part], most)
    const text = `${numbers} ${nouns[part]}`
    return { part, used: used[part], allowed: most, figures: numbers, text }
  })

export const quotaText = (view: Pick<QuotaView, 'allowed' | 'used'>): string =>
  quotaLines(view)
    .map(({ text }) => text)
    .join(', ')
