// Whether a machine can go on on this node, before the first page: what it has is compared with
// what a machine of the same spec has here. Pure. Every difference is in the refusal, since a
// migration that fails should fail with the whole reason.
// Not here: room, epoch and lease (../admission.ts), what is inside a section (engine/snapshots/).

import { isaExtensions } from '#engine/device-tree/machine-tree.ts'
import { ticksPerSecond } from '#engine/devices/memory-map.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { MachineKind } from '#proto/messages.ts'

type SectionKind = MachineKind['sections'][number]

/** The machine as it is on this node; `sections`: of a VM of this spec. */
export const machineKind = (sections: readonly SectionKind[]): MachineKind => ({
  isa: [...isaExtensions],
  timebaseHz: ticksPerSecond,
  sections: sections.map(({ kind, version }) => ({ kind, version })),
})

/** undefined: what is offered can run here. */
export function incompatible(offered: MachineKind, here: MachineKind): Fault | undefined {
  const wrong = [
    ...clockFinding(offered, here),
    ...isaFinding(offered, here),
    ...sectionFindings(offered.sections, here.sections),
  ]
  if (wrong.length === 0) return undefined
  return fault(
    'incompatible',
    `it cannot go on here: ${wrong.join('; ')}. Update this node, or choose another one.`,
  )
}

function clockFinding(offered: MachineKind, here: MachineKind): string[] {
  if (offered.timebaseHz === here.timebaseHz) return []
  return [`its clock has ${offered.timebaseHz} ticks a second, here they are ${here.timebaseHz}`]
}

function isaFinding(offered: MachineKind, here: MachineKind): string[] {
  const missing = offered.isa.filter((extension) => !here.isa.includes(extension))
  return missing.length > 0 ? [`its CPU has ${missing.join(', ')}, this one has not`] : []
}

function sectionFindings(offered: readonly SectionKind[], here: readonly SectionKind[]): string[] {
  const known = new Map(here.map(({ kind, version }) => [kind, version]))
  const unreadable = offered.flatMap(({ kind, version }) => {
    const own = known.get(kind)
    if (own === undefined) return [`its section ${kind} is unknown here`]
    if (own === version) return []
    return [`its section ${kind} has version ${version}, here it is ${own}`]
  })
  const kinds = new Set(offered.map(({ kind }) => kind))
  const missing = here.flatMap(({ kind }) =>
    kinds.has(kind) ? [] : [`it has no section ${kind}, which a machine has here`],
  )
  return [...unreadable, ...missing]
}
