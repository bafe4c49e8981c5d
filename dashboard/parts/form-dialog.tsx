// A window with a form in it: what is wrong with what was filled in, or was refused, is said below,
// in one place, and nothing that was filled in is lost. Not here: the fields (fields.tsx).

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { connection } from '../cluster.ts'
import { Dialog } from './dialog.tsx'

interface FormDialogProps {
  readonly title: string
  /** On the button that does it. */
  readonly word: string
  readonly children: ComponentChildren
  /** Why it cannot be, or was not, done. */
  submit(): Promise<string | undefined>
  close(): void
}

export function FormDialog({ title, word, children, submit, close }: FormDialogProps) {
  const [refused, setRefused] = useState<string>()
  const isLive = connection.value.is === 'live'
  return (
    <Dialog title={title} onClose={close} wide isForm>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          void submit().then(setRefused)
        }}
      >
        <fieldset class="ways first" disabled={!isLive}>
          <legend class="spoken">What it is to be</legend>
          {children}
        </fieldset>
        {refused !== undefined && (
          <p class="fault refused" role="alert">
            {refused}
          </p>
        )}
        <div class="row end">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!isLive}>
            {word}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
