// All events that the coordinator still knows, kept while somebody reads them: asked for once, then
// grown by what each view of the cluster brings. Not here: which are shown (story-model.ts).

import { effect, signal } from '@preact/signals'
import { z } from 'zod'
import { EventView } from '#proto/api.ts'
import { ask, isRefused } from './asking.ts'
import { view } from './cluster.ts'
import { route } from './route.ts'
import { hasGap, joined } from './story-model.ts'

export const story = signal<readonly EventView[]>([])

/** A page that is open for days does not grow for ever. */
const keptMax = 20_000

/** For as long as the page lives. */
export function watchStory(): void {
  let isAsking = false
  const askAll = async () => {
    isAsking = true
    const answer = await ask(z.array(EventView), 'GET', 'v1/events?after=0')
    if (!isRefused(answer)) take(answer.value)
    isAsking = false
  }
  effect(() => {
    if (route.value.is !== 'events') return
    const now = view.value?.events ?? []
    if (now.length === 0 || isAsking) return
    if (hasGap(story.peek(), now)) void askAll()
    else take(now.filter(({ seq }) => seq > (story.peek().at(-1)?.seq ?? 0)))
  })
}

function take(events: readonly EventView[]): void {
  if (events.length > 0) story.value = joined(story.peek(), events).slice(-keptMax)
}
