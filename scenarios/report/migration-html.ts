// The migrations of a run for its page: a table of all, and for each one how it went: foreseen and
// seen, where the downtime went, round by round, and which page was sent when. Every picture stands
// beside its numbers. Pure. Durations in ms, sizes in bytes.

import type { PageLog } from '#proto/page-log.ts'
import type { Forecast, Range } from '#proto/pre-copy/forecast.ts'
import { bytesText, countText, msText, percentText } from '#proto/quantity.ts'
import { heatMapFigure, swatch } from './heat-map-svg.ts'
import { outcomeText, plain, section, table, wide } from './markup.ts'
import type { Report } from './report.ts'

type Migration = Report['migrations'][number]
type Downtime = NonNullable<Migration['downtime']>

/** More are in the table only; and heat maps beyond so many characters: the page stays small. */
const detailsMax = 24
const heatMapCharsMax = 500_000
/** And so many have a line: the last, when there are more. */
const linesMax = 500
/** So many are unfolded. */
const openMax = 2

export function migrationsHtml({ migrations }: Report, logs: readonly PageLog[]): string {
  if (migrations.length === 0) return ''
  const detailed = migrations.filter(({ byRound }) => byRound).slice(0, detailsMax)
  let left = heatMapCharsMax
  const details = detailed.map((one, n) => {
    const log = logs.find(({ migrationId }) => migrationId === one.id)
    const drawn = log ? heatMapFigure(log) : ''
    left -= drawn.length
    const title = `${migrations.indexOf(one) + 1}. ${one.vmId}: ${one.from} → ${one.to}`
    const head = `<summary><h3>${plain(title)}</h3>, ${one.outcome}</summary>`
    const open = n < openMax ? ' open' : ''
    return [
      `<details${open}>${head}`,
      ...detail(one, left < 0 ? tooBig : drawn),
      '</details>',
    ].join('\n')
  })
  const rest = migrations.length - detailed.length
  const more = rest > 0 ? `<p class="soft">${rest} more are not drawn.</p>` : ''
  return section('Migrations', `${summary(migrations)}${details.join('\n')}${more}`)
}

function summary(all: readonly Migration[]): string {
  const figures = ['#rounds', '#sent', '#total', '#downtime']
  const titles = ['=no.', 'VM', 'from', 'to', 'cause', 'ended', ...figures]
  const leftOut = Math.max(0, all.length - linesMax)
  const rows = all.slice(leftOut).map((one, n) => {
    const end = one.fault ? `${one.outcome}: ${one.fault.message}` : one.outcome
    return [
      ...[
        `${leftOut + n + 1}`,
        one.vmId,
        one.from,
        one.to,
        one.cause,
        outcomeText(one.outcome === 'done', end),
      ],
      ...[`#${one.rounds}`, `#${bytesText(one.bytes)}`],
      ...[`#${known(one.totalMs, msText)}`, `#${known(one.downtimeMs, msText)}`],
    ]
  })
  const note = leftOut > 0 ? `<p class="soft">The first ${leftOut} are left out.</p>` : ''
  return note + wide('migrations', table(titles, rows))
}

const known = (value: number | undefined, text: (value: number) => string): string =>
  value === undefined ? '–' : text(value)

const tooBig =
  '<p class="soft">Left out: the page would become too big. ' +
  '<code>godwit migrate --page-log FILE</code> and <code>godwit heat-map FILE</code> draw one.</p>'

function detail(one: Migration, picture: string): string[] {
  return [
    oneLine(one),
    part('Foreseen, and what came', foreseen(one)),
    part('Where the downtime went', downtime(one.downtime)),
    part('Round by round', rounds(one)),
    part('How its pages travelled', encodings(one)),
    part('Which page was sent when, and why', picture),
  ]
}

const part = (title: string, body: string): string =>
  body === '' ? '' : `<h4>${title}</h4>${body}`

