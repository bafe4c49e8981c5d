// What is said to a person who does not look: answers to their own commands (seen too), and the
// events that matter.

import { useEffect, useRef, useState } from 'preact/hooks'
import { view } from '../cluster.ts'
import { isWorthSaying } from '../cluster-model.ts'
import { notice } from '../commands.ts'
import { Sign } from './sign.tsx'

export function Announcer() {
  return (
    <>
      <Toast />
      <EventSpeaker />
    </>
  )
}

const shownMs = 6_000

function Toast() {
  const now = notice.value
  const [shown, setShown] = useState(0)
  useEffect(() => {
    if (!now) return
    setShown(now.count)
    const timer = setTimeout(() => setShown(0), shownMs)
    return () => clearTimeout(timer)
  }, [now])
  return (
    <div class="toasts" role="status" aria-live="polite">
      {now && shown === now.count && (
        <p class={now.bad ? 'bad' : 'good'}>
          <Sign name={now.bad ? 'bad' : 'on'} /> {now.text}
        </p>
      )}
    </div>
  )
}

/** Says the newest event worth saying; what was there when the page was opened is old. */
function EventSpeaker() {
  const lastSeq = useRef<number | undefined>(undefined)
  const [text, setText] = useState('')
  const events = view.value?.events
  useEffect(() => {
    const newest = events?.at(-1)?.seq ?? 0
    const since = lastSeq.current
    lastSeq.current = newest
    if (since === undefined || !events) return
    const said = events.filter((event) => event.seq > since && isWorthSaying(event))
    if (said.length > 0) setText(said.map((event) => event.text).join(' '))
  }, [events])
  return (
    <p class="spoken" aria-live="polite">
      {text}
    </p>
  )
}
