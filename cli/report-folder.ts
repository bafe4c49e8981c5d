// Where the reports of scenario runs go: NAME.html and NAME.json for each, junit.xml for all of
// them. Not here: what is in them (scenarios/report/).

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { htmlOf } from '#scenarios/report/html.ts'
import { junitOf } from '#scenarios/report/junit.ts'
import type { Report } from '#scenarios/report/report.ts'
import type { RunOutcome } from '#scenarios/run.ts'
import { version } from './version.ts'

interface Ran {
  readonly world: string
  /** The line that runs it again. */
  readonly replay: string
  /** Its files bear its seed. */
  readonly isOneOfMany: boolean
}

export class ReportFolder {
  readonly #folder: string
  readonly #reports: Report[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The page and the data of a run; over those of before. */
  write({ report, recording }: RunOutcome, { world, replay, isOneOfMany }: Ran): void {
    mkdirSync(this.#folder, { recursive: true })
    const { tracks, events, pageLogs } = recording
    const name = isOneOfMany ? `${report.scenario}-seed-${report.seed}` : report.scenario
    const facts = { version: version(), world, replay, tracks, events, pageLogs }
    const file = (ending: string) => join(this.#folder, `${name}.${ending}`)
    writeFileSync(file('html'), htmlOf(report, facts))
    writeFileSync(file('json'), `${JSON.stringify(report, null, 2)}\n`)
  }

  /** The run has ended, its world too: `finish` counts it. */
  ended(report: Report): void {
    this.#reports.push(report)
  }

  /** Where to look; undefined: nothing was run. */
  finish(): string | undefined {
    const [only, another] = this.#reports
    if (!only) return undefined
    writeFileSync(join(this.#folder, 'junit.xml'), junitOf(this.#reports))
    return !another ? join(this.#folder, `${only.scenario}.html`) : this.#folder
  }
}
