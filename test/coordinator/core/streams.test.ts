// How many links a migration takes is told to agents that know of it, and kept from older ones,
// which would refuse the word; the migration goes as it can.

import { expect, test } from 'vitest'
import { Story } from './story.ts'

function orderTo(protocolVersion: number) {
  const story = new Story()
  story.speaks = protocolVersion
  story.join('n1', 'n2')
  story.run('a')
  story.result('n1', 'run1-1')
  story.migrate('a', 'n2', { streams: 4, roundsMax: 7 })
  story.admit('m2')
  return story.sent.find((message) => message.t === 'migrate')
}

test('an agent of today hears of it', () => {
  expect(orderTo(4)?.params).toMatchObject({ streams: 4, roundsMax: 7 })
})

test('an older one hears everything else', () => {
  const params = orderTo(3)?.params
  expect(params).toMatchObject({ roundsMax: 7 })
  expect(params).not.toHaveProperty('streams')
})
