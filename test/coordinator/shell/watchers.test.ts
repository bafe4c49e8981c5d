// Watchers that do not read: left out until they have caught up, and dropped when they never do.
// On a coordinator in virtual time, without sockets.

import { expect, test } from 'vitest'
import { ConsoleHub } from '#coordinator/console/console-hub.ts'
import { Coordinator } from '#coordinator/coordinator.ts'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { ScreenHub } from '#coordinator/screen/screen-hub.ts'
import { ClientStreams, routeOf, type StreamEnd } from '#coordinator/shell/client-streams.ts'
import { MemoryLog, SeededRandom, VirtualClock } from '#env/memory.ts'
import type { ClusterView } from '#proto/api.ts'
import { SimStore } from '#scenarios/sim/sim-coordinator.ts'

class Watcher implements StreamEnd {
  bufferedBytes = 0
  isDropped = false
  readonly views: ClusterView[] = []
  #close: () => void = () => undefined

  get lastEvent(): string | undefined {
    return this.views.at(-1)?.events.at(-1)?.text
  }
  text(text: string): void {
    this.views.push(JSON.parse(text))
  }
  drop(): void {
    this.isDropped = true
    this.#close()
  }
  onClose(fn: () => void): void {
    this.#close = fn
  }
  bytes(): void {}
  close(): void {}
  onBytes(): void {}
}

function watched() {
  const clock = new VirtualClock()
  const ports = { clock, random: new SeededRandom(1), log: new MemoryLog(), store: new SimStore() }
  const coordinator = new Coordinator(ports, defaultSettings, 'test')
  coordinator.start()
  const consoles = new ConsoleHub(coordinator, clock)
  const screens = new ScreenHub(coordinator, clock)
  const streams = new ClientStreams({ coordinator, consoles, screens, clock })
  const [slow, quick] = [new Watcher(), new Watcher()]
  const route = routeOf(new URL('http://coordinator/v1/watch'), coordinator)
  for (const watcher of [slow, quick]) streams.open(route, watcher)
  const happens = (text: string) => void coordinator.ask({ do: 'note', text })
  return { clock, slow, quick, happens }
}

test('one that has caught up is shown what is, also when nothing happens any more', () => {
  const { clock, slow, quick, happens } = watched()
  slow.bufferedBytes = 5 << 20
  happens('the last of it')
  clock.advance(1000)
  expect([quick.lastEvent, slow.views.length]).toEqual(['the last of it', 1])
  slow.bufferedBytes = 0
  clock.advance(1000)
  expect(slow.lastEvent).toBe('the last of it')
  const sent = [slow, quick].map(({ views }) => views.length)
  clock.advance(1000)
  expect([slow, quick].map(({ views }) => views.length)).toEqual(sent)
  expect(quick.views.length).toBe(2)
})

test('one that never catches up is dropped, also when nothing happens any more', () => {
  const { clock, slow, quick, happens } = watched()
  slow.bufferedBytes = 5 << 20
  happens('the last of it')
  clock.advance(59_000)
  expect(slow.isDropped).toBe(false)
  clock.advance(3000)
  expect([slow.isDropped, quick.isDropped]).toEqual([true, false])
})
