// How a VM is kept running, in words, and by whom each of it was said: of the VM itself, of its
// group, when it was made, or by nobody. Pure.
// Not here: how it looks (parts/policy.tsx, parts/rules.tsx), what it does
// (docs/high-availability.md). Ms.

import type { VmView } from '#proto/api.ts'
import {
  type HaGroup,
  type HaPolicy,
  type HaPolicySaid,
  haPolicyDefault,
  namesText,
  type ProtectionLevel,
} from '#proto/ha.ts'
import { msText } from '#proto/quantity.ts'
import type { IsolationResponse } from '#proto/vm-spec.ts'
import { keepsReplica, policyOf } from './declaring.ts'

export interface PolicyLine {
  readonly name: string
  readonly value: string
  /** Who said so. */
  readonly from: string
  /** It is said of the VM itself, as this part: that can be taken back. */
  readonly own?: keyof HaPolicy
}

export const groupOf = (vmId: string, groups: readonly HaGroup[] = []): HaGroup | undefined =>
  groups.find(({ vms }) => vms.includes(vmId))

export const lostTexts: Readonly<Record<ProtectionLevel, string>> = {
  none: 'waits for it',
  restart: 'starts elsewhere, from its disk',
  checkpoint: 'goes on elsewhere from its last checkpoint',
  continuous: 'goes on elsewhere at once',
}
export const cutOffTexts: Readonly<Record<IsolationResponse, string>> = {
  stop: 'is stopped there',
  pause: 'stands still there',
}
const countText = (count: number): string =>
  count === 0 ? 'none' : count === 1 ? 'once' : `${count} times`
const relocationsText = (count: number | undefined): string =>
  count === undefined ? 'after a failed start, each once' : countText(count)
const yesNo = (is: boolean): string => (is ? 'yes' : 'no')

/** All that counts for it now. @param groups as far as whoever looks sees them */
export function policyLines(vm: VmView, groups?: readonly HaGroup[]): PolicyLine[] {
  const { spec, ownPolicy = {}, policy = haPolicyDefault } = vm
  const group = groupOf(vm.id, groups)
  const { protection, checkpointMs, isolation } = policyOf(vm)
  const from = (key: keyof HaPolicy) => sourceOf(key, policy, ownPolicy, group)
  const made = (key: 'protection' | 'isolation', isDefault: boolean) =>
    policy[key] === undefined ? (isDefault ? byNobody : 'when it was made') : from(key)
  const line = (name: string, value: string, key: keyof HaPolicy, who = from(key)): PolicyLine => ({
    ...{ name, value, from: who },
    ...(ownPolicy[key] !== undefined && { own: key }),
  })
  return [
    line('Its node is lost', lostTexts[protection], 'protection', made('protection', spec.ha)),
    ...(keepsReplica(protection)
      ? [line('Checkpoints', `every ${msText(checkpointMs)}`, 'checkpointMs')]
      : []),
    line(
      'Its node is cut off',
      cutOffTexts[isolation],
      'isolation',
      made('isolation', !spec.isolation),
    ),
    line('Priority', String(policy.priority), 'priority'),
    line('Starts after', namesText(policy.after) || 'nobody', 'after'),
    line('Restarts on its node', countText(policy.restarts), 'restarts'),
    line('Then on other nodes', relocationsText(policy.relocations), 'relocations'),
    line('Goes to a better node', yesNo(policy.failback), 'failback'),
    line('Locked', yesNo(policy.locked), 'locked'),
  ]
}

const byNobody = 'default'

function sourceOf(
  key: keyof HaPolicy,
  policy: HaPolicy,
  own: HaPolicySaid,
  group: HaGroup | undefined,
): string {
  if (own[key] !== undefined) return 'this VM'
  const said = group?.policy[key]
  if (group && said !== undefined) return `group ${group.name}`
  const isDefault = JSON.stringify(policy[key]) === JSON.stringify(haPolicyDefault[key])
  // Who does not see groups is told so much.
  return isDefault ? byNobody : 'an operator'
}

/** The first few, and how many more there are. */
export function fewNames(names: readonly string[], most: number): string {
  const more = names.length - most
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
