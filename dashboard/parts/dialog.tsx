// A window over the page that wants an answer first: the browser's own modal dialog, which keeps
// the focus inside, ends with Escape, and gives the focus back to where it was.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
  readonly wide?: boolean
  /** There is more to read than to do: it begins at its title. */
  readonly isRead?: boolean
  /** Something may have been filled in: a press beside it does not throw that away. */
  readonly isForm?: boolean
}

/** The browser gives the focus to what says so, and else to the first control. */
const startHere = { tabIndex: -1, autofocus: true }

export function Dialog(props: DialogProps) {
  const { title, onClose, children, wide = false, isRead = false, isForm = false } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const own = dialog.current
    const before = document.activeElement
    own?.showModal()
    return () => {
      own?.close()
      // What it was may stand elsewhere by now: a tile on another node.
      const back = before?.isConnected ? before : document.getElementById(before?.id ?? '')
      if (back instanceof HTMLElement) back.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      class={wide ? 'wide' : ''}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      // What is done in here is no key of the page.
      onKeyDown={(event) => event.stopPropagation()}
      onPointerDown={(event) => {
        const own = dialog.current
        if (own && !isForm && event.target === own && !isWithin(event, own)) onClose()
      }}
    >
      <h2 id={titleId} {...(isRead && startHere)}>
        {title}
      </h2>
      {children}
    </dialog>
  )
}

/** The backdrop belongs to the dialog's element, but lies outside its box. */
function isWithin({ clientX, clientY }: PointerEvent, element: Element): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom
}
