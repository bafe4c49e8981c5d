// Durations, sizes, shares and rates as a person writes them in a scenario: 500ms, 2s, 16MiB, 1GiB,
// 40%, 16Mbit/s. A quantity without a unit is refused, so that nobody has to guess one. Parsed to
// ms, MiB, percent and bytes a second.

import { z } from 'zod'
import { driftMax } from '#proto/laboratory.ts'

const msPerUnit: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const mibPerUnit: Record<string, number> = { MiB: 1, GiB: 1024 }

const duration = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/
const size = /^(\d+)(MiB|GiB)$/
const share = /^(\d+(?:\.\d+)?)%$/
const rate = /^(\d+(?:\.\d+)?)(kB\/s|MB\/s|GB\/s|kbit\/s|Mbit\/s|Gbit\/s)$/
/** As on networks, by thousands. */
const bytesPerUnit: Record<string, number> = {
  ...{ 'kB/s': 1e3, 'MB/s': 1e6, 'GB/s': 1e9 },
  ...{ 'kbit/s': 125, 'Mbit/s': 125_000, 'Gbit/s': 125e6 },
}

const amount = (pattern: RegExp, text: string, perUnit: Record<string, number>): number => {
  const [, digits = '', unit = ''] = pattern.exec(text) ?? []
  return Number(digits) * (perUnit[unit] ?? 1)
}

const durationMsMax = 8760 * 3_600_000

/** Written 500ms, 2s, 1m or 1h; read as ms. */
export const Duration = z
  .string({ error: 'write a duration with its unit: 500ms, 2s or 1m' })
  .regex(duration, 'write a duration with its unit: 500ms, 2s or 1m')
  .transform((text) => amount(duration, text, msPerUnit))
  .refine((ms) => ms <= durationMsMax, 'a year is the most: 8760h')

/** Written 16MiB or 1GiB; read as MiB. */
export const Size = z
  .string({ error: 'write a size with its unit: 16MiB or 1GiB' })
  .regex(size, 'write a size with its unit: 16MiB or 1GiB')
  .transform((text) => amount(size, text, mibPerUnit))

/** Written 40%; read as 40: percent of one core. */
export const Share = z
  .string({ error: 'write a share with its sign: 40%' })
  .regex(share, 'write a share with its sign: 40%')
  .transform((text) => amount(share, text, {}))

/** What the cluster itself would refuse is refused where it is written. */
export const fits =
  (part: z.ZodType) =>
  (value: number): boolean =>
    part.safeParse(value).success

const rateHint = 'write a rate with its unit, above 0: 500kB/s, 10MB/s or 16Mbit/s'
/** Written 10MB/s or 16Mbit/s; read as bytes a second. */
export const Rate = z
  .string({ error: rateHint })
  .regex(rate, rateHint)
  .refine((text) => Number.parseFloat(text) > 0, rateHint)
  .transform((text) => amount(rate, text, bytesPerUnit))

const drift = /^([+-]\d+(?:\.\d+)?)(%|ppm)$/
const driftHint = 'write a drift with its sign, up to 2% either way: +200ppm, -1.5%'
/** Written +200ppm or -1.5%; read as a share: what a clock gains on an even one. */
export const Drift = z
  .string({ error: driftHint })
  .regex(drift, driftHint)
  .transform((text) => amount(drift, text, { '%': 0.01, ppm: 1e-6 }))
  .refine((share) => Math.abs(share) <= driftMax, driftHint)

/** What a scenario says, to the last digit: 1250 → `1.25 s`, 0.4 → `0.4 ms`, 86400000 → `24 h`. */
export function saidText(ms: number): string {
  if (ms < 1000) return `${exact(ms)} ms`
  const hours = ms / 3_600_000
  return Number.isInteger(hours) && hours > 0 ? `${hours} h` : `${exact(ms / 1000)} s`
}

/** Without what comes of counting in twos. */
const exact = (value: number): number => Number(value.toPrecision(12))

/** Of what was measured: 1540 → `1.5 s`, 300 → `300 ms`. */
export function durationText(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`
}
