// One question at a time over a link: its answer, or why none came.

import { expect, test } from 'vitest'
import { VirtualClock } from '#env/memory.ts'
import { Answers } from '#node-agent/replication/answers.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { faultOfPromise } from './ends.ts'

type Word = { readonly t: 'yes' | 'no'; readonly n?: number }

function asked() {
  const clock = new VirtualClock()
  const failed: Fault[] = []
  return { clock, failed, answers: new Answers<Word>(clock, (why) => failed.push(why)) }
}

test('an answer is who asked’s', async () => {
  const { answers, clock, failed } = asked()
  const answer = answers.next('yes', 100)
  answers.hear({ t: 'yes', n: 4 })
  expect(await answer).toEqual({ t: 'yes', n: 4 })
  clock.advance(1000)
  expect(failed).toEqual([])
})

test('what comes too late, or is another answer, is an end with a name', async () => {
  const { answers, clock, failed } = asked()
  const late = faultOfPromise(answers.next('yes', 100))
  clock.advance(100)
  expect(await late).toMatchObject({ code: 'timed-out' })
  const other = faultOfPromise(answers.next('yes', 100))
  answers.hear({ t: 'no' })
  expect(await other).toMatchObject({ code: 'bad-message' })
  expect(failed).toEqual([])
  answers.hear({ t: 'yes' })
  expect(failed).toMatchObject([{ code: 'bad-message' }])
})

test('a link that ends between two questions ends what they belong to', () => {
  const { answers, failed } = asked()
  answers.fail(fault('link-lost', 'cut'))
  expect(failed).toMatchObject([{ code: 'link-lost' }])
})

test('a link that ends ends the question, which no one need be waiting for', async () => {
  const { answers, failed } = asked()
  const answer = answers.next('yes', 100)
  answers.fail(fault('link-lost', 'cut'))
  await Promise.resolve()
  expect(await faultOfPromise(answer)).toMatchObject({ code: 'link-lost' })
  expect(failed).toEqual([])
})
