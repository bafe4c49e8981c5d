// What is expected of persons who try to get to VMs, judged by what came of each try. Pure.
// Not here: the tries (visits.ts), other judges (judges.ts).

import type { ExpectationOf } from '../language/expectations.ts'
import { refusals, type WayToVm } from '../language/persons.ts'
import type { Evidence } from './evidence.ts'
import { broken, held, type Judge, open } from './finding.ts'

type Tried = Extract<Evidence, { kind: 'tried' }>

/** Nobody was let in or kept out by these: the coordinator was away, or has not looked. */
const saysNothing: readonly string[] = ['link-lost', 'too-many-requests', 'timed-out']

const isAbout = (evidence: Evidence, person: string, vm: string): evidence is Tried =>
  evidence.kind === 'tried' && evidence.person === person && evidence.vm === vm

export function reaches({ person, vm, by }: ExpectationOf<'reaches'>): Judge {
  return (evidence) => {
    if (!isAbout(evidence, person, vm) || evidence.way !== by) return undefined
    return evidence.code === undefined ? held('it was open') : open(`refused: ${evidence.code}`)
  }
}

/** Each way was tried, while the VM was there, and none was ever open. */
export function keptOut({ person, vm, by, code }: ExpectationOf<'kept-out'>): Judge {
  const tries = new Map<WayToVm, number>()
  const codes = new Set<string>()
  const allowed: readonly string[] = code === undefined ? refusals : [code]
  return (evidence) => {
    if (evidence.kind === 'closing') {
      const untried = by.filter((way) => !tries.has(way))
      if (untried.length > 0) return broken(`never tried while it was there: ${untried.join(', ')}`)
      const count = [...tries.values()].reduce((sum, more) => sum + more, 0)
      return held(`tried ${count} times, refused each time: ${[...codes].join(', ')}`)
    }
    if (!isAbout(evidence, person, vm) || !by.includes(evidence.way)) return undefined
    const { way, code: refused, isThere } = evidence
    if (refused === undefined) return broken(`got in by way of ${way}`)
    if (!isThere || saysNothing.includes(refused)) return undefined
    if (!allowed.includes(refused)) return broken(`by way of ${way} it was told ${refused}`)
    codes.add(refused)
    tries.set(way, (tries.get(way) ?? 0) + 1)
    return undefined
  }
}
