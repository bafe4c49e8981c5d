// What a schema cannot see of persons: that their VMs are there, and nobody else's; that who types
// at a screen may; that what is expected of somebody can be tried. Not here: all other references
// (references.ts).

import { forMsMin } from '#proto/accounts.ts'
import type { Scenario } from '../schema.ts'
import type { Expectation } from './expectations.ts'
import { namesOfMany } from './many.ts'
import { type PersonPart, takenNames } from './persons.ts'
import { askedBy, type Step } from './timeline.ts'
import { type Finding, unknown } from './unknown-name.ts'
import type { YamlPath } from './yaml-text.ts'

export function findingsOfPersons(scenario: Scenario): Finding[] {
  const { persons, typists, timeline, expectations } = scenario
  const owned = new Set<string>()
  return [
    ...persons.flatMap((person, i) => findingsOfPerson(scenario, person, ['persons', i], owned)),
    ...typists.flatMap(({ as, vm }, i) =>
      as === undefined ? [] : findingsOfTypist(scenario, as, vm, ['typists', i, 'as']),
    ),
    ...timeline.flatMap((step, i) => findingsOfStep(scenario, step, ['timeline', i])),
    ...findingsOfVisitors(scenario),
    ...expectations.flatMap((item, i) => findingsOfTry(scenario, item, ['expectations', i])),
  ]
}

const finding = (path: YamlPath, message: string): Finding[] => [{ path, message }]

const unknownPerson = ({ persons }: Scenario, path: YamlPath, name: string): Finding[] =>
  unknown(
    'person',
    path,
    name,
    persons.map(({ id }) => id),
  )

function findingsOfPerson(
  { vms }: Scenario,
  { id, role, vms: theirs, quota }: PersonPart,
  path: YamlPath,
  owned: Set<string>,
): Finding[] {
  const known = vms.flatMap(namesOfMany)
  const found = theirs.flatMap((vm, i) => {
    const at = [...path, 'vms', i]
    if (!known.includes(vm)) return unknown('VM', at, vm, known)
    if (owned.has(vm)) return finding(at, `\`${vm}\` is somebody's already: a VM has one owner`)
    owned.add(vm)
    return []
  })
  if (takenNames.includes(id))
    found.push(...finding([...path, 'id'], `\`${id}\` is the run's own: choose another name`))
  if (role !== 'person' && theirs.length > 0)
    found.push(...finding([...path, 'vms'], `VMs are persons': role ${role} owns none`))
  if (role !== 'person' && quota !== undefined)
    found.push(...finding([...path, 'quota'], `quotas are persons': role ${role} owns nothing`))
  return found
}

/** A person who is given the VM later may type then. */
function findingsOfTypist(scenario: Scenario, as: string, vm: string, path: YamlPath): Finding[] {
  const person = scenario.persons.find(({ id }) => id === as)
  if (!person) return unknownPerson(scenario, path, as)
  if (person.role === 'operator') return []
  if (person.role === 'viewer') return finding(path, `\`${as}\` is a viewer, who sees no screen`)
  const isGiven = scenario.timeline.some(
    (step) => step.do === 'give' && step.vm === vm && step.person === as,
  )
  if (isGiven || person.vms.includes(vm)) return []
  return finding(path, `\`${vm}\` is not ${as}'s: put it in the \`vms\` of that person`)
}

/** Who comes by a link, in the order in which they come. */
const visitorsOf = (timeline: readonly Step[]): string[] =>
  timeline.flatMap((step) => (step.do === 'share' ? [step.visitor] : []))

/** Named once, and not as somebody with an account. */
function findingsOfVisitors({ persons, timeline }: Scenario): Finding[] {
  const others = [...takenNames, ...persons.map(({ id }) => id)]
  return timeline.flatMap((step, i) => {
    const come = visitorsOf(timeline.slice(0, i))
    const at = ['timeline', i]
    if (step.do === 'unshare') return unknown('visitor', [...at, 'visitor'], step.visitor, come)
    if (step.do !== 'share') return []
    const found: Finding[] = []
    if ([...others, ...come].includes(step.visitor))
      found.push(...finding([...at, 'visitor'], `somebody is called \`${step.visitor}\` already`))
    if (step.for < forMsMin)
      found.push(...finding([...at, 'for'], 'a link leads there for a second at least'))
    return found
  })
}

function findingsOfStep(scenario: Scenario, step: Step, path: YamlPath): Finding[] {
  const { as } = askedBy(step)
  if (as !== undefined) return unknownPerson(scenario, [...path, 'as'], as)
  if (step.do !== 'give') return []
  const person = scenario.persons.find(({ id }) => id === step.person)
  if (!person) return unknownPerson(scenario, [...path, 'person'], step.person)
  if (person.role === 'person') return []
  return finding([...path, 'person'], `\`${step.person}\` is ${person.role}: VMs are persons'`)
}

function findingsOfTry(scenario: Scenario, item: Expectation, path: YamlPath): Finding[] {
  if (item.expect !== 'reaches' && item.expect !== 'kept-out') return []
  const vm = scenario.vms.find((part) => namesOfMany(part).includes(item.vm))
  const isVisitor = visitorsOf(scenario.timeline).includes(item.person)
  const found = isVisitor ? [] : unknownPerson(scenario, [...path, 'person'], item.person)
  const needsScreen = item.expect === 'reaches' && item.by === 'screen'
  if (needsScreen && vm && vm.screen === undefined)
    found.push(...finding([...path, 'vm'], `\`${item.vm}\` has no screen: say by: console`))
  return found
}
