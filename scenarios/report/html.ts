// A run as one HTML file that needs nothing else: verdict, timeline, load, expectations, steps,
// migrations page by page, failovers, clients, the cluster's story, and the line that replays it.
// Pure. Not here: its look (page.ts), its pictures (*-svg.ts). Durations in ms, sizes in bytes.

import type { PageLog } from '#proto/page-log.ts'
import { bytesText } from '#proto/quantity.ts'
import { durationText } from '../language/quantities.ts'
import { loadsFigure } from './loads-svg.ts'
import { outcomeText, plain, section, table, wide } from './markup.ts'
import { migrationsHtml } from './migration-html.ts'
import { pageHtml } from './page.ts'
import type { Tracks } from './recording.ts'
import { isPassed, type Report } from './report.ts'
import { timelineSvg } from './timeline-svg.ts'

/** Where and by what it was run, and what only a picture needs. */
export interface RunFacts {
  readonly version: string
  readonly world: string
  /** A command line. */
  readonly replay: string
  readonly tracks: Tracks
  readonly events: readonly { readonly atMs: number; readonly text: string }[]
  readonly pageLogs: readonly PageLog[]
}

const ms = (value: number | undefined): string => (value === undefined ? '–' : durationText(value))

export function htmlOf(report: Report, facts: RunFacts): string {
  const { tracks, pageLogs } = facts
  return pageHtml(`${report.scenario}: ${report.about}`, [
    head(report, facts),
    section('Timeline', wide('timeline', timelineSvg(report, tracks))),
    tracks.loads.length === 0
      ? ''
      : section('Load of the nodes', loadsFigure(tracks, report.totalMs)),
    section('Expectations', expectations(report)),
    section('Steps', steps(report)),
    migrationsHtml(report, pageLogs),
    clones(report),
    failovers(report),
    clients(report),
    section('Story', story(facts)),
  ])
}

function head(report: Report, { version, world, replay }: RunFacts): string {
  const passed = isPassed(report)
  const held = report.expectations.filter(({ verdict }) => verdict === 'held').length
  const sum =
    `${held} of ${report.expectations.length} expectations held, ` +
    `${report.writesAcknowledged} writes acknowledged, ${report.writesLost} lost, ` +
    `in ${durationText(report.totalMs)}`
  return [
    `<h1>${plain(report.scenario)}</h1><p>${plain(report.about)}</p>`,
    `<p class="verdict ${passed ? 'good' : 'bad'}">${passed ? '✓ passed' : '✗ failed'}: ${sum}</p>`,
    report.fault ? `<p class="bad">${plain(report.fault.message)}</p>` : '',
    `<p class="soft">Godwit ${plain(version)}, world ${plain(world)}, seed ` +
      `${report.seed}. Again: <code>${plain(replay)}</code></p>`,
    timesHtml(report),
  ].join('\n')
}

/** `at` in a scenario counts from another instant than the report. */
function timesHtml({ readyMs }: Report): string {
  const clock =
    readyMs === undefined
      ? 'the first VMs never ran'
      : `the clock of the scenario began at ${durationText(readyMs)}, when the first VMs ran`
  return `<p class="soft">Times count from when the cluster was asked for; ${clock}.</p>`
}

const expectations = (report: Report): string =>
  wide(
    'expectations',
    table(
      ['verdict', 'expected', 'seen'],
      report.expectations.map(({ sentence, verdict, detail }) => [
        ...[outcomeText(verdict === 'held', verdict), sentence, `{soft}${detail}`],
      ]),
    ),
  )

const steps = (report: Report): string =>
  wide(
    'steps',
    table(
      ['#no.', '#at', 'step', '#took', 'ended'],
      report.steps.map(({ outcome, atMs, tookMs, fault, ...step }, n) => [
        ...[`#${n + 1}`, `#${ms(atMs)}`, labelled(step), `#${ms(tookMs)}`],
        outcomeText(outcome === 'done', fault ? `${outcome}: ${fault.message}` : outcome),
      ]),
    ),
  )

/** Expectations say when they begin by it. */
const labelled = ({ sentence, label }: Pick<Report['steps'][number], 'sentence' | 'label'>) =>
  label === undefined ? sentence : `${sentence} ("${label}")`

function clones({ clones: all }: Report): string {
  if (all.length === 0) return ''
  const titles = ['=parent', 'clones', 'on', 'ended', '#sent', '#total', '#parent stood still']
  const rows = all.map((one) => [
    ...[one.parentId, one.cloneIds.join(', '), one.to],
    ...[outcomeText(one.outcome === 'done', one.outcome), `#${bytesText(one.bytes)}`],
    ...[`#${ms(one.totalMs)}`, `#${ms(one.parentPausedMs)}`],
  ])
  return section('Clones', wide('clones', table(titles, rows)))
}

function failovers({ failovers: all }: Report): string {
  if (all.length === 0) return ''
  const rows = all.flatMap((one) => [
    [
      ...[`node ${one.nodeId} was ${one.cause}`, ''],
      ...[`#${ms(one.detectedMs)}`, `#${ms(one.fencedMs)}`, '', ''],
    ],
    ...one.restarted.map((vm) => [
      ...[`{soft}${vm.vmId}`, vm.to, '', '', `#${ms(vm.ms)}`],
      vm.rpoMs === undefined ? 'its disk' : `a checkpoint ${ms(vm.rpoMs)} old`,
    ]),
  ])
  const times = ['#detected', '#fenced', '#runs again after (RTO)', 'from (RPO)']
  const titles = ['=who', 'runs again on', ...times]
  return section('Failovers', wide('failovers', table(titles, rows)))
}

function clients({ clients: all }: Report): string {
  if (all.length === 0) return ''
  const counts = ['#acknowledged', '#keys read back', '#lost (RPO)', '#longest wait']
  const rows = all.map((one) => [
    ...[one.id, one.vmId, `#${one.writesAcknowledged}`, `#${one.keysReadBack}`],
    ...[`{${one.writesLost === 0 ? 'good' : 'bad'}}#${one.writesLost}`, `#${ms(one.waitMsMax)}`],
  ])
  return section('Clients', wide('clients', table(['=client', 'store', ...counts], rows)))
}

/** So many lines from its beginning, and as many from its end. */
const storyMax = 1000

function story({ events }: RunFacts): string {
  const row = ({ atMs, text }: RunFacts['events'][number]) => [
    `#${(atMs / 1000).toFixed(1)} s`,
    text,
  ]
  const leftOut = events.length - 2 * storyMax
  const told =
    leftOut > 0
      ? [
          ...events.slice(0, storyMax).map(row),
          ['', `{soft}… ${leftOut} more lines`],
          ...events.slice(-storyMax).map(row),
        ]
      : events.map(row)
  return wide('story', table(['#at', 'what the cluster tells'], told))
}
