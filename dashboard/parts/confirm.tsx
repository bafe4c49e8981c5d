// Asks whether something is meant, and says what will happen. What destroys something has the
// focus on the way out.

import { useEffect, useRef } from 'preact/hooks'
import { connection } from '../cluster.ts'
import { type Question, question } from '../questions.ts'
import { Dialog } from './dialog.tsx'
import { useEnded } from './gone.ts'

export function Confirm() {
  const asked = question.value
  useEnded(asked?.ended?.(), close)
  return asked ? <Asked key={asked.title} {...asked} /> : null
}

const close = () => {
  question.value = undefined
}

function Asked({ title, text, word, isGrave, run }: Question) {
  const first = useRef<HTMLButtonElement>(null)
  useEffect(() => first.current?.focus(), [])
  return (
    <Dialog title={title} onClose={close}>
      <p>{text}</p>
      <div class="row end">
        <button type="button" ref={isGrave ? first : null} onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          ref={isGrave ? null : first}
          class={isGrave ? 'grave' : 'primary'}
          disabled={connection.value.is !== 'live'}
          onClick={() => {
            close()
            run()
          }}
        >
          {word}
        </button>
      </div>
    </Dialog>
  )
}