function oneLine({ guestMips, throttledToPercent, postCopy, hash }: Migration): string {
  const { before = 0, during = 0 } = guestMips ?? {}
  const parts = [
    ...(hash === '' ? [] : [`the hash over RAM, CPU and devices was ${hash} at both ends`]),
    ...(before >= 1
      ? [`its guest had ${percentText(Math.min(100, (100 * during) / before))} of its speed`]
      : []),
    ...(throttledToPercent === undefined
      ? []
      : [`it was slowed down to ${percentText(throttledToPercent)} of a core`]),
    ...(postCopy ? [waitsText(postCopy)] : []),
  ]
  const text = parts.join('; ')
  return text === ''
    ? ''
    : `<p class="soft">${plain(text.charAt(0).toUpperCase() + text.slice(1))}.</p>`
}

function waitsText({ faults, ...waits }: NonNullable<Migration['postCopy']>): string {
  const { waitMsMedian, waitMsP99, waitMsMax, reconnections } = waits
  const pages = `it waited for ${countText(faults)} page${faults === 1 ? '' : 's'}`
  const long = `half of them below ${msText(waitMsMedian)}, 99 % below ${msText(waitMsP99)}`
  return [
    ...(faults === 0 ? [pages] : [`${pages}, ${long}, at most ${msText(waitMsMax)}`]),
    ...(reconnections === 0 ? [] : [`its link was made anew ${countText(reconnections)} times`]),
  ].join('; ')
}

// ---- forecast -----------------------------------------------------------------------------------

function foreseen(one: Migration): string {
  const { forecast } = one
  if (!forecast) return '<p class="soft">Too little was known of the VM for a forecast.</p>'
  const row = (name: string, range: Range, seen: number | undefined, text: typeof msText) => {
    const { expected, low, high } = range
    const isWithin = seen !== undefined && seen >= low && seen <= high
    const words = seen === undefined ? '–' : isWithin ? 'yes' : seen < low ? 'less' : 'more'
    return (
      `<tr><th scope="row">${name}</th><td class="n">${known(seen, text)}</td>` +
      `<td class="n">${text(expected)}</td><td class="n">${text(low)} to ${text(high)}</td>` +
      `<td class="${isWithin ? 'good' : 'soft'}">${words}</td><td>${rangeSvg(range, seen)}</td></tr>`
    )
  }
  const rows = [
    row('total time', forecast.totalMs, one.totalMs, msText),
    row('downtime', forecast.downtimeMs, one.downtimeMs, msText),
    row('sent', forecast.bytes, one.bytes, bytesText),
    row('rounds', forecast.rounds, one.rounds, countText),
  ]
  const head =
    '<th scope="col">what</th><th scope="col" class="n">came</th>' +
    '<th scope="col" class="n">foreseen</th><th scope="col" class="n">error bars</th>' +
    '<th scope="col">within</th><th scope="col">● came, │ foreseen, ├─┤ error bars</th>'
  const body = `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`
  return `${wide('forecast', body)}<p class="soft">${verdictWords[forecast.verdict]}</p>`
}

const verdictWords: Record<Forecast['verdict'], string> = {
  fits: 'It was expected to fit.',
  doubtful: 'It was expected to be doubtful.',
  hopeless: 'It was expected to fail.',
}

const barPx = 400

/** The numbers stand beside it. */
function rangeSvg({ expected, low, high }: Range, seen: number | undefined): string {
  const most = Math.max(high, seen ?? 0, 1e-9) * 1.03
  const x = (value: number) => (6 + (value / most) * (barPx - 12)).toFixed(1)
  const cap = (value: number) => `M${x(value)} 7v10`
  const dot =
    seen === undefined ? '' : `<circle cx="${x(seen)}" cy="12" r="4.5" fill="var(--first)"/>`
  return (
    `<svg class="small" viewBox="0 0 ${barPx} 24" aria-hidden="true" preserveAspectRatio="none">` +
    `<line x1="6" x2="${barPx - 6}" y1="12" y2="12" stroke="var(--track)"/>` +
    `<path d="${cap(low)}M${x(low)} 12H${x(high)}${cap(high)}" stroke="var(--soft)" fill="none"/>` +
    `<path d="M${x(expected)} 4v16" stroke="var(--ink)" stroke-width="2"/>${dot}</svg>`
  )
}

