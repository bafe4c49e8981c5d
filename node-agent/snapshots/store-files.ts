// The store's folder: which names its files have, what each is written under before it is whole,
// and the marks by which nodes that share the folder keep out of each other's way. Not here: what
// is in the files (page-store.ts, snapshot-store.ts). Bytes, ms.
//
//   pack.<digest>           pages; never changed
//   snap.<vmId>.<name>      a snapshot; replaced as a whole
//   temp.<random>           one of the two, not whole yet
//   using.<ms>.<random>.<period>     a mark: somebody relies on pages that no snapshot may name
//   clearing.<ms>.<random>.<period>  a mark: somebody removes what no snapshot names
//
// Using and clearing exclude each other, and clearing itself: each makes its mark first and looks
// for the others then. A node that dies leaves its mark behind. While its maker lives it is made
// anew each <period> ms, under another name: who sees the same one for many periods knows that its
// maker is gone, or hangs, by a clock of its own. It takes the mark away, and whoever wakes up and
// has no mark any more neither keeps nor removes anything. A mark that nobody has watched for so
// long counts until the wall clock of its making, in its name, is long over.

import type { Cancel, Clock, Disk, Random } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'

export interface StorePorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
}

type MarkKind = 'using' | 'clearing'
/** Nobody takes or restores a snapshot for so long; clocks of nodes differ by less. */
const staleMarkMs = 10 * 60_000
/** So often a mark is made anew, and so many times that may be missed. */
const periodMs = 10_000
const periodsMissedMax = 6
/** How long a clearing is waited for, and how often it is looked for. */
const waitMsMax = 10_000
const lookMs = 50

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** 32 hex digits that nobody else has. */
export const freshId = (random: Random): string => hex(random.bytes(16))
export const packName = (seal: Uint8Array): string => `pack.${hex(seal.subarray(0, 20))}`
export const isPackName = (name: string): boolean => /^pack\.[0-9a-f]{40}$/.test(name)
export const snapshotName = (vmId: string, name: string): string => `snap.${vmId}.${name}`
export const isSnapshotName = (name: string): boolean => /^snap\.[a-z0-9-]+\.[a-z0-9-]+$/.test(name)

/** Makes a whole file of these bytes under the name, or leaves what was there. */
export function writeWhole({ disk, random }: StorePorts, name: string, bytes: Uint8Array): void {
  const temp = `temp.${freshId(random)}`
  const file = disk.open(temp, 'create')
  try {
    file.write(0, bytes)
    file.flush()
  } finally {
    file.close()
  }
  disk.rename(temp, name)
}

/** All of a file; undefined when there is none. */
export function readWhole({ disk }: StorePorts, name: string): Uint8Array | undefined {
  if (!disk.exists(name)) return undefined
  const file = disk.open(name, 'read')
  try {
    const bytes = new Uint8Array(file.sizeBytes)
    file.read(0, bytes)
    return bytes
  } finally {
    file.close()
  }
}

/** Ends what it stands for. */
export interface Mark {
  (): void
  /** Nobody has taken it away: what it stands for is still so. */
  isHeld(): boolean
}

/** Pages that are in the store stay there until the mark is taken away. */
export async function markUsing(ports: StorePorts): Promise<Mark | { readonly fault: Fault }> {
  const { clock } = ports
  const untilMs = clock.nowMs() + waitMsMax
  for (;;) {
    const mark = keepMark(ports, 'using')
    if (freshMarks(ports, 'clearing').length === 0) return mark
    mark()
    if (clock.nowMs() >= untilMs) return beingCleared
    await sleep(clock, lookMs)
  }
}

/**
 * Nobody else may begin to use the store; a fault when somebody does already. Of several that clear
 * each waits for the others: they would read what another one takes away.
 */
