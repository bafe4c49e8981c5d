// An order of starts that goes round in a circle: no VM of it could ever start, and the cluster
// refuses the one that closes it. Found here so that it is said before anything runs, where it is
// written. A VM's own `after` comes before its group's. Not here: what steps say later, and VMs
// that start later, for orders may have changed by then.

import { groupNamed } from '#proto/ha.ts'
import type { Scenario } from '../schema.ts'
import { namesOfMany } from './many.ts'
import type { Finding } from './unknown-name.ts'
import type { YamlPath } from './yaml-text.ts'

/** A VM that starts only after another one, and where that is written. */
interface Wait {
  readonly first: string
  readonly path: YamlPath
}
type Waits = ReadonlyMap<string, readonly Wait[]>

export function findingsOfOrder(scenario: Scenario): Finding[] {
  const waits = waitsOf(scenario)
  const told = new Set<string>()
  return [...waits.keys()].flatMap((id) => {
    const circle = circleFrom(waits, id)
    if (!circle || told.has(id)) return []
    for (const { first } of circle) told.add(first)
    const text = [id, ...circle.map(({ first }) => first)].map((name) => `\`${name}\``)
    const message = `none of them would ever start: ${text.join(' after ')}`
    return [{ path: circle[0]?.path ?? [], message }]
  })
}

function waitsOf({ vms, groups }: Scenario): Waits {
  const groupOf = (id: string) => groups.findIndex((group) => group.vms.includes(id))
  const members = (name: string) => {
    const group = groupNamed(name)
    return groups.find((one) => one.name === group)?.vms ?? (group === undefined ? [name] : [])
  }
  const named = (after: readonly string[], path: YamlPath): Wait[] =>
    after.flatMap((name, i) =>
      members(name).map((first) => ({ first, path: [...path, 'policy', 'after', i] })),
    )
  const of = (id: string, own: readonly string[] | undefined, path: YamlPath): Wait[] => {
    const group = groups[groupOf(id)]
    if (own || !group) return named(own ?? [], path)
    return named(group.policy?.after ?? [], ['groups', groupOf(id)])
  }
  const began = vms.flatMap((vm, i) => (vm.start === 'later' ? [] : [{ vm, path: ['vms', i] }]))
  return new Map(
    began.flatMap(({ vm, path }) =>
      namesOfMany(vm).map((id) => [id, of(id, vm.policy?.after, path)] as const),
    ),
  )
}

/** The shortest way from it to itself. */
function circleFrom(waits: Waits, id: string): Wait[] | undefined {
  const seen = new Set<string>()
  let ways: Wait[][] = (waits.get(id) ?? []).map((wait) => [wait])
  while (ways.length > 0) {
    const round = ways.find((way) => way.at(-1)?.first === id)
    if (round) return round
    ways = ways.flatMap((way) => {
      const last = way.at(-1)?.first ?? ''
      if (seen.has(last)) return []
      seen.add(last)
      return (waits.get(last) ?? []).map((wait) => [...way, wait])
    })
  }
  return undefined
}
