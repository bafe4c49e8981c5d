// The story of the cluster, all of it: filtered, with an address for what is filtered and for each
// event, so that it can be sent to somebody. New events come in above, but not while somebody is at
// the list. Not here: the short story beside the cluster (story.tsx).

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { EventView } from '#proto/api.ts'
import { countText } from '#proto/quantity.ts'
import { view } from '../cluster.ts'
import { toneOf } from '../cluster-model.ts'
import { momentText } from '../moment-text.ts'
import { go, hashOf } from '../route.ts'
import { story } from '../story.ts'
import { isWanted, kindGroups, type StoryFilter } from '../story-model.ts'
import { EventStrip } from './event-strip.tsx'
import { useHeld } from './held.ts'
import { useKeptFocus } from './kept-focus.ts'
import { Sign, toneSigns } from './sign.tsx'

/** More on request: a list of thousands is long to draw and longer to read. */
const rowsMax = 300

export function Events({ filter }: { filter: StoryFilter }) {
  const all = story.value
  const wanted = all.filter((event) => isWanted(event, filter))
  return (
    <main class="single">
      <section class="card events" aria-labelledby="events-title">
        <header>
          <h2 id="events-title">Events</h2>
          <p role="status">
            {countText(wanted.length)} of {countText(all.length)}
          </p>
        </header>
        <Filters filter={filter} />
        <EventStrip events={wanted} />
        <Rows key={listName(filter)} events={wanted} filter={filter} />
      </section>
    </main>
  )
}

/** Another list begins anew, with its newest. */
const listName = ({ at: _, ...rest }: StoryFilter): string => JSON.stringify(rest)

function Filters({ filter }: { filter: StoryFilter }) {
  const { nodes = [], vms = [] } = view.value ?? {}
  const box = useRef<HTMLElement>(null)
  useKeptFocus(box, () => box.current?.querySelector('select') ?? null)
  const change = (name: string, value: string) => {
    const { at: _, ...rest } = filter
    go({ is: 'events', filter: { ...rest, [name]: value } }, 'replace')
  }
  const ids = (rows: readonly { readonly id: string }[]) =>
    rows.map(({ id }): [string, string] => [id, id])
  return (
    <search class="filters" ref={box}>
      <Choice name="node" word="Node" of={ids(nodes)} filter={filter} change={change} />
      <Choice name="vm" word="VM" of={ids(vms)} filter={filter} change={change} />
      <Choice
        name="kind"
        word="About"
        of={Object.entries(kindGroups)}
        filter={filter}
        change={change}
      />
      <label>
        Text
        <input
          type="search"
          value={filter.text ?? ''}
          onInput={(event) => change('text', event.currentTarget.value)}
        />
      </label>
      {Object.keys(filter).length > 0 && (
        <button
          type="button"
          class="quiet"
          onClick={() => go({ is: 'events', filter: {} }, 'replace')}
        >
          Show all
        </button>
      )}
    </search>
  )
}

interface ChoiceProps {
  readonly name: string
  readonly word: string
  readonly of: readonly (readonly [value: string, word: string])[]
  readonly filter: StoryFilter
  change(name: string, value: string): void
}

function Choice({ name, word, of, filter, change }: ChoiceProps) {
  const value = filter[name] ?? ''
  // What is filtered by may be gone by now.
  const isKnown = value === '' || of.some(([each]) => each === value)
  return (
    <label>
      {word}
      <select value={value} onChange={(event) => change(name, event.currentTarget.value)}>
        <option value="">all</option>
        {!isKnown && <option value={value}>{value}</option>}
        {of.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

interface RowsProps {
  readonly events: readonly EventView[]
  readonly filter: StoryFilter
}

function Rows({ events, filter }: RowsProps) {
  const [rows, setRows] = useState(rowsMax)
  const newestFirst = useMemo(() => [...events].reverse(), [events])
  const { shown, waiting, show, handlers } = useHeld(newestFirst)
  const at = Number(filter.at)
  const linked = useRef<HTMLLIElement>(null)
  const list = useRef<HTMLOListElement>(null)
  const place = shown.findIndex(({ seq }) => seq === at)
  const isThere = place !== -1
  // Whoever follows a link to an event sees it, however old it is.
  const count = Math.max(rows, place + 1)
  useEffect(() => {
    if (isThere) linked.current?.scrollIntoView({ block: 'center' })
  }, [at, isThere])
  return (
    <div class="list" {...handlers}>
      {/* Its place is kept for it: nothing moves when it comes. */}
      <p class="waiting-events">
        {waiting > 0 && (
          <button
            type="button"
            onClick={({ detail }) => {
              show()
              // By keyboard: the button goes, and the list is what it was hit for.
              if (detail === 0) list.current?.focus()
            }}
          >
            {countText(waiting)} new
          </button>
        )}
      </p>
      {events.length === 0 && <p class="empty">Nothing of that has happened.</p>}
      <ol ref={list} tabIndex={-1} aria-label="Events, the newest first">
        {shown.slice(0, count).map((event) => (
          <li
            key={event.seq}
            ref={event.seq === at ? linked : null}
            class={`${toneOf(event)} ${event.seq === at ? 'linked' : ''}`}
            aria-current={event.seq === at}
          >
            <Row event={event} filter={filter} />
          </li>
        ))}
      </ol>
      {shown.length > count && (
        <button type="button" onClick={() => setRows(count + rowsMax)}>
          {countText(Math.min(rowsMax, shown.length - count))} older
        </button>
      )}
    </div>
  )
}

function Row({ event, filter }: { event: EventView; filter: StoryFilter }) {
  const { seq, wallMs, text, nodeId, vmId } = event
  const { vms = [], nodes = [] } = view.value ?? {}
  return (
    <>
      <a
        href={hashOf({ is: 'events', filter: { ...filter, at: String(seq) } })}
        aria-label={`Event ${seq}, ${momentText(wallMs)}`}
      >
        <time dateTime={new Date(wallMs).toISOString()}>{momentText(wallMs)}</time>
      </a>
      <Sign name={toneSigns[toneOf(event)]} />
      <span>{text}</span>
      <span class="about">
        {vmId && vms.some(({ id }) => id === vmId) && (
          <a href={hashOf({ is: 'vm', id: vmId })}>{vmId}</a>
        )}{' '}
        {nodeId && nodes.some(({ id }) => id === nodeId) && (
          <a href={hashOf({ is: 'node', id: nodeId })}>{nodeId}</a>
        )}
      </span>
    </>
  )
}
