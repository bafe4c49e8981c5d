// All expectations of a run, each with its time: begins at the start or at the end of a step, is
// shown the evidence, and is decided once, at the latest at its deadline. Pure: the time comes with
// each call, in ms of the run.

import type { Expectation } from '../language/expectations.ts'
import { expectationSentence } from '../language/sentences.ts'
import type { VerdictRecord } from '../report/recording.ts'
import type { Evidence } from './evidence.ts'
import { broken, type Finding, type Judge, open } from './finding.ts'
import { everyRun, judgeOf } from './judges.ts'

interface Case {
  readonly sentence: string
  readonly from: VerdictRecord['from']
  readonly item?: Expectation
  readonly judge: Judge
  readonly beginsAfter?: string
  /** Absent: it is judged at the end. */
  readonly withinMs?: number
  beganAtMs?: number
  finding: Finding
  decidedAtMs?: number
}

export class Docket {
  readonly #cases: Case[]
  readonly #onDecided: (record: VerdictRecord) => void

  constructor(items: readonly Expectation[], onDecided: (record: VerdictRecord) => void) {
    this.#onDecided = onDecided
    this.#cases = [...items.map(caseOf), ...everyRun.map(caseOfEveryRun)]
  }

  /** The cluster stands: what waits for no step begins. */
  begin(nowMs: number): Expectation[] {
    return this.#begin((one) => one.beginsAfter === undefined, nowMs)
  }

  /** A labelled step has ended; answers with the expectations that begin with it. */
  stepEnded(label: string, nowMs: number): Expectation[] {
    return this.#begin((one) => one.beginsAfter === label, nowMs)
  }

  show(evidence: Evidence, nowMs: number): void {
    this.passTime(nowMs)
    for (const one of this.#cases)
      if (isOpen(one) && one.beganAtMs !== undefined) this.#take(one, one.judge(evidence), nowMs)
  }

  /** What is open past its deadline is broken. */
  passTime(nowMs: number): void {
    for (const one of this.#cases)
      if (isOpen(one) && nowMs > (deadlineOf(one) ?? Infinity))
        this.#take(one, broken(one.finding.detail), nowMs)
  }

  /** The next deadline of an open case, if there is one. */
  get nextDeadlineMs(): number | undefined {
    const deadlines = this.#cases.flatMap((one) => (isOpen(one) ? (deadlineOf(one) ?? []) : []))
    return deadlines.length === 0 ? undefined : Math.min(...deadlines)
  }

  /** In the order of the file, then what every run is held to. */
  get records(): VerdictRecord[] {
    return this.#cases.map(recordOf)
  }

  #begin(which: (one: Case) => boolean, nowMs: number): Expectation[] {
    const begun = this.#cases.filter((one) => one.beganAtMs === undefined && which(one))
    for (const one of begun) one.beganAtMs = nowMs
    return begun.flatMap((one) => one.item ?? [])
  }

  #take(one: Case, finding: Finding | undefined, nowMs: number): void {
    if (finding === undefined) return
    one.finding = finding
    if (isOpen(one)) return
    one.decidedAtMs = nowMs
    this.#onDecided(recordOf(one))
  }
}

const isOpen = (one: Case): boolean => one.finding.verdict === 'open'
const unseen = open('nothing of it was seen')

function caseOf(item: Expectation): Case {
  const after = 'after' in item ? item.after : undefined
  const atTheEnd = !('within' in item) || ('hold' in item && item.hold !== 'eventually')
  return {
    sentence: expectationSentence(item),
    from: 'scenario',
    item,
    judge: judgeOf(item),
    ...(after === undefined ? {} : { beginsAfter: after }),
    ...(atTheEnd ? {} : { withinMs: item.within }),
    finding: unseen,
  }
}

const caseOfEveryRun = ({ sentence, judge }: (typeof everyRun)[number]): Case => ({
  sentence,
  from: 'every-run',
  judge: judge(),
  finding: unseen,
})

const deadlineOf = ({ beganAtMs, withinMs }: Case): number | undefined =>
  beganAtMs === undefined || withinMs === undefined ? undefined : beganAtMs + withinMs

const recordOf = ({ sentence, from, finding, decidedAtMs }: Case): VerdictRecord => ({
  sentence,
  from,
  verdict: finding.verdict === 'open' ? 'not-judged' : finding.verdict,
  detail: finding.detail,
  ...(decidedAtMs === undefined ? {} : { decidedAtMs }),
})
