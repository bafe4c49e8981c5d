// What was declared about high availability: rules and whether they are kept, and what is switched
// off. Nothing is shown when nothing was declared. Not here: why one VM is where it is (why.tsx).

import { type HaRule, type HaRuleView, type HaSettings, namesText } from '#proto/ha.ts'
import { Sign } from './sign.tsx'

export function Rules({ rules, ha }: { rules: readonly HaRuleView[]; ha: HaSettings }) {
  if (rules.length === 0 && ha.armed && ha.tolerate === 0) return null
  return (
    <section class="card rules" aria-labelledby="rules">
      <header>
        <h2 id="rules">Who belongs where</h2>
        {ha.tolerate > 0 && <p>{ha.tolerate} node failures tolerated</p>}
      </header>
      {!ha.armed && (
        <p class="fault">
          <Sign name="wait" /> High availability is disarmed: nothing is restarted or moved by
          itself.
        </p>
      )}
      <ul>
        {rules.map(({ rule, broken }) => (
          <li key={rule.name} class={broken.length === 0 ? 'good' : 'doubt'}>
            <Sign name={broken.length === 0 ? 'on' : 'wait'} /> <b>{rule.name}</b>{' '}
            {sentenceOf(rule)}
            {broken.length > 0 && <small> {broken.join('; ')}</small>}
          </li>
        ))}
      </ul>
    </section>
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
