// Runs as JUnit XML, for whatever collects test results: a suite for each scenario, a case for each
// step and each expectation. Pure. Times in seconds, as the format has them.

import { plain } from './markup.ts'
import type { Report } from './report.ts'

export function junitOf(reports: readonly Report[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    ...reports.map((report) => suiteOf(report, nameOf(report, reports))),
    '</testsuites>',
    '',
  ].join('\n')
}

/** Those who collect results take two of one name for one: of many runs each has its seed. */
function nameOf({ scenario, seed }: Report, reports: readonly Report[]): string {
  const isOneOfMany = reports.filter((other) => other.scenario === scenario).length > 1
  return isOneOfMany ? `${scenario}, seed ${seed}` : scenario
}

interface Case {
  readonly name: string
  readonly seconds: number
  readonly failure: string | undefined
  /** The run ended before its turn. */
  readonly isSkipped?: boolean
}

function casesOf({ steps, expectations, fault }: Report): Case[] {
  return [
    ...steps.map(({ sentence, outcome, tookMs = 0, fault: why }, n) => {
      const name = `${n + 1}. ${sentence}`
      const failure = outcome === 'failed' ? (why?.message ?? outcome) : undefined
      return { name, seconds: tookMs / 1000, failure, isSkipped: outcome === 'not-reached' }
    }),
    ...expectations.map(({ sentence: name, verdict, detail }) => {
      return { name, seconds: 0, failure: verdict === 'held' ? undefined : `${verdict}: ${detail}` }
    }),
    ...(fault ? [{ name: 'the run ends well', seconds: 0, failure: fault.message }] : []),
  ]
}

function suiteOf(report: Report, suite: string): string {
  const cases = casesOf(report)
  const failures = cases.filter(({ failure }) => failure !== undefined).length
  const skipped = cases.filter(({ isSkipped }) => isSkipped).length
  const seconds = (report.totalMs / 1000).toFixed(3)
  return [
    `<testsuite name="${plain(suite)}" tests="${cases.length}" ` +
      `failures="${failures}" errors="0" skipped="${skipped}" time="${seconds}">`,
    ...cases.map(({ name, seconds: took, failure, isSkipped }) => {
      const head = `<testcase classname="${plain(suite)}" name="${plain(name)}"`
      const open = `${head} time="${took.toFixed(3)}"`
      if (isSkipped) return `${open}><skipped message="not reached"/></testcase>`
      if (failure === undefined) return `${open}/>`
      return `${open}><failure message="${plain(failure)}"/></testcase>`
    }),
    '</testsuite>',
  ].join('\n')
}
