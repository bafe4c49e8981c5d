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
    ...matched(before.migrations, after.migrations, nameOfMove, figuresOfMove, outcomeOfMove),
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
        [backAgain]: one.restarted.length,
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

/** The one figure of which fewer are worse. */
const backAgain = 'VMs back'

type Figures = Readonly<Record<string, number | undefined>>

const whole = ({ totalMs, writesLost }: Report): Figures => ({
  'whole run, ms': totalMs,
  'writes lost': writesLost,
})

type Move = Report['migrations'][number]
const nameOfMove = ({ vmId, from, to }: Move): string => `${vmId} from ${from} to ${to}`
const outcomeOfMove = ({ outcome }: Move): string => outcome
const figuresOfMove = ({ rounds, bytes, totalMs, downtimeMs }: Move): Figures => ({
  rounds,
  bytes,
  'total, ms': totalMs,
  'downtime, ms': downtimeMs,
})

function verdicts(before: Report, after: Report): Difference[] {
  const [was, is] = [endsOf(before), endsOf(after)]
  const names = [...new Set([...was.keys(), ...is.keys()])]
  return names.flatMap((what) => {
    const seen = is.get(what)?.detail
    const detail = seen === undefined ? {} : { seen }
    const [one, other] = [was, is].map((ends) => ends.get(what)?.end ?? 'not there')
    return verdict(what, one ?? '', other ?? '').map((found) => ({ ...found, ...detail }))
  })
}

interface End {
  readonly end: string
  readonly detail?: string
}

/** The second of one sentence is another thing than the first. */
function endsOf({ steps, expectations }: Report): Map<string, End> {
  const ends = new Map<string, End>()
  const add = (sentence: string, end: End) => {
    let name = sentence
    for (let n = 2; ends.has(name); n++) name = `${sentence} (${n})`
    ends.set(name, end)
  }
  for (const { sentence, outcome } of steps) add(`step: ${sentence}`, { end: outcome })
  for (const { sentence, verdict: end, detail } of expectations) add(sentence, { end, detail })
  return ends
}

const isGood = (verdict: string): boolean => verdict === 'held' || verdict === 'done'

/** The nth of a name is held against the nth of that name. */
function matched<T>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (one: T) => string,
  figuresOf: (one: T) => Figures,
  outcomeOf: (one: T) => string = () => '',
): Difference[] {
  const groups = (all: readonly T[]) => Map.groupBy(all, nameOf)
  const [was, is] = [groups(before), groups(after)]
  const names = [...new Set([...was.keys(), ...is.keys()])]
  return names.flatMap((name) => {
    const [ones, others] = [was.get(name) ?? [], is.get(name) ?? []]
    if (ones.length !== others.length)
      return [{ kind: 'count', what: name, before: times(ones), after: times(others) }]
    return ones.flatMap((one, n) => {
      const other = others[n] as T
      return [
        ...verdict(name, outcomeOf(one), outcomeOf(other)),
        ...figures(name, figuresOf(one), figuresOf(other)),
      ]
    })
  })
}

function verdict(what: string, before: string, after: string): Difference[] {
  if (before === after) return []
  const isWorse = isGood(before) === isGood(after) ? {} : { isWorse: isGood(before) }
  return [{ kind: 'verdict', what, before, after, ...isWorse }]
}

function figures(name: string, before: Figures, after: Figures): Difference[] {
  return Object.keys(before).flatMap((key) => {
    const [one, other] = [before[key], after[key]]
    const [word] = key.split(', ')
    const what = name === '' ? `${word}` : `${name}: ${word}`
    const texts = { before: text(key, one), after: text(key, other) }
    if (one === undefined || other === undefined)
      return one === other ? [] : [{ kind: 'figure', what, ...texts }]
    if (isSame(key, one, other)) return []
    const ratio = one > 0 ? { ratio: other / one } : {}
    const isWorse = key === backAgain ? other < one : other > one
    return [{ kind: 'figure', what, ...texts, ...ratio, isWorse }]
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

function text(key: string, value: number | undefined): string {
  if (value === undefined) return 'none'
  if (key === 'bytes') return bytesText(value)
  return key.endsWith(' ms') ? msText(value) : countText(value)
}
