// Holds a list still while somebody is at it: a pointer over it or the focus in it. What comes
// meanwhile waits, and is counted. Nothing moves away under a finger.

import { useRef, useState } from 'preact/hooks'

interface Numbered {
  readonly seq: number
}

interface Held<Item> {
  readonly shown: readonly Item[]
  /** How many wait. */
  readonly waiting: number
  readonly show: () => void
  /** For the element around the list. */
  readonly handlers: {
    readonly onPointerEnter: () => void
    readonly onPointerLeave: () => void
    readonly onFocusIn: () => void
    readonly onFocusOut: () => void
  }
}

/** @param items the newest first; the oldest may fall out at the other end meanwhile */
export function useHeld<Item extends Numbered>(items: readonly Item[]): Held<Item> {
  const [isOver, setOver] = useState(false)
  const [isIn, setIn] = useState(false)
  const held = useRef<readonly Item[] | undefined>(undefined)
  if (isOver || isIn) held.current ??= items
  else held.current = undefined
  const [, setShown] = useState(0)
  return {
    shown: held.current ?? items,
    waiting: held.current ? newerThan(held.current[0], items) : 0,
    show: () => {
      held.current = items
      setShown(items.length)
    },
    handlers: {
      onPointerEnter: () => setOver(true),
      onPointerLeave: () => setOver(false),
      onFocusIn: () => setIn(true),
      onFocusOut: () => setIn(false),
    },
  }
}

function newerThan(newest: Numbered | undefined, items: readonly Numbered[]): number {
  const at = newest ? items.findIndex(({ seq }) => seq <= newest.seq) : -1
  return at === -1 ? items.length : at
}
