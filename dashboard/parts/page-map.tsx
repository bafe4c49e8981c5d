// The pages of a VM as a map, in the order of its memory: what has content, what is shared with
// clones, and, while it migrates, what was sent, what is to be sent and what was written since.
// States differ by shape and lightness, not by colour alone; the numbers say the same in words.
// Not here: how a page gets its state (node-agent/page-map.ts).

import { useEffect, useRef } from 'preact/hooks'
import type { VmView } from '#proto/api.ts'
import { countText } from '#proto/quantity.ts'
import { cellsMax, type PageState, type PageMap as Pages, pageStates } from '#proto/sights.ts'
import { pagesPerMebibyte } from '#proto/units.ts'
import { pageMap } from '../sights.ts'
import { cellPx, columns, drawCell, drawPages } from './page-cells.ts'

const stateWords: Record<PageState, readonly [short: string, long: string]> = {
  zero: ['zero', 'never written'],
  own: ['content', 'with content'],
  shared: ['shared', 'shared with clones or a parent'],
  sent: ['sent', 'sent in this migration'],
  unsent: ['to send', 'to be sent in this round'],
  dirty: ['dirty', 'written since they were sent or looked at'],
  absent: ['absent', 'not here yet'],
}

/** The canvas has its size before the first pages come: nothing moves when they do. */
function rowsOf(memoryMib: number): number {
  const pageCount = memoryMib * pagesPerMebibyte
  return Math.ceil(Math.ceil(pageCount / Math.ceil(pageCount / cellsMax)) / columns)
}

export function PageMap({ vm }: { vm: VmView }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const now = pageMap.value
  const map = now?.vmId === vm.id ? now : undefined
  useEffect(() => {
    if (map && canvas.current) drawPages(canvas.current, map)
  }, [map])
  const high = rowsOf(vm.spec.memoryMib) * cellPx
  return (
    <section class="page-map" aria-labelledby="page-map">
      <h3 id="page-map">
        Pages <small>{map ? sizeText(map) : ''}</small>
      </h3>
      <canvas
        ref={canvas}
        role="img"
        aria-label={map ? mapText(map) : 'Its pages are not known yet'}
        style={{ width: `${columns * cellPx}px`, height: `${high}px` }}
      />
      <dl class="counts">
        {pageStates.map((state) => (
          <Count key={state} state={state} pages={map?.counts[state] ?? 0} map={map} />
        ))}
      </dl>
    </section>
  )
}

const sizeText = ({ pageCount, pagesPerCell }: Pages): string =>
  `${countText(pageCount)}, ${pagesPerCell === 1 ? 'one' : pagesPerCell} a cell`

function mapText({ pageCount, counts }: Pages): string {
  const parts = pageStates.flatMap((state) =>
    counts[state] > 0 ? [`${countText(counts[state])} ${stateWords[state][1]}`] : [],
  )
  return `Map of ${countText(pageCount)} pages: ${parts.join(', ')}`
}

const partText = (percent: number): string =>
  percent > 0 && percent < 1 ? '<1 %' : `${Math.round(percent)} %`

interface CountProps {
  readonly state: PageState
  readonly pages: number
  readonly map: Pages | undefined
}

function Count({ state, pages, map }: CountProps) {
  const sample = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    if (sample.current) drawCell(sample.current, state)
  }, [state])
  const part = map ? (100 * pages) / map.pageCount : 0
  return (
    <div class={pages > 0 ? '' : 'none'}>
      <dt>
        <canvas ref={sample} /> <span title={stateWords[state][1]}>{stateWords[state][0]}</span>
      </dt>
      <dd>
        {countText(pages)} <small>{partText(part)}</small>
      </dd>
    </div>
  )
}
