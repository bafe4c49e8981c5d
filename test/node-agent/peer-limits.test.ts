// What two nodes may say to each other fits through the link that they say it over, also of the
// largest VM and of as many clones as one order may ask for.

import { afterEach, expect, test } from 'vitest'
import type { Link, Listener } from '#env/env.ts'
import { realTransport } from '#env/real.ts'
import { limits } from '#node-agent/agent-limits.ts'
import { asMigrationId } from '#proto/ids.ts'
import { DestinationMessage, SourceMessage } from '#proto/messages.ts'
import { decodeControl, encodeControl } from '#proto/wire.ts'
import { vmOrder } from './coordinator-double.ts'
import { planOf } from './migration/two-ends.ts'

let listener: Listener | undefined
afterEach(() => listener?.close())

/** What comes out at the other end, or why nothing does. */
async function across(message: { readonly t: string }): Promise<Uint8Array | string> {
  const came = Promise.withResolvers<Uint8Array | string>()
  listener = await realTransport.listen('ws://127.0.0.1:0', limits, (link: Link) => {
    link.onMessage(came.resolve)
    link.onClose(({ reason }) => came.resolve(reason))
  })
  const link = await realTransport.connect(listener.address, limits, 1000)
  link.onClose(({ reason }) => came.resolve(reason))
  link.send(encodeControl(message))
  return came.promise
}

test('that a node lacks all pages that were named of a VM of 3 GiB', async () => {
  const lacking = new Uint8Array(4 * 3072 * 256)
  const about = { t: 'round-applied', migrationId: asMigrationId('m1'), round: 0 } as const
  const came = await across({ ...about, lacking } as DestinationMessage)
  expect(came).toBeInstanceOf(Uint8Array)
  if (came instanceof Uint8Array)
    expect(decodeControl(came, DestinationMessage)).not.toHaveProperty('fault')
})

test('256 clones whose disks have as many layers as a disk may have', async () => {
  const layers = Array.from({ length: 63 }, (_, n) => `${'parent'.repeat(10)}.${n + 100_000}.disk`)
  const vms = Array.from({ length: 256 }, (_, n) => ({
    ...vmOrder(`clone-${n}`, 3, { memoryMib: 8 }),
    disk: { sizeBytes: 1 << 20, layers: [...layers, `clone-${n}.1.disk`] },
  }))
  const came = await across({ ...planOf('clone').offer, vms } as SourceMessage)
  expect(came).toBeInstanceOf(Uint8Array)
  if (came instanceof Uint8Array)
    expect(decodeControl(came, SourceMessage)).not.toHaveProperty('fault')
})
