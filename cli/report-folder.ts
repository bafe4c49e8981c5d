// Where the reports of scenario runs go: NAME.html and NAME.json for each, junit.xml for all of
// them. Not here: what is in them (scenarios/report/).

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { htmlOf } from '#scenarios/report/html.ts'
import { junitOf } from '#scenarios/report/junit.ts'
import type { Report } from '#scenarios/report/report.ts'
import type { RunOutcome } from '#scenarios/run.ts'
import { version } from './version.ts'

export class ReportFolder {
  readonly #folder: string
  readonly #reports: Report[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  /** `isOneOfMany`: its files bear its seed, and its line that runs it again names it. */
  write({ report, recording }: RunOutcome, path: string, world: string, isOneOfMany = false): void {
    mkdirSync(this.#folder, { recursive: true })
    const { tracks, events, pageLogs } = recording
    const seed = isOneOfMany ? ` --seed ${report.seed} --repeat 1` : ''
    const name = isOneOfMany ? `${report.scenario}-seed-${report.seed}` : report.scenario
    const facts = {
      ...{ version: version(), world, tracks, events, pageLogs },
      replay: `godwit scenario run ${relative(process.cwd(), path) || path} --world ${world}${seed}`,
    }
    const file = (ending: string) => join(this.#folder, `${name}.${ending}`)
    writeFileSync(file('html'), htmlOf(report, facts))
    writeFileSync(file('json'), `${JSON.stringify(report, null, 2)}\n`)
    this.#reports.push(report)
  }

  /** Where to look. */
  finish(): string {
    const [only, another] = this.#reports
    if (only) writeFileSync(join(this.#folder, 'junit.xml'), junitOf(this.#reports))
    return only && !another ? join(this.#folder, `${only.scenario}.html`) : this.#folder
  }
}
