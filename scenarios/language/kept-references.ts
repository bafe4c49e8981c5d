// What a scenario keeps and takes back: snapshots, of the VM that is named, and templates. A step
// that takes one back needs an earlier one that makes it, unless it is meant to fail. Pure.

import type { Step } from './timeline.ts'
import { type Finding, unknown } from './unknown-name.ts'
import type { YamlPath } from './yaml-text.ts'

export function findingsOfKept(timeline: readonly Step[]): Finding[] {
  return timeline.flatMap((step, index) => {
    if (mayFail(step)) return []
    const before = timeline.slice(0, index)
    return findingsOfStep(step, before, ['timeline', index])
  })
}

const mayFail = (step: Step): boolean =>
  ('outcome' in step && step.outcome !== 'done') ||
  ('refused' in step && step.refused !== undefined)

function findingsOfStep(step: Step, before: readonly Step[], path: YamlPath): Finding[] {
  if (step.do === 'restore' || step.do === 'drop-snapshot') {
    const known = before.flatMap((one) => snapshotsOf(one, step.vm))
    return unknown(`earlier snapshot of ${step.vm}`, [...path, 'snapshot'], step.snapshot, known)
  }
  if (step.do !== 'run' && step.do !== 'drop-template') return []
  const known = before.flatMap((one) => (one.do === 'template' ? one.name : []))
  return unknown('earlier template', [...path, 'template'], step.template, known)
}

function snapshotsOf(step: Step, vmId: string): string[] {
  if (step.do !== 'snapshot' || step.vm !== vmId) return []
  const { name, count } = step
  return count === 1 ? [name] : Array.from({ length: count }, (_, n) => `${name}-${n + 1}`)
}
