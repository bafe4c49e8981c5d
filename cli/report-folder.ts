// Where the reports of scenario runs go: NAME.html and NAME.json for each, junit.xml for all of
// them. Not here: what is in them (scenarios/report/).

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { htmlOf, type RunFacts } from '#scenarios/report/html.ts'
import { junitOf } from '#scenarios/report/junit.ts'
import type { Recording } from '#scenarios/report/recording.ts'
import type { Report } from '#scenarios/report/report.ts'

type Ran = Pick<RunFacts, 'version' | 'world' | 'replay'>

export class ReportFolder {
  readonly #folder: string
  readonly #reports: Report[] = []
  /** The one that was written last. */
  #page = ''

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The page and the data of a run; over those of before. Of many, its files bear its seed. */
  write(report: Report, recording: Recording, ran: Ran, isOneOfMany = false): void {
    mkdirSync(this.#folder, { recursive: true })
    const { tracks, events, pageLogs } = recording
    const name = isOneOfMany ? `${report.scenario}-seed-${report.seed}` : report.scenario
    const facts = { ...ran, tracks, events, pageLogs }
    const file = (ending: string) => join(this.#folder, `${name}.${ending}`)
    this.#page = file('html')
    writeFileSync(this.#page, htmlOf(report, facts))
    writeFileSync(file('json'), `${JSON.stringify(report, null, 2)}\n`)
  }

  /** The run has ended, its world too: `finish` counts it. */
  ended(report: Report): void {
    this.#reports.push(report)
  }

  /** Where to look; undefined: nothing was run. */
  finish(): string | undefined {
    if (this.#reports.length === 0) return undefined
    writeFileSync(join(this.#folder, 'junit.xml'), junitOf(this.#reports))
    return this.#reports.length === 1 ? this.#page : this.#folder
  }
}
