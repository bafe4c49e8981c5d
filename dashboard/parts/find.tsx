// Finds a VM or a node by its name: what matches is listed as it is typed, Enter opens the first.
// Not here: events with a word in them (events.tsx).

import { useState } from 'preact/hooks'
import { view } from '../cluster.ts'
import { findId } from '../keys.ts'
import { go, hashOf, type Route } from '../route.ts'

const shownMax = 8

interface Found {
  readonly id: string
  readonly where: string
  readonly to: Route
}

/** Names that begin so come first. */
function foundBy(text: string): Found[] {
  const { vms = [], nodes = [] } = view.value ?? {}
  const all: Found[] = [
    ...nodes.map(({ id, phase }) => ({ id, where: phase, to: { is: 'node', id } }) as const),
    ...vms.map(({ id, nodeId, phase }) => {
      return { id, where: nodeId ?? phase, to: { is: 'vm', id } } as const
    }),
  ]
  const wanted = text.toLowerCase()
  const rank = ({ id }: Found) => id.toLowerCase().indexOf(wanted)
  const found = all.filter((each) => rank(each) !== -1)
  return found.sort((a, b) => Math.sign(rank(a)) - Math.sign(rank(b)))
}

export function Find() {
  const [text, setText] = useState('')
  const found = text === '' ? [] : foundBy(text)
  const open = (to: Route) => {
    setText('')
    go(to)
  }
  return (
    <search class="find">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (found[0]) open(found[0].to)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setText('')
        }}
      >
        <input
          type="search"
          id={findId}
          placeholder="Find …"
          aria-label="Find a VM or a node"
          aria-keyshortcuts="/"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {text !== '' && (
          <ul>
            {found.slice(0, shownMax).map(({ id, where, to }) => (
              <li key={`${to.is} ${id}`}>
                <a href={hashOf(to)} onClick={() => setText('')}>
                  <b>{id}</b> <small>{where}</small>
                </a>
              </li>
            ))}
            {found.length > shownMax && (
              <li class="empty">and {found.length - shownMax} more: write more of the name</li>
            )}
            {found.length === 0 && <li class="empty">Nothing is called that.</li>}
          </ul>
        )}
      </form>
    </search>
  )
}
