// A migration or clone as a person follows it: one line while it runs, one sentence when it has
// ended. Pure: from MigrationViews to text. Not here: the watching (commands/migrate.ts).

import type { MigrationView } from '#proto/api.ts'
import type { MigrationRecord, PostCopyRecord } from '#proto/messages.ts'
import { bar, bytesText, countText, msText, percentText } from '#proto/quantity.ts'
import type { MigrationPhase } from '#proto/state.ts'
import { rangeText } from './forecast-text.ts'

const phaseWords: Record<MigrationPhase, string> = {
  queued: 'waits for its turn',
  copying: 'copying',
  switching: 'switching over',
  resolving: 'in doubt; the coordinator asks both ends',
  paging: 'runs there; its last pages come',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
}

const barWidth = 24

/**
 * `kv n1 → n2  copying  round 2  ██████░░░░  1,234 of 2,048 pages  12.3 MB  expected downtime 4
 * ms`.
 */
export function progressLine(view: MigrationView): string {
  const parts = [title(view), phaseWords[view.phase]]
  if (view.phase === 'copying' || view.phase === 'paging') {
    const { sentPages, pagesOfRound } = view
    if (view.phase === 'copying') parts.push(`round ${view.round}`)
    // Before its first word nothing is known of the round.
    if (pagesOfRound > 0) {
      parts.push(bar(sentPages / pagesOfRound, barWidth))
      parts.push(`${countText(sentPages)} of ${countText(pagesOfRound)} pages`)
    }
  }
  if (view.bytes > 0) parts.push(bytesText(view.bytes))
  if (view.expectedDowntimeMs !== undefined)
    parts.push(`expected downtime ${msText(view.expectedDowntimeMs)}`)
  return parts.join('  ')
}

/** Says when a new plain line is worth it: a new phase or round. */
export const progressStep = (view: MigrationView): string => `${view.phase} ${view.round}`

/** What came of it in a line: numbers when it is done, the fault when not. */
export function outcomeText(view: MigrationView): string {
  const { record, fault } = view
  if (view.phase === 'done' && record) return `${title(view)}  done: ${recordText(view, record)}`
  const why = fault ? `: ${fault.message}` : ''
  const where = view.purpose === 'migrate' ? `; ${view.vmId} goes on on ${view.from}` : ''
  return `${title(view)}  ${phaseWords[view.phase]}${why}${fault ? '' : where}`
}

function recordText({ purpose, traceId }: MigrationView, record: MigrationRecord): string {
  const rounds = record.rounds.length
  const sent = [
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    `${countText(record.pages)} pages${encodingsText(record)}`,
    bytesText(record.bytes),
  ]
  return [
    // A clone on its parent's node is sent nothing.
    ...(rounds > 0 ? sent : ['pages shared until they are touched']),
    `total ${msText(record.totalMs)}`,
    `${purpose === 'clone' ? 'pause of the parent' : 'downtime'} ${msText(record.downtimeMs)}`,
    ...(record.hash === '' ? [] : [`hash ${record.hash}`]),
    ...(traceId === undefined ? [] : [`trace ${traceId}`]),
  ].join(', ')
}

/** The line, and below it what else was measured, a line each. */
export function outcomeLines(view: MigrationView): string[] {
  const { record, forecast } = view
  if (view.phase !== 'done' || !record) return [outcomeText(view)]
  const { guestMips, throttledToPercent, postCopy } = record
  const total = forecast && `total ${rangeText(forecast.totalMs, msText)}`
  const details = [
    ...(forecast ? [`foreseen: ${total}; downtime ${rangeText(forecast.downtimeMs, msText)}`] : []),
    ...partsText(record),
    ...(guestMips ? [guestText(guestMips)] : []),
    ...(throttledToPercent === undefined
      ? []
      : [`slowed down to ${throttledToPercent} % of a core`]),
    ...(postCopy ? [postCopyText(postCopy)] : []),
  ]
  return [outcomeText(view), ...details.map((line) => `  ${line}`)]
}

/** `downtime: pause 0.3 + last round 2.1 + … ms`: where it went. */
function partsText({ downtime }: MigrationRecord): string[] {
  if (!downtime) return []
  const { pauseMs, lastRoundMs, stateMs, verificationMs, resumeMs, onTheWayMs } = downtime
  const parts = { pause: pauseMs, 'last round': lastRoundMs, state: stateMs }
  const all = { ...parts, hash: verificationMs, resume: resumeMs, 'on the way': onTheWayMs }
  const texts = Object.entries(all).map(([name, ms]) => `${name} ${ms.toFixed(1)}`)
  return [`downtime: ${texts.join(' + ')} ms`]
}

/** A guest that does little tells nothing of its speed; one that did more meanwhile had all. */
const tellingMips = 1

function guestText({ before, during }: NonNullable<MigrationRecord['guestMips']>): string {
  if (before < tellingMips) return 'its guest needed little of its CPU'
  return `its guest had ${percentText(Math.min(100, (100 * during) / before))} of its speed meanwhile`
}

const encodingWords = {
  zero: 'zero',
  zstd: 'compressed',
  delta: 'as changes',
  held: 'there already',
} as const

/** ` (8,000 zero, 120 as changes)`: what did not travel as it is. */
function encodingsText({ byEncoding = {} }: MigrationRecord): string {
  const parts = (['zero', 'zstd', 'delta', 'held'] as const).flatMap((encoding) => {
    const pages = byEncoding[encoding]?.pages ?? 0
    return pages > 0 ? [`${countText(pages)} ${encodingWords[encoding]}`] : []
  })
  return parts.length > 0 ? ` (${parts.join(', ')})` : ''
}

function postCopyText(record: PostCopyRecord): string {
  const { pages, zeroPages, bytes, ms, faults, waitMsMedian, waitMsMax } = record
  const waits =
    faults > 0 ? `, a median of ${msText(waitMsMedian)}, at most ${msText(waitMsMax)}` : ''
  return (
    `then ${countText(pages + zeroPages)} pages, ${bytesText(bytes)}, fetched in ${msText(ms)} ` +
    `(waited for ${countText(faults)} times${waits})`
  )
}

function title({ purpose, vmId, cloneIds, from, to }: MigrationView): string {
  if (purpose === 'migrate') return `${vmId} ${from} → ${to}`
  const clones = cloneIds.length === 1 ? cloneIds[0] : `${cloneIds.length} clones`
  return `${vmId} → ${clones} on ${to}`
}
