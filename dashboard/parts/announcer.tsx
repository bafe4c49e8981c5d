// What is said to a person who does not look: answers to their own commands (seen too), and the
// events that matter.

import { useEffect, useRef, useState } from 'preact/hooks'
import { picture, view } from '../cluster.ts'
import { isWorthSaying, outcomeText } from '../cluster-model.ts'
import { notice, ownMigrations, tell } from '../commands.ts'
import { Sign } from './sign.tsx'

export function Announcer() {
  return (
    <>
      <Toast />
      <OwnEnds />
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

/** Tells how migrations ended that were asked for here. */
function OwnEnds() {
  const own = ownMigrations.value
  const ended = picture.value?.ended
  useEffect(() => {
    const now = ended?.filter(({ id }) => own.has(id)) ?? []
    if (now.length === 0) return
    const left = new Set(own)
    for (const { id } of now) left.delete(id)
    ownMigrations.value = left
    for (const migration of now) tell(outcomeText(migration), migration.phase !== 'done')
  }, [own, ended])
  return null
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
