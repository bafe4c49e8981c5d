// The pages of a VM that runs here already, from a source that answers what nobody has asked, or
// in a way that this end does not read: nothing of it may become the VM's memory.

import { expect, test } from 'vitest'
import { VirtualClock } from '#env/memory.ts'
import { PeerSource } from '#node-agent/migration/peer-source.ts'
import { encodePageFrame, type PageEncoding } from '#proto/page-frame.ts'
import { pageBytes } from '#proto/units.ts'
import { planOf } from './two-ends.ts'

const { offer } = planOf('migrate')

function answering(encoding: PageEncoding, page: number, bytes: Uint8Array) {
  const source = new PeerSource(offer, new VirtualClock(), () => undefined)
  source.open()
  let brought: unknown
  void source.request(Uint32Array.of(5), 'urgent').then((got) => {
    brought = got
  })
  const target = {
    vmId: offer.vms[0]?.vmId ?? ('' as never),
    epoch: offer.vms[0]?.epoch ?? (0 as never),
  }
  const about = { ...target, round: 0, frameNumber: 0, contentSum: 0 }
  const frame = encodePageFrame({ ...about, encoding, pages: Uint32Array.of(page), bytes })
  return { refused: source.receive(frame.subarray(1)), brought: () => brought }
}

test('a page that comes packed is refused, and not taken for a page of zeros', async () => {
  const { refused, brought } = answering('zstd', 5, new Uint8Array(10).fill(1))
  expect(refused?.code).toBe('bad-frame')
  await Promise.resolve()
  expect(brought()).toBeUndefined()
})

test('a page that was not asked for is refused', async () => {
  const { refused, brought } = answering('raw', 6, new Uint8Array(pageBytes).fill(1))
  expect(refused?.code).toBe('bad-frame')
  await Promise.resolve()
  expect(brought()).toBeUndefined()
})

test('what was asked for is taken, with content or without', async () => {
  expect(answering('raw', 5, new Uint8Array(pageBytes).fill(1)).refused).toBeUndefined()
  expect(answering('zero', 5, new Uint8Array(0)).refused).toBeUndefined()
})
