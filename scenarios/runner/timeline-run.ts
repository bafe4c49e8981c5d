// Carries out a timeline: steps begin in the order of the file, each when its trigger is met, and
// may overlap. The first step that fails unexpectedly ends it: what has begun is awaited, the rest
// is `not-reached`. Not here: what a step does (actions.ts). Times in ms of the run.

import { type Fault, faultOf } from '#proto/faults.ts'
import { migrationHasEnded } from '#proto/state.ts'
import { clonesOf } from '../language/references.ts'
import { seenText, stepSentence } from '../language/sentences.ts'
import type { Seen, Step } from '../language/timeline.ts'
import type { StepRecord } from '../report/recording.ts'
import { act } from './actions.ts'
import type { Stage } from './stage.ts'
import { Interrupted } from './waiting.ts'

export interface TimelineHooks {
  /** Ms of the run. */
  readonly nowMs: () => number
  readonly onBegan: (record: StepRecord) => void
  readonly onEnded: (record: StepRecord) => void
}

export class TimelineRun {
  readonly #stage: Stage
  readonly #hooks: TimelineHooks
  readonly #steps: readonly Step[]
  readonly #records: StepRecord[]
  readonly #ends: Promise<void>[] = []
  readonly #cloneIds: ReadonlyMap<number, readonly string[]>
  #failed = false

  constructor(stage: Stage, hooks: TimelineHooks) {
    this.#stage = stage
    this.#hooks = hooks
    this.#steps = stage.scenario.timeline
    this.#records = this.#steps.map(unreached)
    this.#cloneIds = new Map(clonesOf(this.#steps).map(({ step, ids }) => [step, ids]))
  }

  /** In the order of the file; grows true while the timeline runs. */
  get records(): readonly StepRecord[] {
    return this.#records
  }

  /** Resolves when every step has ended or will not begin; throws only Interrupted. */
  async run(): Promise<void> {
    const startedAtMs = this.#hooks.nowMs()
    for (const [index, step] of this.#steps.entries()) {
      const fault = await faultIn(this.#triggered(index, step, startedAtMs))
      if (this.#failed) break
      if (fault === undefined) this.#begin(index, step)
      else this.#note(index, { outcome: 'failed', fault })
    }
    await Promise.all(this.#ends)
  }

  #begin(index: number, step: Step): void {
    const end = this.#perform(index, step)
    // It is awaited later, perhaps much later: until then its interruption is nobody's unhandled
    // rejection.
    end.catch(() => {})
    this.#ends.push(end)
  }

  async #triggered(index: number, step: Step, startedAtMs: number): Promise<void> {
    const { waiting } = this.#stage
    const { at, after, when } = step
    const failed = () => this.#failed || undefined
    if (at !== undefined) await waiting.sleep(startedAtMs + at - this.#hooks.nowMs(), failed)
    else if (when !== undefined) await this.#seen(when, step.within)
    else if (after !== undefined) await this.#ends[this.#indexOf(after)]
    else await this.#ends[index - 1]
  }

  #seen(when: Seen, withinMs: number): Promise<true> {
    const stage = this.#stage
    const isSo = () => this.#failed || isSeen(when, stage) || undefined
    return stage.waiting.until(seenText(when), withinMs, isSo)
  }

  #indexOf(label: string): number {
    return this.#steps.findIndex((step) => step.label === label)
  }

  async #perform(index: number, step: Step): Promise<void> {
    this.#note(index, { beganAtMs: this.#hooks.nowMs() })
    const fault = await faultIn(act(step, this.#stage, this.#cloneIds.get(index) ?? []))
    this.#note(index, fault === undefined ? { outcome: 'done' } : { outcome: 'failed', fault })
  }

  #note(index: number, news: Partial<StepRecord>): void {
    const ended = news.outcome !== undefined
    const record = {
      ...(this.#records[index] as StepRecord),
      ...news,
      ...(ended ? { endedAtMs: this.#hooks.nowMs() } : {}),
    }
    this.#records[index] = record
    this.#failed ||= record.outcome === 'failed'
    // Nobody waits for the turn of a step that will not come.
    if (this.#failed) this.#stage.waiting.changed()
    if (ended) this.#hooks.onEnded(record)
    else this.#hooks.onBegan(record)
  }
}

function isSeen(when: Seen, { view, told, heard }: Stage): boolean {
  if ('told' in when) return told().some(({ text }) => text.includes(when.told))
  if ('says' in when) return heard(when.vm).includes(when.says)
  if ('migration' in when)
    return view().migrations.some(
      ({ vmId, phase, round }) =>
        vmId === when.migration &&
        (when.phase === undefined ? !migrationHasEnded(phase) : phase === when.phase) &&
        round >= (when.round ?? 0),
    )
  if ('node' in when)
    return view().nodes.some(({ id, phase }) => id === when.node && phase === when.phase)
  return view().vms.some(({ id, phase }) => id === when.vm && phase === when.phase)
}

const unreached = (step: Step): StepRecord => ({
  sentence: stepSentence(step),
  ...(step.label === undefined ? {} : { label: step.label }),
  outcome: 'not-reached',
})

/** The fault a promise ends in, if it does. An interruption is none: it ends the whole run. */
async function faultIn(work: Promise<unknown>): Promise<Fault | undefined> {
  try {
    await work
    return undefined
  } catch (thrown) {
    if (thrown instanceof Interrupted) throw thrown
    return faultOf(thrown)
  }
}
