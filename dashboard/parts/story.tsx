// What happened, the newest first.
// Not here: what a screen reader is told of it unasked (announcer.tsx).

import type { EventView } from '#proto/api.ts'
import { toneOf } from '../cluster-model.ts'
import { momentText } from '../moment-text.ts'
import { hashOf } from '../route.ts'
import { useHeld } from './held.ts'
import { once } from './once.tsx'
import { Sign, toneSigns } from './sign.tsx'

/** More are among all events, and in `godwit events`. */
const linesMax = 60

export const Story = once(function Story({ events }: { events: readonly EventView[] }) {
  const { shown, waiting, handlers } = useHeld(events)
  return (
    <section class="card story" aria-labelledby="story" {...handlers}>
      <header>
        <h2 id="story">What happened</h2>
        <p>
          {waiting > 0 && `${waiting} new, `}
          <a href={hashOf({ is: 'events', filter: {} })}>all events</a>
        </p>
      </header>
      {events.length === 0 && <p class="empty">Nothing yet.</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keyboard too */}
      <ol tabIndex={0} aria-label="Events, the newest first">
        {shown.slice(0, linesMax).map((event) => (
          <li key={event.seq} class={toneOf(event)}>
            <time dateTime={new Date(event.wallMs).toISOString()}>{momentText(event.wallMs)}</time>
            <Sign name={toneSigns[toneOf(event)]} />
            <span>{event.text}</span>
          </li>
        ))}
      </ol>
    </section>
  )
})
