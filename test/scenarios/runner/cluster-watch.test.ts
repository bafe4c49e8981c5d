// Views as one stream: each once, in order, and with the events that came between two of them.

import { expect, test } from 'vitest'
import type { ClusterView, EventView } from '#proto/api.ts'
import type { ApiClient, WatchHandlers } from '#scenarios/api-client.ts'
import { ClusterWatch } from '#scenarios/runner/cluster-watch.ts'

const event = (seq: number): EventView => ({
  seq,
  wallMs: 0,
  atMs: 0,
  kind: 'vm-unprotected',
  text: `${seq}`,
})
const events = (first: number, last: number): EventView[] =>
  Array.from({ length: last - first + 1 }, (_, at) => event(first + at))
const view = (first: number, last: number) => ({ events: events(first, last) }) as ClusterView

/** A coordinator that has told events 1 to 30, and whose views hold the last five. */
class Coordinator {
  handlers: WatchHandlers | undefined
  readonly asked: number[] = []
  answer: (after: number) => Promise<EventView[]> = async (after) => events(after + 1, 30)
  readonly api = {
    watch: async (handlers: WatchHandlers) => {
      this.handlers = handlers
      return { close: () => undefined }
    },
    events: (after = 0) => {
      this.asked.push(after)
      return this.answer(after)
    },
  } as unknown as ApiClient

  show(first: number, last: number): void {
    this.handlers?.onView(view(first, last))
  }
}

const clock = { nowMs: () => 0, wallMs: () => 0, wakeAt: () => () => undefined }
const turn = () => new Promise((resolve) => setImmediate(resolve))

function watched() {
  const coordinator = new Coordinator()
  const told: string[] = []
  const onView = (seen: ClusterView) => told.push(seen.events.map(({ seq }) => seq).join(' '))
  const watch = new ClusterWatch(coordinator.api, clock, onView)
  return { coordinator, told, watch }
}

test('views that follow each other are passed on as they come, and nothing is asked', () => {
  const { coordinator, told } = watched()
  coordinator.show(1, 5)
  coordinator.show(3, 7)
  coordinator.show(8, 9)
  expect(told).toEqual(['1 2 3 4 5', '3 4 5 6 7', '8 9'])
  expect(coordinator.asked).toEqual([])
})

test('events between two views are fetched, and views behind wait for them', async () => {
  const { coordinator, told } = watched()
  coordinator.show(1, 5)
  coordinator.show(9, 10)
  coordinator.show(10, 11)
  expect(told).toEqual(['1 2 3 4 5'])
  await turn()
  expect(told).toEqual(['1 2 3 4 5', '6 7 8 9 10', '10 11'])
  expect(coordinator.asked).toEqual([5])
})

test('a coordinator that has gone meanwhile, or counts anew, holds nothing up', async () => {
  const { coordinator, told } = watched()
  coordinator.answer = () => Promise.reject(new Error('it is gone'))
  coordinator.show(1, 5)
  coordinator.show(9, 10)
  await turn()
  coordinator.show(1, 2)
  expect(told).toEqual(['1 2 3 4 5', '9 10', '1 2'])
})

test('what is fetched after the watch has ended is told nobody', async () => {
  const { coordinator, told, watch } = watched()
  coordinator.show(1, 5)
  coordinator.show(9, 10)
  watch.close()
  await turn()
  expect(told).toEqual(['1 2 3 4 5'])
})
