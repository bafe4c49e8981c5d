// What was declared about high availability: rules and whether they are kept, groups and what is
// said of all who are in them, and what is switched off; for who may, also the way to declare more.
// Others are shown nothing when nothing was declared. Not here: why one VM is where it is
// (why.tsx), how one is kept running (policy.tsx).

import type { ClusterView } from '#proto/api.ts'
import { type HaGroup, type HaRule, type HaRuleView, namesText } from '#proto/ha.ts'
import { declaredTexts } from '#proto/policy-text.ts'
import { armRow, begin, disarmRow, dropRuleRow } from '../actions.ts'
import { connection } from '../cluster.ts'
import { fewNames } from '../policy-model.ts'
import { ruleAsked } from '../questions.ts'
import { allows } from '../session.ts'
import { Sign } from './sign.tsx'

type RulesProps = Pick<ClusterView, 'rules' | 'groups' | 'ha'>

export function Rules({ rules, groups = [], ha }: RulesProps) {
  const mayDeclare = allows('run-cluster')
  const isNothing = rules.length + groups.length === 0
  if (isNothing && ha.armed && ha.tolerate === 0 && !mayDeclare) return null
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
      {isNothing && <p class="empty">No rules, no groups.</p>}
      {rules.length > 0 && (
        <ul>
          {rules.map((one) => (
            <Rule key={one.rule.name} {...one} mayDeclare={mayDeclare} />
          ))}
        </ul>
      )}
      {groups.length > 0 && <Groups groups={groups} />}
      {mayDeclare && <Declaring taken={rules.map(({ rule }) => rule.name)} armed={ha.armed} />}
    </section>
  )
}

function Rule({ rule, broken, mayDeclare }: HaRuleView & { readonly mayDeclare: boolean }) {
  return (
    <li class={broken.length === 0 ? 'good' : 'doubt'}>
      <Sign name={broken.length === 0 ? 'on' : 'wait'} /> <b>{rule.name}</b> {sentenceOf(rule)}
      {broken.length > 0 && <small> {broken.join('; ')}</small>}
      {mayDeclare && (
        <span class="row">
          <Act
            word="Change…"
            about={`Change rule ${rule.name}`}
            run={() => {
              ruleAsked.value = { rule, taken: new Set() }
            }}
          />
          <Act
            word={dropRuleRow.word}
            about={`${dropRuleRow.word} rule ${rule.name}`}
            run={() => begin(dropRuleRow, rule.name)}
          />
        </span>
      )}
    </li>
  )
}

interface DeclaringProps {
  readonly taken: readonly string[]
  readonly armed: boolean
}

function Declaring({ taken, armed }: DeclaringProps) {
  const row = armed ? disarmRow : armRow
  return (
    <div class="row">
      <Act
        word="New rule…"
        run={() => {
          ruleAsked.value = { taken: new Set(taken) }
        }}
      />
      <Act
        word={row.word}
        about={`${row.word} high availability`}
        run={() => begin(row, undefined)}
      />
    </div>
  )
}

interface ActProps {
  readonly word: string
  /** What a screen reader says. */
  readonly about?: string
  run(): void
}

const Act = ({ word, about = word, run }: ActProps) => (
  <button
    type="button"
    class="quiet"
    aria-label={about}
    disabled={connection.value.is !== 'live'}
    onClick={run}
  >
    {word}
  </button>
)

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