// ---- downtime -----------------------------------------------------------------------------------

const partWords: Record<keyof Downtime, string> = {
  pauseMs: 'its last dirty pages counted',
  lastRoundMs: 'last pages, CPU and devices out',
  stateMs: 'CPU and devices into the machine there',
  verificationMs: 'all captured again and hashed there',
  resumeMs: 'until it ran there',
  onTheWayMs: 'on the way',
}
const partColours = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#7f8c8d']

function downtime(parts: Downtime | undefined): string {
  if (!parts) return ''
  const all = (Object.keys(partWords) as (keyof Downtime)[]).map((name, n) => ({
    ...{ words: partWords[name], ms: parts[name], colour: partColours[n] ?? '' },
  }))
  const sumMs = Math.max(
    1e-9,
    all.reduce((sum, { ms }) => sum + Math.max(0, ms), 0),
  )
  let x = 0
  const bars = all.map(({ words, ms, colour }) => {
    const w = (Math.max(0, ms) / sumMs) * 850
    const bar = `<rect x="${x.toFixed(1)}" y="2" width="${w.toFixed(1)}" height="18" fill="${colour}"/>`
    x += w
    return `<g><title>${words}: ${msText(ms)}</title>${bar}</g>`
  })
  const legend = all.map(
    ({ words, ms, colour }) =>
      `<li>${swatch(colour)}${words}: ${msText(ms)}, ${percentText((100 * ms) / sumMs)}</li>`,
  )
  return (
    `<svg viewBox="0 0 850 22" class="bar" aria-hidden="true" preserveAspectRatio="none">` +
    `${bars.join('')}</svg><ul class="legend">${legend.join('')}</ul>`
  )
}

// ---- rounds -------------------------------------------------------------------------------------

function rounds({ byRound = [], postCopy }: Migration): string {
  if (byRound.length === 0) return ''
  const titles = ['=round', '#pages', '#of them zero', '#sent', '#time', '#written meanwhile']
  const rows = byRound.map((one) => [
    ...[`${one.round}`, `#${countText(one.pages)}`],
    ...[`#${countText(one.zeroPages)}`, `#${bytesText(one.bytes)}`, `#${msText(one.ms)}`],
    `#${countText(one.dirtyPages)}`,
  ])
  const after = postCopy && [
    ...['post-copy', `#${countText(postCopy.pages + postCopy.zeroPages)}`],
    ...[`#${countText(postCopy.zeroPages)}`, `#${bytesText(postCopy.bytes)}`],
    ...[`#${msText(postCopy.ms)}`, '#–'],
  ]
  return wide('rounds', table(titles, after ? [...rows, after] : rows))
}

const encodingWords: Record<keyof NonNullable<Migration['byEncoding']>, string> = {
  zero: 'zero: only named',
  held: 'known there: only named',
  raw: 'as they are',
  zstd: 'compressed',
  delta: 'what has changed in them',
}

/** Of the rounds; what came by post-copy is in their table. */
function encodings({ byEncoding = {} }: Migration): string {
  const rows = Object.entries(encodingWords).flatMap(([encoding, words]) => {
    const sent = byEncoding[encoding as keyof typeof encodingWords]
    return sent ? [[words, `#${countText(sent.pages)}`, `#${bytesText(sent.bytes)}`]] : []
  })
  if (rows.length === 0) return ''
  return wide('encodings', table(['=in the rounds', '#pages', '#sent'], rows))
}
