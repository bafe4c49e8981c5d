// A run as one HTML file that needs nothing else: verdict, timeline, steps, expectations,
// migrations round by round, failovers, clients, the cluster's story, and the line that replays it.
// No scripts, no network; light and dark. Pure. Durations in ms, sizes in bytes.

import { mibText } from '#proto/quantity.ts'
import { durationText } from '../language/quantities.ts'
import { plain } from './markup.ts'
import type { Tracks } from './recording.ts'
import { isPassed, type Report } from './report.ts'
import { timelineSvg } from './timeline-svg.ts'

/** Where and by what it was run. */
export interface RunFacts {
  readonly version: string
  readonly world: string
  /** A command line. */
  readonly replay: string
  readonly events: readonly { readonly atMs: number; readonly text: string }[]
}

const ms = (value: number | undefined): string => (value === undefined ? '–' : durationText(value))
const bytesText = (bytes: number): string =>
  bytes < 1 << 20 ? `${Math.round(bytes / 1024)} KiB` : mibText(Math.round(bytes / (1 << 20)))

const css = `
:root{color-scheme:light dark;--ink:light-dark(#1b2124,#e6eaea);--soft:light-dark(#5b6569,#9aa7aa);
--sheet:light-dark(#f4f3ef,#101517);--card:light-dark(#fff,#181f22);
--line:light-dark(#e3e0d8,#2b3639);--track:light-dark(#dcd9d0,#2a3437);
--good:light-dark(#2b7347,#6cc28d);--bad:light-dark(#b0263a,#f2808d)}
body{margin:0;background:var(--sheet);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:66rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:0 0 .6rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;
margin-top:1rem;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.87rem}
th,td{text-align:left;padding:.3rem .6rem;border-top:1px solid var(--line);vertical-align:top}
thead th{border:0;color:var(--soft);font-weight:400}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.soft{color:var(--soft)}
code{font:.85rem ui-monospace,monospace}ol{padding-left:2rem;margin:0}
.verdict{font-size:1.1rem;font-weight:600}
svg{width:100%;min-width:44rem;font:11px system-ui,sans-serif}
svg text{fill:var(--soft)}svg text.in{fill:#fff}svg text.off{fill:var(--ink)}
svg text.name{text-anchor:end;fill:var(--ink)}svg text.axis,svg text.step{text-anchor:middle}
svg text.step{fill:var(--ink);font-weight:600}
svg line.tick{stroke:var(--line)}svg line.step{stroke:var(--ink);stroke-dasharray:2 3}
`

export function htmlOf(report: Report, tracks: Tracks, facts: RunFacts): string {
  const title = `${report.scenario}: ${report.about}`
  const passed = isPassed(report)
  const held = report.expectations.filter(({ verdict }) => verdict === 'held').length
  const sum =
    `${held} of ${report.expectations.length} expectations held, ` +
    `${report.writesAcknowledged} writes acknowledged, ${report.writesLost} lost, ` +
    `in ${durationText(report.totalMs)}`
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${plain(title)}</title><style>${css}</style></head><body><main>`,
    `<h1>${plain(report.scenario)}</h1><p>${plain(report.about)}</p>`,
    `<p class="verdict ${passed ? 'good' : 'bad'}">${passed ? '✓ passed' : '✗ failed'}: ${sum}</p>`,
    report.fault ? `<p class="bad">${plain(report.fault.message)}</p>` : '',
    `<p class="soft">Godwit ${plain(facts.version)}, world ${plain(facts.world)}, seed ` +
      `${report.seed}. Again: <code>${plain(facts.replay)}</code></p>`,
    section('Timeline', timelineSvg(report, tracks)),
    section('Expectations', expectations(report)),
    section('Steps', steps(report)),
    migrations(report),
    clones(report),
    failovers(report),
    clients(report),
    section('Story', story(facts)),
    '</main></body></html>\n',
  ].join('\n')
}

const section = (title: string, body: string): string =>
  `<section><h2>${title}</h2>${body}</section>`

/** Cells that begin with # are numbers; text is escaped, `{class}text` gets that class. */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => {
    const [, marked = '', rest = text] = /^\{(\w+)\}(.*)$/s.exec(text) ?? []
    const isNumber = rest.startsWith('#')
    const classes = [marked, isNumber ? 'n' : ''].filter((one) => one !== '').join(' ')
    return `<td${classes ? ` class="${classes}"` : ''}>${plain(isNumber ? rest.slice(1) : rest)}</td>`
  }
  const head = titles.map((title) => `<th scope="col">${title}</th>`).join('')
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')
  return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`
}