export async function markClearing(ports: StorePorts): Promise<Mark | { readonly fault: Fault }> {
  const { clock, random } = ports
  const untilMs = clock.nowMs() + waitMsMax
  for (;;) {
    const mark = keepMark(ports, 'clearing')
    const isUsed = freshMarks(ports, 'using').length > 0
    if (!isUsed && freshMarks(ports, 'clearing').length === 1) return mark
    mark()
    const why = 'a snapshot is being taken or restored somewhere: try again when that has ended'
    if (isUsed) return { fault: fault('wrong-state', why) }
    if (clock.nowMs() >= untilMs) return beingCleared
    // By chance, or two that have seen each other would do so again.
    await sleep(clock, lookMs * (1 + random.float()))
  }
}

const beingCleared = {
  fault: fault('timed-out', 'the snapshot store is being cleared: try again later'),
}

/** Made anew while it is wanted: but not one that was taken away. */
function keepMark(ports: StorePorts, kind: MarkKind): Mark {
  const { clock, disk } = ports
  let name = makeMark(ports, kind)
  const renewLater = (): Cancel => clock.wakeAt(clock.nowMs() + periodMs, renew)
  const renew = () => {
    if (!disk.exists(name)) return
    cancel = renewLater()
    try {
      const fresh = makeMark(ports, kind)
      disk.remove(name)
      name = fresh
    } catch {
      // A store that is full or away for the moment: the old one counts for a while still.
    }
  }
  let cancel = renewLater()
  const end = () => {
    cancel()
    disk.remove(name)
  }
  return Object.assign(end, { isHeld: () => disk.exists(name) })
}

function makeMark({ disk, clock, random }: StorePorts, kind: MarkKind): string {
  const madeMs = String(Math.floor(clock.wallMs()))
  const name = `${kind}.${madeMs}.${freshId(random)}.${periodMs}`
  const file = disk.open(name, 'create')
  try {
    // Releases before this one look for it in the file.
    file.write(0, new TextEncoder().encode(madeMs))
  } catch (thrown) {
    disk.remove(name)
    throw thrown
  } finally {
    file.close()
  }
  return name
}

/** Those that count. What counts no more goes at once: its maker is to know, should it wake. */
function freshMarks(ports: StorePorts, kind: MarkKind): string[] {
  const all = ports.disk.list()
  const names = all.filter((name) => name.startsWith(`${kind}.`))
  invariant(names.length < 100_000, 'marks are taken away')
  const seen = seenAgain(ports, all)
  const isDead = (name: string) => isSilent(ports, name, seen) || isStale(ports, name)
  const dead = new Set(names.filter(isDead))
  for (const name of dead) ports.disk.remove(name)
  return names.filter((name) => !dead.has(name))
}

/** When each mark was seen first, in monotonic ms: by the clock of whoever looks. */
const seenBy = new WeakMap<Clock, Map<string, number>>()

/** Of those that are there now. */
function seenAgain({ clock }: StorePorts, names: readonly string[]): Map<string, number> {
  const before = seenBy.get(clock)
  const marks = names.filter((name) => /^(using|clearing)\./.test(name))
  const seen = new Map(marks.map((name) => [name, before?.get(name) ?? clock.nowMs()]))
  seenBy.set(clock, seen)
  return seen
}

/** Of a release before this one nothing says how often it is made anew. */
function isSilent({ clock }: StorePorts, name: string, seen: Map<string, number>): boolean {
  const [, period] = /^[a-z]+\.\d+\.[0-9a-f]+\.(\d+)$/.exec(name) ?? []
  const silentMs = clock.nowMs() - (seen.get(name) ?? clock.nowMs())
  return period !== undefined && silentMs > periodsMissedMax * Number(period)
}

/** Of writers that died: to be called by whoever clears the store. */
export function removeLeftovers({ disk }: StorePorts): void {
  for (const name of disk.list()) if (name.startsWith('temp.')) disk.remove(name)
}

/** One that says nothing of when it was made was made just now. */
function isStale(ports: StorePorts, name: string): boolean {
  const [, inName] = /^[a-z]+\.(\d+)\./.exec(name) ?? []
  const text = inName ?? new TextDecoder().decode(readWhole(ports, name) ?? new Uint8Array(0))
  const madeMs = Number(text)
  if (text === '' || !Number.isFinite(madeMs)) return false
  return Math.abs(ports.clock.wallMs() - madeMs) > staleMarkMs
}
