// Durations, sizes and shares as a person writes them in a scenario: 500ms, 2s, 16MiB, 1GiB, 40%. A
// quantity without a unit is refused, so that nobody has to guess one. Parsed to ms, MiB and
// percent.

import { z } from 'zod'

const msPerUnit: Record<string, number> = { ms: 1, s: 1000, m: 60_000 }
const mibPerUnit: Record<string, number> = { MiB: 1, GiB: 1024 }

const duration = /^(\d+(?:\.\d+)?)(ms|s|m)$/
const size = /^(\d+)(MiB|GiB)$/
const share = /^(\d+(?:\.\d+)?)%$/

const amount = (pattern: RegExp, text: string, perUnit: Record<string, number>): number => {
  const [, digits = '', unit = ''] = pattern.exec(text) ?? []
  return Number(digits) * (perUnit[unit] ?? 1)
}

/** Written 500ms, 2s or 1m; read as ms. */
export const Duration = z
  .string({ error: 'write a duration with its unit: 500ms, 2s or 1m' })
  .regex(duration, 'write a duration with its unit: 500ms, 2s or 1m')
  .transform((text) => amount(duration, text, msPerUnit))

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

/** For sentences: 1500 → `1.5 s`, 300 → `300 ms`. */
export function durationText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`
}
