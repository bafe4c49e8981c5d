// How a migration will go, from what its VM and the links were seen to do: the links' book, and a
// forecast for a VM, a destination and the operator's wishes. How it is reckoned: proto/pre-copy/.
// Not here: who is told (api-commands.ts, views.ts). Bytes, ms, pages of 4,096 bytes.

import type { z } from 'zod'
import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import { MigrationParams, type MigrationRecord } from '#proto/messages.ts'
import { type Forecast, forecast, type LinkSeen, linkUnknown } from '#proto/pre-copy/forecast.ts'
import { pageBytes, pagesPerMebibyte } from '#proto/units.ts'
import type { ClusterState, Migration, Vm } from './cluster-state.ts'

/** The latest migration counts so much. */
const weight = 0.5
/** A round with less content tells of the scheduler. */
const tellingBytes = 1 << 20
const spreadMin = 0.15
const spreadMax = 1

const linkName = (from: NodeId, to: NodeId): string => `${from}>${to}`

/** What a migration that has ended well tells of its link. */
export function learnLink(state: ClusterState, migration: Migration, record: MigrationRecord) {
  const { from, to, params } = migration
  const measured = measuredOf(record)
  // A limit says nothing about the link, a clone on its own node crosses none.
  if (measured === undefined || params.bandwidthBytesPerSecMax > 0 || from === to) return
  const name = linkName(from, to)
  const before = state.links.get(name)
  state.links.set(name, before ? blend(before, measured) : { ...measured, spread: 0.5 })
}

type Measured = Omit<LinkSeen, 'spread'>

function blend({ bytesPerMs, spread, switchoverMs }: LinkSeen, measured: Measured): LinkSeen {
  const off = Math.max(measured.bytesPerMs / bytesPerMs, bytesPerMs / measured.bytesPerMs) - 1
  const next = spread + weight * (off - spread)
  return {
    bytesPerMs: bytesPerMs + weight * (measured.bytesPerMs - bytesPerMs),
    switchoverMs: switchoverMs + weight * (measured.switchoverMs - switchoverMs),
    spread: Math.min(spreadMax, Math.max(spreadMin, next)),
  }
}

/** Content of its pages per ms, however they travelled; and what the pause cost besides them. */
function measuredOf({ rounds, downtimeMs }: MigrationRecord): Measured | undefined {
  let [bytes, ms] = [0, 0]
  for (const { pages, zeroPages, ms: took } of rounds) {
    const content = (pages - zeroPages) * pageBytes
    if (content < tellingBytes) continue
    bytes += content
    ms += took
  }
  const switchoverMs = Math.max(1, downtimeMs - (rounds.at(-1)?.ms ?? 0))
  return ms > 0 ? { bytesPerMs: bytes / ms, switchoverMs } : undefined
}

/** Of this link; else of all that are known; else a guess with wide bars. */
function linkSeen(state: ClusterState, from: NodeId, to: NodeId): LinkSeen {
  const own = state.links.get(linkName(from, to))
  if (own) return own
  const all = [...state.links.values()]
  if (all.length === 0) return linkUnknown
  const mean = (of: (seen: LinkSeen) => number) =>
    all.reduce((sum, seen) => sum + of(seen), 0) / all.length
  return {
    bytesPerMs: mean(({ bytesPerMs }) => bytesPerMs),
    spread: spreadMax / 2,
    switchoverMs: mean(({ switchoverMs }) => switchoverMs),
  }
}

/** undefined: nothing is known of the VM's writing yet. */
export function forecastOf(
  state: ClusterState,
  vm: Vm,
  to: NodeId,
  wishes: z.input<typeof MigrationParams> | undefined,
): Forecast | undefined {
  const { load } = vm.live
  if (!load?.dirtyCurve || vm.nodeId === undefined) return undefined
  const pageCount = vm.spec.memoryMib * pagesPerMebibyte
  return forecast({
    curve: load.dirtyCurve,
    contentPages: Math.min(pageCount, Math.ceil(load.touchedBytes / pageBytes)),
    link: linkSeen(state, vm.nodeId, to),
    params: MigrationParams.parse(wishes ?? {}),
    percent: vm.spec.cpuCapPercent ?? 100,
  })
}

/** Why not to begin at all. */
export function hopeless(vm: Vm, { rounds, bytes }: Forecast): Fault {
  const megabytes = Math.round(bytes.expected / 1e6)
  return fault(
    'not-converging',
    `${vm.id} writes faster than its pages could be sent: after ${rounds.expected} rounds and ` +
      `${megabytes} MB it would be given up. Slow it down meanwhile (throttle), ` +
      'let it run there before its pages have come (post-copy), allow a longer downtime, or try ' +
      'all the same (force).',
  )
}
