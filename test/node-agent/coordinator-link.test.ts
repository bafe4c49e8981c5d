// An agent's way to the one of several coordinators that leads: each is tried in turn, and one that
// led before another that the agent has heard of is not obeyed. Links in memory, virtual time.

import { expect, test } from 'vitest'
import type { Link } from '#env/env.ts'
import { MemoryLog, MemoryTransport, SeededRandom, VirtualClock } from '#env/memory.ts'
import { fault } from '#proto/faults.ts'
import { asNodeId } from '#proto/ids.ts'
import { AgentMessage, type CoordinatorMessage, type Hello } from '#proto/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { WireChannel } from '#proto/wire.ts'
import { CoordinatorLink } from '../../node-agent/coordinator-link.ts'
import { pass } from '../coordinator/etcd/passing-time.ts'

const limits = { messageBytesMax: 1 << 20 }
const hello: Hello = {
  ...{ t: 'hello', protocolVersion, role: 'agent', token: '', nodeId: asNodeId('n1') },
  ...{ incarnation: 'i', peerAddress: 'ws://n1', pid: 1, vms: [] },
  capacity: { cores: 1, mipsPerCore: 0, memoryMib: 16 },
}
const names = ['c1', 'c2', 'c3'] as const
type Name = (typeof names)[number]

class Stage {
  readonly clock = new VirtualClock()
  readonly #network = new MemoryTransport()
  readonly #links = new Map<Name, Link>()
  /** What each answers to a hello; absent: it does not lead, and lets nobody in. */
  readonly terms = new Map<Name, number>()
  readonly tried: Name[] = []
  readonly hellos: Hello[] = []
  readonly heard: CoordinatorMessage[] = []
  readonly link: CoordinatorLink

  constructor(some: readonly Name[]) {
    for (const name of some)
      void this.#network.listen(`ws://${name}:1`, limits, (link) => this.#greet(name, link))
    this.link = new CoordinatorLink({
      ...{ clock: this.clock, random: new SeededRandom(1), log: new MemoryLog() },
      coordinators: some.map((name) => `ws://${name}:1`),
      connect: async (address) => {
        const name = new URL(address).hostname as Name
        this.tried.push(name)
        if (!this.terms.has(name)) throw new Error('503')
        return this.#network.connect(address, limits, 1000)
      },
      hello: () => hello,
      ...{ up: () => undefined, down: () => undefined, replaced: () => undefined },
      hear: (message) => this.heard.push(message),
    })
    this.link.start()
  }

  say(name: Name, message: CoordinatorMessage): void {
    const link = this.#links.get(name)
    if (!link) throw new Error(`${name} has no link`)
    new WireChannel<AgentMessage, CoordinatorMessage>(link, AgentMessage, {
      ...{ message: () => undefined, closed: () => undefined },
    }).send(message)
  }

  end(name: Name): void {
    this.#links.get(name)?.close('killed')
  }

  #greet(name: Name, link: Link): void {
    this.#links.set(name, link)
    const channel = new WireChannel<AgentMessage, CoordinatorMessage>(link, AgentMessage, {
      message: (message) => {
        if (message.t !== 'hello') return
        this.hellos.push(message)
        const term = this.terms.get(name)
        const clusterId = 'c'
        channel.send({
          ...{ t: 'welcome', protocolVersion, clusterId, leaseMs: 1000, heartbeatMs: 100 },
          ...(term ? { term } : {}),
        })
      },
      closed: () => undefined,
    })
  }
}

test('each is tried at once until one lets it in; after a round it waits', async () => {
  const stage = new Stage(names)
  await pass(stage.clock, 40)
  expect(stage.tried).toEqual(['c1', 'c2', 'c3'])
  expect(stage.link.isUp).toBe(false)
  stage.terms.set('c2', 5)
  await pass(stage.clock, 150)
  expect(stage.tried).toEqual(['c1', 'c2', 'c3', 'c1', 'c2'])
  expect({ isUp: stage.link.isUp, term: stage.link.term }).toEqual({ isUp: true, term: 5 })
})

test('one that led before another it has heard of is not obeyed', async () => {
  const stage = new Stage(names)
  stage.terms.set('c2', 5)
  await pass(stage.clock, 100)
  stage.terms.set('c1', 4)
  stage.terms.delete('c2')
  stage.end('c2')
  await pass(stage.clock, 2000)
  expect(stage.link.isUp).toBe(false)
  expect(stage.hellos.at(-1)?.term).toBe(5)
  stage.terms.set('c3', 6)
  await pass(stage.clock, 1500)
  expect({ isUp: stage.link.isUp, term: stage.link.term }).toEqual({ isUp: true, term: 6 })
  stage.say('c1', { t: 'may-leave', now: true })
  await pass(stage.clock, 100)
  expect(stage.heard).toEqual([])
  stage.say('c3', { t: 'may-leave', now: true })
  await pass(stage.clock, 100)
  expect(stage.heard).toEqual([{ t: 'may-leave', now: true }])
})

test('the same term is obeyed again, and a coordinator without one is not', async () => {
  const stage = new Stage(['c1'])
  stage.terms.set('c1', 5)
  await pass(stage.clock, 100)
  stage.end('c1')
  await pass(stage.clock, 500)
  expect(stage.link.isUp).toBe(true)
  stage.terms.set('c1', 0)
  stage.end('c1')
  await pass(stage.clock, 5000)
  expect(stage.link.isUp).toBe(false)
})

test('the only one there is is tried again and again, and speaks of no term', async () => {
  const stage = new Stage(['c1'])
  await pass(stage.clock, 1000)
  expect(stage.tried.length).toBeGreaterThan(2)
  expect(stage.tried.length).toBeLessThan(12)
  stage.terms.set('c1', 0)
  await pass(stage.clock, 1100)
  expect(stage.link.isUp).toBe(true)
  expect(stage.hellos.at(-1)).toEqual(hello)
})

test('one that knows a later term refuses, and is asked again soon', async () => {
  const stage = new Stage(['c1', 'c2'])
  stage.terms.set('c1', 5)
  await pass(stage.clock, 150)
  stage.say('c1', { t: 'refused', fault: fault('stale-term', 'another leads') })
  stage.terms.set('c2', 7)
  stage.end('c1')
  await pass(stage.clock, 300)
  expect(stage.link.term).toBe(7)
})
