// What is close up beside the cluster: a title that gets the focus, a way out by button or Escape,
// which gives the focus back to where it came from. Not here: what is in it (vm-panel.tsx,
// node-panel.tsx).

import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { go } from '../route.ts'
import { useKeptFocus } from './kept-focus.ts'

interface PanelProps {
  readonly title: string
  /** The id of the element from which it is opened. */
  readonly from: string
  /** Nobody has asked for it: it takes the focus only from nobody. */
  readonly isQuiet?: boolean
  readonly children: ComponentChildren
}

export function Panel({ title, from, isQuiet = false, children }: PanelProps) {
  const box = useRef<HTMLDivElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  useKeptFocus(box, () => heading.current)
  useLayoutEffect(() => {
    if (!isQuiet || document.activeElement === document.body) heading.current?.focus()
  }, [])
  const close = () => {
    go({ is: 'cluster' })
    document.getElementById(from)?.focus()
  }
  return (
    <div
      class="panel card"
      ref={box}
      role="dialog"
      aria-labelledby="panel-title"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !isGuests(event)) close()
      }}
    >
      <header>
        <h2 id="panel-title" tabIndex={-1} ref={heading}>
          {title}
        </h2>
        <button type="button" class="quiet" onClick={close}>
          Close
        </button>
      </header>
      {children}
    </div>
  )
}

/** What is typed into a terminal or a screen is for the guest. */
const isGuests = ({ target }: Event): boolean =>
  target instanceof Element && target.closest('.xterm, .screen') !== null
