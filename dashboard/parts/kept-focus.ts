// Whoever works by keyboard keeps a place: when what has the focus goes away (a button that is not
// there for a node that is killed), something near it gets the focus, and not the page's beginning.
// Not here: dialogs, which give it back by themselves (dialog.tsx).
// Source: WCAG 2.2, success criterion 2.4.3 (Focus Order).

import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'

/**
 * @param instead within the box, and there for as long as that is; told what had the focus, which
 * may be there again: a tile on another node
 */
export function useKeptFocus(
  box: RefObject<HTMLElement | null>,
  instead: (before: Element | undefined) => HTMLElement | null,
): void {
  useEffect(() => {
    const own = box.current
    if (!own) return
    let holds = own.contains(document.activeElement)
    let before = holds && document.activeElement ? document.activeElement : undefined
    const come = ({ target }: FocusEvent) => {
      holds = true
      if (target instanceof Element) before = target
    }
    const go = ({ relatedTarget: to }: FocusEvent) => {
      if (to instanceof Node && !own.contains(to)) holds = false
    }
    // A click beside everything takes the focus from all, and is meant.
    const point = () => {
      holds = false
    }
    const observer = new MutationObserver(() => {
      if (holds && document.activeElement === document.body)
        instead(before)?.focus({ preventScroll: true })
    })
    own.addEventListener('focusin', come)
    own.addEventListener('focusout', go)
    addEventListener('pointerdown', point, { capture: true })
    observer.observe(own, { childList: true, subtree: true })
    return () => {
      observer.disconnect()
      own.removeEventListener('focusin', come)
      own.removeEventListener('focusout', go)
      removeEventListener('pointerdown', point, { capture: true })
    }
  }, [])
}
