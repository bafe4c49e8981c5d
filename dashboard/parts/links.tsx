// Who is connected with whom, and what passes: a drawing for the eye, and the same as a table, in
// which a link can be cut on purpose where the cluster is a laboratory.
// Not here: where things stand in the drawing (../topology.ts).

import { useState } from 'preact/hooks'
import type { NodeView } from '#proto/api.ts'
import { bytesText } from '#proto/quantity.ts'
import type { LinkView } from '#proto/sights.ts'
import { begin, linkCut, linkHeal } from '../actions.ts'
import { view } from '../cluster.ts'
import { laboratory } from '../laboratory.ts'
import { allows } from '../session.ts'
import { links } from '../sights.ts'
import { bytesPerSecOf, type LinkPair, pairsOf } from '../topology.ts'
import { Act } from './act.tsx'
import { type ColumnTitle, ColumnTitles } from './column-titles.tsx'
import { Sign } from './sign.tsx'
import { Topology } from './topology.tsx'

export function Links() {
  const nodes = (view.value?.nodes ?? []).filter(({ phase }) => phase !== 'gone')
  const pairs = pairsOf(
    nodes.map(({ id }) => id),
    links.value,
  )
  return (
    <main class="single" id="links">
      <section class="card" aria-labelledby="links-title">
        <header>
          <h2 id="links-title" tabIndex={-1}>
            Links
          </h2>
          <p>{totalText(links.value)}</p>
        </header>
        <Topology nodes={nodes} links={links.value} />
        <p class="legend">
          <span class="pages">pages of migrations, clones and replicas</span>
          <span class="frames">frames of the guests’ network</span>
          <span class="lost">cut, or not heard</span>
        </p>
      </section>
      <LinkTable pairs={pairs} nodes={nodes} />
    </main>
  )
}

function totalText(all: readonly LinkView[]): string {
  const sum = (of: (link: LinkView) => number) => all.reduce((total, link) => total + of(link), 0)
  const pages = sum(({ pageBytesPerSec }) => pageBytesPerSec)
  const frames = sum(({ trunkBytesPerSec }) => trunkBytesPerSec)
  return `pages ${rateText(pages)}, guests ${rateText(frames)}`
}

export const rateText = (bytesPerSec: number): string => `${bytesText(Math.round(bytesPerSec))}/s`

function LinkTable({ pairs, nodes }: { pairs: readonly LinkPair[]; nodes: readonly NodeView[] }) {
  const [isBusyOnly, setBusyOnly] = useState(false)
  const shown = isBusyOnly
    ? pairs.filter(({ there, back }) => bytesPerSecOf(there) + bytesPerSecOf(back) > 0)
    : pairs
  return (
    <section class="card" aria-labelledby="link-table">
      <header>
        <h2 id="link-table">Each link</h2>
        <label class="check">
          <input
            type="checkbox"
            checked={isBusyOnly}
            onChange={(event) => setBusyOnly(event.currentTarget.checked)}
          />{' '}
          only those with traffic
        </label>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways on narrow windows */}
      <section class="scroll" tabIndex={0} aria-label="Table of links">
        <table class="links">
          <Titles />
          <tbody>
            {shown.map((pair) => (
              <Row key={`${pair.a} ${pair.b}`} pair={pair} nodes={nodes} />
            ))}
          </tbody>
        </table>
      </section>
      {shown.length === 0 && <p class="empty">No link{isBusyOnly ? ' carries anything' : ''}.</p>}
    </section>
  )
}

const mayBreak = () => laboratory.value !== undefined && allows('run-cluster')

/** After who they are and what can be done, which narrow windows show without scrolling. */
const titles: readonly ColumnTitle[] = [
  ['State', ''],
  ['Pages there', 'number'],
  ['Pages back', 'number'],
  ['Guests there', 'number'],
  ['Guests back', 'number'],
  ['In all', 'number'],
]

function Titles() {
  return (
    <thead>
      <tr>
        <th scope="col">Between</th>
        {mayBreak() && <th scope="col">On purpose</th>}
        <ColumnTitles titles={titles} />
      </tr>
    </thead>
  )
}

function Row({ pair, nodes }: { pair: LinkPair; nodes: readonly NodeView[] }) {
  const { a, b, there, back } = pair
  const isCut = laboratory.value?.links.some((cut) => cut.a === a && cut.b === b) ?? false
  const sum = (of: (link: LinkView) => number) => (there ? of(there) : 0) + (back ? of(back) : 0)
  const state = stateOf(pair, isCut, nodes)
  const action = isCut ? linkHeal : linkCut
  return (
    <tr>
      <th scope="row">
        <b>{a}</b> <span class="way">↔</span> <b>{b}</b>
      </th>
      {mayBreak() && (
        <td>
          <Act
            word={action.word}
            about={`${action.word} the link between ${a} and ${b}`}
            style={isCut ? '' : 'breaks'}
            run={() => begin(action, pair)}
          />
        </td>
      )}
      <td class={state.isBad ? 'outcome failed' : 'outcome done'}>
        <Sign name={state.isBad ? 'bad' : 'on'} /> {state.word}
      </td>
      <td class="number">{rateText(there?.pageBytesPerSec ?? 0)}</td>
      <td class="number">{rateText(back?.pageBytesPerSec ?? 0)}</td>
      <td class="number">{rateText(there?.trunkBytesPerSec ?? 0)}</td>
      <td class="number">{rateText(back?.trunkBytesPerSec ?? 0)}</td>
      <td class="number">{bytesText(sum((link) => link.pageBytes + link.trunkBytes))}</td>
    </tr>
  )
}

function stateOf({ a, b, there, back }: LinkPair, isCut: boolean, nodes: readonly NodeView[]) {
  if (isCut) return { word: 'cut on purpose', isBad: true }
  const silent = nodes.find(({ id, phase }) => (id === a || id === b) && phase !== 'online')
  if (silent) return { word: `${silent.id} is ${silent.phase}`, isBad: true }
  if (!there && !back) return { word: 'not heard of yet', isBad: false }
  const isUp = (there?.isTrunkUp ?? false) || (back?.isTrunkUp ?? false)
  return isUp ? { word: 'up', isBad: false } : { word: 'down', isBad: true }
}
