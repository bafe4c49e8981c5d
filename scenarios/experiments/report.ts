// The page of an experiment: one HTML file without scripts and network. What was tried on what,
// medians with their intervals as pictures and in numbers, what was published beside it, and how
// many nodes were on over the day. Pure. Not here: the look of the page (report/page.ts).

import { plain, section, table, wide } from '../report/markup.ts'
import { pageHtml } from '../report/page.ts'
import type { Experiment, Outcome, Workload } from './experiment.ts'
import { deviationText, measureTexts, textOf } from './measure-text.ts'
import { markupOfDots, markupOfLines } from './pictures.ts'
import { comparisonsOf, summaryOf, type VariantSummary } from './summary.ts'

export interface ExperimentFacts {
  readonly experiment: Experiment
  readonly workload: Workload
  readonly seeds: number
  readonly outcomes: readonly Outcome[]
  readonly version: string
  /** The command line that does it again. */
  readonly replay: string
}

export function experimentHtml(facts: ExperimentFacts): string {
  const { experiment, outcomes, version, replay } = facts
  const summary = summaryOf(experiment, outcomes)
  return pageHtml(`${experiment.name}: an experiment`, [
    `<h1>${plain(experiment.name)}</h1>`,
    `<p>${plain(experiment.about)}</p>`,
    section('What was tried', triedHtml(facts)),
    section('Medians', mediansHtml(summary)),
    comparisonHtml(facts),
    section('Nodes that were on', markupOfLines(facts.experiment.variants, outcomes)),
    `<p class="soft">godwit ${plain(version)}. Again: <code>${plain(replay)}</code></p>`,
  ])
}

function triedHtml({ experiment, workload, seeds, outcomes }: ExperimentFacts): string {
  const { days, nodes, isRecorded } = workload
  const rows = days.map(({ name, traces }) => [name, `#${traces.length}`, `#${nodes}`])
  const kind = isRecorded
    ? ''
    : '<p>Not the loads, or not all of the loads, that the published figures are of.</p>'
  const trials = experiment.variants.length * days.length * seeds
  return [
    `<p>After: ${plain(experiment.source)}.</p>`,
    `<p>${outcomes.length} of ${trials} trials: ${experiment.variants.length} variants, ` +
      `${days.length} days, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}.</p>`,
    kind,
    wide('days', table(['=day', '#VMs', '#nodes'], rows)),
  ].join('\n')
}

function mediansHtml(summary: readonly VariantSummary[]): string {
  const titles = ['=variant', ...measureTexts.map(({ title }) => `#${title}`)]
  const rows = summary.map(({ variant, estimates }) => [
    unbroken(variant),
    ...measureTexts.map((text) => `#${textOf(text, estimates)}`),
  ])
  const first = summary[0]?.estimates.energyKwh
  const how = first?.isInterval
    ? 'In brackets: the median of more such days lies there with 95 % confidence.'
    : 'In brackets: least and most; fewer than six samples make no 95 % interval.'
  const moving = summary.filter(({ estimates }) => estimates.migrations.median > 0)
  const pictures = measureTexts
    .filter(({ key }) => ['energyKwh', 'migrations', 'slav', 'esv'].includes(key))
    .map(
      (text) => `<h4>${plain(text.title)}: ${plain(text.about)}</h4>${markupOfDots(text, moving)}`,
    )
  return [
    `<p class="soft">${how}</p>`,
    wide('medians', table(titles, rows)),
    ...pictures,
    `<ul class="legend">${measureTexts.map(aboutHtml).join('')}</ul>`,
  ].join('\n')
}

/** A hyphen is no place to end a line. */
const unbroken = (name: string): string => name.replaceAll('-', '\u2011')

const aboutHtml = ({ title, about }: { readonly title: string; readonly about: string }): string =>
  `<li><b>${plain(title)}</b> ${plain(about)}</li>`

function comparisonHtml({ experiment, outcomes, workload }: ExperimentFacts): string {
  const compared = workload.isRecorded ? comparisonsOf(experiment.published, outcomes) : []
  if (compared.length === 0) return ''
  const rows = compared.map(({ variant, day, measure, published, ours, deviation, source }) => {
    const text = measureTexts.find(({ key }) => key === measure)
    const number = text?.number ?? String
    const numbers = [`#${number(published)}`, `#${number(ours)}`, `#${deviationText(deviation)}`]
    return [unbroken(variant), day, text?.title ?? measure, ...numbers, source]
  })
  const titles = ['=variant', 'day', 'measure', '#published', '#ours', '#deviation', 'source']
  return section('Compared with what was published', wide('comparison', table(titles, rows)))
}
