// The report for people: aligned, in plain words, with colours only where the caller's paint puts
// them. A pure function of the report. Not here: what is in it (report.ts).

import type { Range } from '#proto/pre-copy/forecast.ts'
import { bytesText } from '#proto/quantity.ts'
import { durationText } from '../language/quantities.ts'
import { isPassed, type Report } from './report.ts'

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'
/** Marks text for the medium: styleText on a terminal, the text itself elsewhere. */
export type Paint = (style: Style, text: string) => string

export const plain: Paint = (_, text) => text

export function reportText(report: Report, paint: Paint = plain): string {
  const title = (text: string) => paint('bold', text)
  const blocks = [
    `${title(report.scenario)}: ${report.about}`,
    ...(report.fault === undefined
      ? []
      : [paint('red', `The run ended early: ${report.fault.message} (${report.fault.code})`)]),
    table(title('Steps'), stepRows(report, paint)),
    table(title('Migrations'), migrationRows(report, paint)),
    table(title('Clones'), cloneRows(report, paint)),
    table(title('Failovers'), failoverRows(report)),
    table(title('Writes'), clientRows(report)),
    table(title('Expectations'), expectationRows(report, paint)),
    lastLine(report, paint),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

const mark = { done: 'green', held: 'green', failed: 'red', broken: 'red' } as const
const sign: Record<string, string> = { done: '✓', held: '✓', failed: '✗', broken: '✗' }

function signed(word: string, paint: Paint): string {
  const style = word in mark ? mark[word as keyof typeof mark] : 'yellow'
  return paint(style, `${sign[word] ?? '?'} ${word}`)
}

const stepRows = ({ steps }: Report, paint: Paint): string[][] =>
  steps.map(({ sentence, outcome, atMs, tookMs, fault }) => [
    atMs === undefined ? '' : `at ${durationText(atMs)}`,
    sentence,
    signed(outcome, paint),
    fault === undefined ? (tookMs === undefined ? '' : durationText(tookMs)) : fault.message,
  ])

function migrationRows({ migrations }: Report, paint: Paint): string[][] {
  if (migrations.length === 0) return []
  const head = ['VM', 'from', 'to', 'cause', '', 'rounds', 'sent', 'total', 'downtime', 'hash']
  return [
    head.map((word) => paint('dim', word)),
    ...migrations.map((one) => [
      one.vmId,
      one.from,
      one.to,
      one.cause,
      signed(one.outcome, paint),
      `${one.rounds}`,
      bytesText(one.bytes),
      withForecast(one.totalMs, one.forecast?.totalMs),
      withForecast(one.downtimeMs, one.forecast?.downtimeMs),
      one.fault === undefined ? one.hash : one.fault.message,
    ]),
  ]
}

/** `233 ms (foreseen 240 ms)`. */
const withForecast = (ms: number | undefined, forecast: Range | undefined): string =>
  forecast && ms !== undefined
    ? `${millisText(ms)} (foreseen ${millisText(forecast.expected)})`
    : millisText(ms)

function cloneRows({ clones }: Report, paint: Paint): string[][] {
  if (clones.length === 0) return []
  const head = ['parent', 'from', 'to', '', 'clones', 'sent', 'total', 'parent paused', '']
  return [
    head.map((word) => paint('dim', word)),
    ...clones.map((one) => [
      one.parentId,
      one.from,
      one.to,
      signed(one.outcome, paint),
      `${one.cloneIds.length}`,
      bytesText(one.bytes),
      millisText(one.totalMs),
      millisText(one.parentPausedMs),
      one.fault?.message ?? '',
    ]),
  ]
}

const failoverRows = ({ failovers }: Report): string[][] =>
  failovers.flatMap(({ nodeId, cause, detectedMs, fencedMs, restarted }) => [
    [
      `node ${nodeId} was ${cause}`,
      `detected after ${millisText(detectedMs)}`,
      `fenced after ${millisText(fencedMs)}`,
    ],
    ...restarted.map(({ vmId, to, ms, rpoMs }) => [
      '',
      `${vmId} runs on ${to}`,
      `after ${millisText(ms)}`,
      rpoMs === undefined ? 'from its disk' : `from a checkpoint ${millisText(rpoMs)} old`,
    ]),
  ])

const clientRows = ({ clients }: Report): string[][] =>
  clients.map((one) => [
    `${one.id} → ${one.vmId}`,
    `${one.writesAcknowledged} acknowledged`,
    `${one.keysReadBack} keys read back`,
    `${one.writesLost} lost`,
    `longest wait ${millisText(one.waitMsMax)}`,
  ])

const expectationRows = ({ expectations }: Report, paint: Paint): string[][] =>
  expectations.map(({ sentence, verdict, detail }) => [
    signed(verdict, paint),
    sentence,
    paint('dim', detail),
  ])

function lastLine(report: Report, paint: Paint): string {
  const held = report.expectations.filter(({ verdict }) => verdict === 'held').length
  const word = isPassed(report) ? paint('green', 'passed') : paint('red', 'failed')
  return (
    `${word}: ${held} of ${report.expectations.length} expectations held, ` +
    `${report.writesAcknowledged} writes acknowledged, ${report.writesLost} lost, ` +
    `in ${durationText(report.totalMs)}`
  )
}

/** Title and rows, columns as wide as their widest cell; nothing when there are no rows. */
function table(title: string, rows: readonly string[][]): string {
  if (rows.length === 0) return ''
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))
    })
  const line = (row: readonly string[]) =>
    row.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell))).join('  ')
  return [title, ...rows.map((row) => `  ${line(row)}`.trimEnd())].join('\n')
}

/** Characters on the screen: colours take none. */
const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
const widthOf = (text: string): number => text.replace(escapes, '').length

const millisText = (ms: number | undefined): string =>
  ms === undefined ? '–' : ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
