// The pacing of migrations: one out of a node, one into a node, four in all; what ends makes room,
// in order.

import { expect, test } from 'vitest'
import { migrationsMax, migrationsPerNodeMax } from '#coordinator/core/limits.ts'
import { MigrationQueue } from '#coordinator/migration-queue.ts'
import { asMigrationId, asNodeId, type MigrationId } from '#proto/ids.ts'

const settled = () => new Promise((resolve) => setImmediate(resolve))

function queue() {
  const admitted: MigrationId[] = []
  const limits = { migrationsMax, migrationsPerNodeMax }
  const made = new MigrationQueue((id) => admitted.push(id), limits)
  const add = (id: string, from: string, to: string) =>
    made.add(asMigrationId(id), asNodeId(from), asNodeId(to))
  const end = async (id: string) => {
    made.end(asMigrationId(id))
    await settled()
  }
  return { admitted, add, end }
}

test('one out of each node and one into each node at a time', async () => {
  const { admitted, add, end } = queue()
  add('out1', 'a', 'b')
  add('out2', 'a', 'c')
  add('in2', 'd', 'b')
  add('free', 'b', 'a')
  await settled()
  expect(admitted).toEqual(['out1', 'free'])
  await end('out1')
  expect(admitted).toEqual(['out1', 'free', 'in2', 'out2'])
})

test('four in all', async () => {
  const { admitted, add, end } = queue()
  for (let n = 0; n < 6; n++) add(`m${n}`, `from${n}`, `to${n}`)
  await settled()
  expect(admitted).toHaveLength(migrationsMax)
  await end('m2')
  expect(admitted).toHaveLength(migrationsMax + 1)
})

test('one that ends while it waits is never admitted, and holds nobody up', async () => {
  const { admitted, add, end } = queue()
  add('first', 'a', 'b')
  add('cancelled', 'a', 'b')
  add('last', 'a', 'b')
  await settled()
  await end('cancelled')
  await end('first')
  expect(admitted).toEqual(['first', 'last'])
})

test('a ring of moves does not wait for itself', async () => {
  const { admitted, add, end } = queue()
  const ring = ['a', 'b', 'c']
  ring.forEach((from, n) => {
    add(`${from}1`, from, ring[(n + 1) % 3] ?? '')
    add(`${from}2`, from, ring[(n + 2) % 3] ?? '')
  })
  for (let ended = 0; ended < 6; ended++) {
    await settled()
    expect(admitted.length).toBeGreaterThan(ended)
    await end(admitted[ended] ?? '')
  }
  expect(new Set(admitted).size).toBe(6)
})
