// Two runs beside each other: what held in one and not in the other, and how times and bytes
// differ. Of the same scenario or not: things are matched by what they are called. Pure. Times in
// ms.

import { bytesText, countText, msText } from '#proto/quantity.ts'
import type { Report } from './report.ts'

export interface Difference {
  /** A step or an expectation that ended otherwise; a number; something that is not in both. */
  readonly kind: 'verdict' | 'figure' | 'count'
  readonly what: string
  readonly before: string
  readonly after: string
  /** Of an expectation: what was seen in the second run. */
  readonly seen?: string
  /** After over before; absent where that says nothing. */
  readonly ratio?: number
  /** Of a figure: more of it. Of a verdict: it had been good. Absent: neither. */
  readonly isWorse?: boolean
}

/** Times that differ by less than this share are the same: machines are never quite alike. */
const noise = 0.1
/** And by less than this they are nothing. */
const noiseMs = 5

export function differencesOf(before: Report, after: Report): Difference[] {
  return [
    ...verdicts(before, after),
    ...figures('', whole(before), whole(after)),
    ...matched(before.migrations, after.migrations, nameOfMove, figuresOfMove),
    ...matched(
      before.failovers,
      after.failovers,
      ({ nodeId }) => `failover of ${nodeId}`,
      (one) => ({
        'detected after, ms': one.detectedMs,
        'fenced after, ms': one.fencedMs,
        'last VM back after, ms': one.restarted.length
          ? Math.max(...one.restarted.map((r) => r.ms))
          : undefined,
      }),
    ),
    ...matched(
      before.clients,
      after.clients,
      ({ id }) => `client ${id}`,
      (one) => ({
        'longest wait, ms': one.waitMsMax,
        'writes lost': one.writesLost,
      }),
    ),
  ]
}

type Figures = Readonly<Record<string, number | undefined>>

const whole = ({ totalMs, writesLost }: Report): Figures => ({
  'whole run, ms': totalMs,
  'writes lost': writesLost,
})

type Move = Report['migrations'][number]
const nameOfMove = ({ vmId, from, to }: Move): string => `${vmId} from ${from} to ${to}`
const figuresOfMove = ({ rounds, bytes, totalMs, downtimeMs }: Move): Figures => ({
  rounds,
  bytes,
  'total, ms': totalMs,
  'downtime, ms': downtimeMs,
})

function verdicts(before: Report, after: Report): Difference[] {
  const details = new Map(after.expectations.map(({ sentence, detail }) => [sentence, detail]))
  const map = (report: Report) =>
    new Map([
      ...report.steps.map((step) => [`step: ${step.sentence}`, step.outcome] as const),
      ...report.expectations.map((one) => [one.sentence, one.verdict] as const),
    ])
  const [was, is] = [map(before), map(after)]
  const names = [...new Set([...was.keys(), ...is.keys()])]
  return names.flatMap((what) => {
    const [one = 'not there', other = 'not there'] = [was.get(what), is.get(what)]
    if (one === other) return []
    const isWorse = isGood(one) === isGood(other) ? {} : { isWorse: isGood(one) }
    const seen = details.get(what)
    const detail = seen === undefined ? {} : { seen }
    return [{ kind: 'verdict', what, before: one, after: other, ...detail, ...isWorse }]
  })
}

const isGood = (verdict: string): boolean => verdict === 'held' || verdict === 'done'

/** The nth of a name is held against the nth of that name. */
function matched<T>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (one: T) => string,
  figuresOf: (one: T) => Figures,
): Difference[] {
  const groups = (all: readonly T[]) => Map.groupBy(all, nameOf)
  const [was, is] = [groups(before), groups(after)]
  const names = [...new Set([...was.keys(), ...is.keys()])]
  return names.flatMap((name) => {
    const [ones, others] = [was.get(name) ?? [], is.get(name) ?? []]
    if (ones.length !== others.length)
      return [{ kind: 'count', what: name, before: times(ones), after: times(others) }]
    return ones.flatMap((one, n) => figures(name, figuresOf(one), figuresOf(others[n] as T)))
  })
}

function figures(name: string, before: Figures, after: Figures): Difference[] {
  return Object.keys(before).flatMap((key) => {
    const [one, other] = [before[key], after[key]]
    if (one === undefined || other === undefined || isSame(key, one, other)) return []
    const [word] = key.split(', ')
    const what = name === '' ? `${word}` : `${name}: ${word}`
    const texts = { before: text(key, one), after: text(key, other) }
    const ratio = one > 0 ? { ratio: other / one } : {}
    return [{ kind: 'figure', what, ...texts, ...ratio, isWorse: other > one }]
  })
}

function isSame(key: string, one: number, other: number): boolean {
  if (!key.endsWith(' ms') && key !== 'bytes') return one === other
  const most = Math.max(one, other)
  const isNothing = key.endsWith(' ms') && Math.abs(one - other) < noiseMs
  return isNothing || Math.abs(one - other) <= noise * most
}

const times = ({ length }: readonly unknown[]): string =>
  length === 1 ? 'once' : length === 0 ? 'never' : `${length} times`

function text(key: string, value: number): string {
  if (key === 'bytes') return bytesText(value)
  return key.endsWith(' ms') ? msText(value) : countText(value)
}
