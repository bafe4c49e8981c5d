// What a schema cannot see of VMs as models: that all VMs of a scenario are, or none; that nothing
// is asked of one that only a guest has; that it uses no more memory than it has.

import type { Scenario } from '../schema.ts'
import type { VmPart } from './cluster.ts'
import type { Expectation } from './expectations.ts'
import { usedMib } from './model.ts'
import type { Finding } from './references.ts'
import type { Step } from './timeline.ts'

const guestSteps: readonly Step['do'][] = [
  ...(['crash-vm', 'hang-vm', 'snapshot', 'restore', 'template', 'clone'] as const),
  'merge',
  ...(['balloon', 'fail-disk', 'fill-disk', 'heal-disk'] as const),
]
const guestExpectations: readonly Expectation['expect'][] = [
  ...(['guest-answers', 'console-contains', 'console-never', 'identities-differ'] as const),
]

export function findingsOfModels(scenario: Scenario): Finding[] {
  const { vms, timeline, expectations } = scenario
  if (vms.every(({ model }) => model === undefined)) return []
  return [
    ...vms.flatMap((vm, i) => findingsOfVm(vm, i, scenario)),
    ...timeline.flatMap((step, i) =>
      guestSteps.includes(step.do) ? [needsGuest(['timeline', i, 'do'], step.do)] : [],
    ),
    ...expectations.flatMap(({ expect }, i) =>
      guestExpectations.includes(expect) ? [needsGuest(['expectations', i, 'expect'], expect)] : [],
    ),
  ]
}

const needsGuest = (path: Finding['path'], what: string): Finding => ({
  path,
  message: `${what} needs a real guest, and these VMs are models`,
})

function findingsOfVm(vm: VmPart, index: number, { traces }: Scenario): Finding[] {
  const path = ['vms', index]
  const { model, memory, args } = vm
  if (!model) return [{ path, message: 'other VMs are models: give it one too, or none to them' }]
  const used = usedMib(model)
  const wantsTrace = typeof model.load === 'object' && 'trace' in model.load
  return [
    ...(args === '' ? [] : [{ path: [...path, 'args'], message: 'a model has no arguments' }]),
    ...(used <= memory
      ? []
      : [{ path: [...path, 'model'], message: `it uses ${used} MiB of ${memory} MiB` }]),
    ...(wantsTrace && traces === undefined
      ? [{ path: [...path, 'model', 'load'], message: 'name a file: traces: loads.csv' }]
      : []),
  ]
}
