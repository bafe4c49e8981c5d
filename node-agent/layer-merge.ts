// Writes one layer that holds what several hold together: of each block what the newest of them
// has, and nothing where none has it, so that it shows what they show whatever lies below. They
// are sealed and never change; the new one is whole when this resolves, and is gone again when it
// rejects. Whoever dies in the middle leaves half a file, which nobody names: it is swept.
// Not here: who asks for it and what comes of it (coordinator/core/layer-merges.ts), who stops it
// (layer-work.ts). Bytes; blocks of 4,096 bytes; ms.

import { blockBytes, DiskLayer, DiskLayerError } from '#engine/devices/disk-layer.ts'
import { SealedDisk } from '#engine/devices/sealed-disk.ts'
import type { Clock, Disk } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { MergeLayers } from '#proto/messages.ts'
import { breathe } from './migration/breath.ts'

export type LayersToMerge = Pick<MergeLayers, 'sizeBytes' | 'layers' | 'into'>

export interface MergePorts {
  readonly store: Disk
  readonly clock: Clock
  /** Asked whenever it has waited. */
  isWanted(): boolean
}

/** As much as is read and written in a breath: 256 KiB. */
const blocksPerWrite = 64
/** So much is written before it is made durable: a longer flush would keep the agent busy. */
const unflushedBlocksMax = 1024
/** Looking costs little, but a disk of 16 GiB has four million blocks. */
const emptyBlocksPerBreath = 16_384
/**
 * 32 MiB/s: nobody waits for it, and the guests, whose disks are in the same store, shall not
 * either.
 */
const blocksPerMs = 8

/** @returns how many blocks the new layer holds. Throws FaultErrors. */
export async function mergeLayers(order: LayersToMerge, ports: MergePorts): Promise<number> {
  const { store } = ports
  const { sizeBytes, layers, into } = order
  let from: SealedDisk | undefined
  let merged: DiskLayer | undefined
  let hasBegun = false
  try {
    from = SealedDisk.open(store, sizeBytes, layers)
    // What a process that died has left under this name is no part of it.
    if (store.exists(into)) store.remove(into)
    hasBegun = true
    merged = DiskLayer.openTop(store, into, sizeBytes, 0)
    const blocks = await copy(from, merged, sizeBytes, ports)
    merged.flush()
    return blocks
  } catch (thrown) {
    if (hasBegun) removeQuietly(store, into)
    throw asFault(thrown)
  } finally {
    from?.close()
    merged?.close()
  }
}

async function copy(
  from: SealedDisk,
  into: DiskLayer,
  sizeBytes: number,
  ports: MergePorts,
): Promise<number> {
  const blocks = Math.ceil(sizeBytes / blockBytes)
  const room = new Uint8Array(blocksPerWrite * blockBytes)
  let [written, unflushed] = [0, 0]
  for (let block = 0; block < blocks; ) {
    const held = from.heldFrom(block, Math.min(blocksPerWrite, blocks - block))
    if (held > 0) {
      write(from, into, { block, held, room, sizeBytes })
      written += held
      unflushed += held
      await pause(held / blocksPerMs, ports)
    } else if (block % emptyBlocksPerBreath === 0) await breathe()
    if (unflushed >= unflushedBlocksMax) {
      into.flush()
      unflushed = 0
    }
    block += Math.max(1, held)
  }
  return written
}

interface Part {
  readonly block: number
  readonly held: number
  readonly room: Uint8Array
  readonly sizeBytes: number
}

function write(from: SealedDisk, into: DiskLayer, { block, held, room, sizeBytes }: Part): void {
  for (let at = 0; at < held; at++)
    from.readBlock(block + at, room.subarray(at * blockBytes, (at + 1) * blockBytes))
  const offset = block * blockBytes
  // The last block of a disk may be a part of one.
  into.write(offset, room.subarray(0, Math.min(held * blockBytes, sizeBytes - offset)))
}

async function pause(ms: number, { clock, isWanted }: MergePorts): Promise<void> {
  await sleep(clock, ms)
  if (!isWanted()) throw new FaultError(notWanted)
}

const notWanted = fault('cancelled', 'nobody waits for the merge of layers any more: ask again')

function removeQuietly(store: Disk, name: string): void {
  try {
    store.remove(name)
  } catch {
    // Why the merge ended is to be told. Nobody names the file: it is swept.
  }
}

/** All that is done here is done to files: what else is thrown comes from them. */
function asFault(thrown: unknown): unknown {
  if (thrown instanceof FaultError || !(thrown instanceof Error)) return thrown
  if (!(thrown instanceof DiskLayerError) && 'fault' in thrown) return thrown
  return new FaultError(
    fault('disk-failed', `the store failed a merge of layers: ${thrown.message}`),
  )
}