const outcomeText = (isGood: boolean, text: string): string =>
  `{${isGood ? 'good' : 'bad'}}${isGood ? '✓' : '✗'} ${text}`

const expectations = (report: Report): string =>
  table(
    ['', 'expected', 'seen'],
    report.expectations.map(({ sentence, verdict, detail }) => [
      ...[outcomeText(verdict === 'held', verdict), sentence, `{soft}${detail}`],
    ]),
  )

const steps = (report: Report): string =>
  table(
    ['', 'at', 'step', 'took', ''],
    report.steps.map(({ sentence, outcome, atMs, tookMs, fault }, n) => [
      ...[`#${n + 1}`, `#${ms(atMs)}`, sentence, `#${ms(tookMs)}`],
      outcomeText(outcome === 'done', fault ? `${outcome}: ${fault.message}` : outcome),
    ]),
  )

function migrations({ migrations: all }: Report): string {
  if (all.length === 0) return ''
  const titles = [
    'VM',
    'from',
    'to',
    'cause',
    '',
    'rounds',
    'sent',
    'total',
    'downtime',
    'foreseen',
  ]
  const rows = all.map((one) => {
    const seen = one.forecast
    const foreseen = seen
      ? `${ms(seen.totalMs.expected)}, ${ms(seen.downtimeMs.expected)}`
      : 'not known enough'
    const end = one.fault ? `${one.outcome}: ${one.fault.message}` : one.outcome
    return [
      ...[one.vmId, one.from, one.to, one.cause, outcomeText(one.outcome === 'done', end)],
      ...[`#${one.rounds}`, `#${bytesText(one.bytes)}`, `#${ms(one.totalMs)}`],
      ...[`#${ms(one.downtimeMs)}`, `{soft}${foreseen}`],
    ]
  })
  return section('Migrations', table(titles, rows))
}

function clones({ clones: all }: Report): string {
  if (all.length === 0) return ''
  const titles = ['parent', 'clones', 'on', '', 'sent', 'total', 'parent stood still']
  const rows = all.map((one) => [
    ...[one.parentId, one.cloneIds.join(', '), one.to],
    ...[outcomeText(one.outcome === 'done', one.outcome), `#${bytesText(one.bytes)}`],
    ...[`#${ms(one.totalMs)}`, `#${ms(one.parentPausedMs)}`],
  ])
  return section('Clones', table(titles, rows))
}

function failovers({ failovers: all }: Report): string {
  if (all.length === 0) return ''
  const rows = all.flatMap((one) => [
    [
      `node ${one.nodeId} was ${one.cause}`,
      '',
      `#${ms(one.detectedMs)}`,
      `#${ms(one.fencedMs)}`,
      '',
      '',
    ],
    ...one.restarted.map((vm) => [
      ...[`{soft}${vm.vmId}`, vm.to, '', '', `#${ms(vm.ms)}`],
      vm.rpoMs === undefined ? 'its disk' : `#a checkpoint ${ms(vm.rpoMs)} old`,
    ]),
  ])
  const times = ['detected', 'fenced', 'runs again after (RTO)', 'from (RPO)']
  const titles = ['', 'runs again on', ...times]
  return section('Failovers', table(titles, rows))
}

function clients({ clients: all }: Report): string {
  if (all.length === 0) return ''
  const titles = ['client', 'store', 'acknowledged', 'keys read back', 'lost (RPO)', 'longest wait']
  const rows = all.map((one) => [
    ...[one.id, one.vmId, `#${one.writesAcknowledged}`, `#${one.keysReadBack}`],
    ...[`{${one.writesLost === 0 ? 'good' : 'bad'}}#${one.writesLost}`, `#${ms(one.waitMsMax)}`],
  ])
  return section('Clients', table(titles, rows))
}

const story = ({ events }: RunFacts): string =>
  table(
    ['at', 'what the cluster tells'],
    events.map(({ atMs, text }) => [`#${(atMs / 1000).toFixed(1)} s`, text]),
  )
