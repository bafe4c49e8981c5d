// What was declared about high availability: rules and whether they are kept, groups and what is
// said of all who are in them, and what is switched off. Nothing is shown when nothing was
// declared. Not here: why one VM is where it is (why.tsx), how one is kept running (policy.tsx).

import type { ClusterView } from '#proto/api.ts'
import { type HaGroup, type HaRule, namesText } from '#proto/ha.ts'
import { declaredTexts } from '#proto/policy-text.ts'
import { fewNames } from '../policy-model.ts'
import { Sign } from './sign.tsx'

type RulesProps = Pick<ClusterView, 'rules' | 'groups' | 'ha'>

export function Rules({ rules, groups = [], ha }: RulesProps) {
  if (rules.length + groups.length === 0 && ha.armed && ha.tolerate === 0) return null
  return (
    <section class="card rules" aria-labelledby="rules">
      <header>
        <h2 id="rules">What is declared</h2>
        {ha.tolerate > 0 && <p>{ha.tolerate} node failures tolerated</p>}
      </header>
      {!ha.armed && (
        <p class="fault">
          <Sign name="wait" /> High availability is disarmed: nothing is restarted or moved by
          itself.
        </p>
      )}
      {rules.length > 0 && (
        <ul>
          {rules.map(({ rule, broken }) => (
            <li key={rule.name} class={broken.length === 0 ? 'good' : 'doubt'}>
              <Sign name={broken.length === 0 ? 'on' : 'wait'} /> <b>{rule.name}</b>{' '}
              {sentenceOf(rule)}
              {broken.length > 0 && <small> {broken.join('; ')}</small>}
            </li>
          ))}
        </ul>
      )}
      {groups.length > 0 && <Groups groups={groups} />}
    </section>
  )
}

function Groups({ groups }: { groups: readonly HaGroup[] }) {
  return (
    <>
      <h3>Groups</h3>
      <ul>
        {groups.map(({ name, vms, policy }) => (
          <li key={name}>
            <Sign name="dot" /> <b>{name}</b> {fewNames(vms, 12) || 'nobody'}
            <small> {declaredTexts(policy).join(', ') || 'nothing is said of all of them'}</small>
          </li>
        ))}
      </ul>
    </>
  )
}

function sentenceOf(rule: HaRule): string {
  const vms = namesText(rule.vms)
  const how = rule.strict ? '' : ', if possible'
  if (rule.kind === 'keep-together') return `${vms} together${how}`
  if (rule.kind === 'keep-apart') return `${vms} apart${how}`
  const nodes = rule.nodes.map(({ id, priority }) => (priority > 0 ? `${id} (${priority})` : id))
  return `${vms} on ${nodes.join(', ')}${how}`
}
