// Text of the person's clipboard, typed into a guest by a button. A browser gives it to a button
// only over TLS or on this machine, and if it is allowed to; else a field takes the text. With
// Ctrl+Shift+V at the screen it comes as the browser's own event (screen-panel.tsx).
// Not here: how it is typed (../pasted-text.ts).

import { useRef, useState } from 'preact/hooks'
import { Dialog } from './dialog.tsx'

interface PasteProps {
  readonly vmId: string
  /** Types it, and the person goes on at the screen. */
  readonly onText: (text: string) => void
}

export function Paste({ vmId, onText }: PasteProps) {
  const [isAsked, setIsAsked] = useState(false)
  const paste = async () => {
    const text = await clipboardText()
    if (text === undefined) setIsAsked(true)
    else onText(text)
  }
  return (
    <>
      <button type="button" onClick={() => void paste()}>
        Paste
      </button>
      {isAsked && <PasteDialog vmId={vmId} onText={onText} close={() => setIsAsked(false)} />}
    </>
  )
}

function PasteDialog({ vmId, onText, close }: PasteProps & { readonly close: () => void }) {
  const field = useRef<HTMLTextAreaElement>(null)
  return (
    <Dialog title={`Type a text into ${vmId}`} onClose={close}>
      <form
        class="paste"
        onSubmit={(event) => {
          event.preventDefault()
          const text = field.current?.value ?? ''
          close()
          onText(text)
        }}
      >
        <p>
          The browser does not give the clipboard to a button here. Paste into the field; at the
          screen itself, Ctrl+Shift+V does it at once.
        </p>
        <textarea ref={field} rows={5} aria-label="The text" spellcheck={false} required />
        <div class="row end">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Type it
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** Undefined: the browser does not tell. */
async function clipboardText(): Promise<string | undefined> {
  const clipboard = navigator.clipboard as Clipboard | undefined
  return clipboard?.readText?.().catch(() => undefined)
}
