// The way to whichever of several coordinators leads: no change is ever asked for twice.

import { expect, test } from 'vitest'
import { VirtualClock } from '#env/memory.ts'
import { realClock } from '#env/real.ts'
import { fault, faultOf } from '#proto/faults.ts'
import { type ApiWire, away, type WireAnswer } from '#scenarios/api-wire.ts'
import { SeveralWire, wireTo } from '#scenarios/several-wire.ts'
import { pass } from '../coordinator/etcd/passing-time.ts'

type Mood = 'leads' | 'follows' | 'refuses' | 'loses'

class Double implements ApiWire {
  mood: Mood
  /** What it has done. */
  readonly done: string[] = []
  asked = 0

  constructor(mood: Mood) {
    this.mood = mood
  }

  async request(method: string, path: string): Promise<WireAnswer> {
    this.asked++
    if (this.mood === 'follows') return notLeader
    const lost = away(path, 'the test says so')
    if (this.mood === 'refuses') lost.cause = Object.assign(new Error(), { code: 'ECONNREFUSED' })
    if (this.mood === 'refuses') throw lost
    this.done.push(`${method} ${path}`)
    if (this.mood === 'loses') throw lost
    return { isGood: true, status: 200, text: 'good' }
  }

  async open(path: string) {
    if (this.mood !== 'leads') throw away(path, this.mood)
    return { send: () => undefined, close: () => undefined }
  }
}

const notLeader: WireAnswer = {
  ...{ isGood: false, status: 503 },
  text: JSON.stringify({
    ...{ type: 'x', title: 'x', status: 503, detail: 'x' },
    fault: fault('not-leader', 'ask c2'),
  }),
}

function stage(...moods: Mood[]) {
  const clock = new VirtualClock()
  const wires = moods.map((mood) => new Double(mood))
  return { clock, wires, wire: new SeveralWire(wires, clock) }
}

test('a change is done once, by the one that leads, and that one is asked first from then on', async () => {
  const { wires, wire } = stage('follows', 'refuses', 'leads')
  expect((await wire.request('POST', '/v1/vms')).text).toBe('good')
  await wire.request('DELETE', '/v1/vms/a')
  expect(wires.map(({ done }) => done)).toEqual([[], [], ['POST /v1/vms', 'DELETE /v1/vms/a']])
  expect(wires.map(({ asked }) => asked)).toEqual([1, 1, 2])
  await wire.open('/v1/watch', { onText: () => {}, onBytes: () => {}, onClose: () => {} })
})

test('a change whose answer was lost may have been done: nobody else is asked for it', async () => {
  const { wires, wire } = stage('loses', 'leads')
  expect(await wire.request('POST', '/v1/vms').catch(faultOf)).toMatchObject({ code: 'link-lost' })
  expect(wires[1]?.asked).toBe(0)
})

test('a look is asked of the next one', async () => {
  const { wire } = stage('loses', 'leads')
  expect((await wire.request('GET', '/v1/vms')).text).toBe('good')
})

test('while nobody leads it waits for an election, but not for ever', async () => {
  const { clock, wires, wire } = stage('follows', 'follows')
  const elected = wire.request('POST', '/v1/vms')
  await pass(clock, 5000)
  Object.assign(wires[0] as Double, { mood: 'leads' })
  await pass(clock, 500)
  expect((await elected).isGood).toBe(true)
  Object.assign(wires[0] as Double, { mood: 'follows' })
  const never = wire.request('POST', '/v1/vms')
  await pass(clock, 20_000)
  expect(await never).toBe(notLeader)
})

test('where nobody listens, nothing was sent, and that is known', async () => {
  const wire = wireTo(['http://127.0.0.1:9', 'http://127.0.0.1:10'], {
    ...realClock,
    nowMs: () => Number.POSITIVE_INFINITY,
  })
  expect(await wire.request('POST', '/v1/vms').catch(faultOf)).toMatchObject({ code: 'link-lost' })
})
