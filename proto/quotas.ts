// How much of the cluster a person's VMs may take: what an operator allows, and what is used of it.
// Not here: the decision (coordinator/core/quotas.ts). Sizes in MiB, CPU in cores.
//
// VMs and their disks count from the first day to the last; memory and cores count while the VM
// runs, waits to, or stands still. A VM may have so much of a core as its cap says.

import { z } from 'zod'
import { countText, mibText } from './quantity.ts'
import { Name } from './vm-spec.ts'

/** At most so much; what is absent has no limit. */
export const Quota = z.strictObject({
  vms: z.int().min(0).max(100_000).optional(),
  memoryMib: z.int().min(0).max(1e9).optional(),
  cores: z.number().min(0).max(1e6).optional(),
  diskMib: z.int().min(0).max(1e9).optional(),
})
export type Quota = z.infer<typeof Quota>

export const quotaParts = ['vms', 'memoryMib', 'cores', 'diskMib'] as const
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
}
const nouns = { vms: 'VMs', memoryMib: 'of memory', cores: 'cores', diskMib: 'of disk' } as const

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
