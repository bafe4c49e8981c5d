// What a schema cannot see of racks and links: that their names are declared and mean one thing,
// and that a link has two different ends. Not here: all other names (references.ts).

import type { Scenario } from '../schema.ts'
import { coordinatorEnd, type LinkPart, roadsOf } from './links.ts'
import { namesOfMany } from './many.ts'
import type { Step } from './timeline.ts'
import { type Finding, unknown } from './unknown-name.ts'
import type { YamlPath } from './yaml-text.ts'

export function findingsOfPlaces({ cluster }: Scenario): Finding[] {
  const ids = cluster.nodes.flatMap(namesOfMany)
  const path = ['cluster', 'racks']
  const home = new Map<string, string>()
  const found = Object.entries(cluster.racks).flatMap(([rack, nodes]) => {
    const isTaken = rack === coordinatorEnd || ids.includes(rack)
    const taken = `\`${rack}\` is no name for a rack: something else is called so`
    return [
      ...(isTaken ? [{ path: [...path, rack], message: taken }] : []),
      ...nodes.flatMap((id, i) => {
        const other = home.get(id)
        home.set(id, rack)
        const where = [...path, rack, i]
        if (other === undefined) return unknown('node', where, id, ids)
        return [{ path: where, message: `node \`${id}\` is in rack \`${other}\` already` }]
      }),
    ]
  })
  const links = cluster.links.flatMap((link, i) =>
    findingsOfEnds(cluster, ['cluster', 'links', i], link),
  )
  return [...found, ...links]
}

export function findingsOfLinkStep({ cluster }: Scenario, step: Step, path: YamlPath): Finding[] {
  if ('rack' in step)
    return unknown('rack', [...path, 'rack'], step.rack, Object.keys(cluster.racks))
  return 'one-way' in step ? findingsOfEnds(cluster, path, step) : []
}

function findingsOfEnds(
  { nodes: parts, racks }: Scenario['cluster'],
  path: YamlPath,
  ends: Pick<LinkPart, 'from' | 'to' | 'one-way'>,
): Finding[] {
  const nodes = parts.flatMap(namesOfMany).map((id) => ({ id }))
  const known = [...nodes.map(({ id }) => id), ...Object.keys(racks), coordinatorEnd]
  const found = [
    ...unknown('end of a link', [...path, 'from'], ends.from, known),
    ...unknown('end of a link', [...path, 'to'], ends.to, known),
  ]
  if (found.length > 0 || roadsOf(ends, { nodes, racks }).length > 0) return found
  return [{ path: [...path, 'to'], message: 'a link has two different ends' }]
}
