// What was declared about high availability: rules and whether they are kept, groups and what is
// said of all who are in them, and what is switched off; for who may, also the way to declare more.
// Others are shown nothing when nothing was declared. Not here: why one VM is where it is
// (why.tsx), how one is kept running (policy.tsx).

import { useRef } from 'preact/hooks'
import type { ClusterView } from '#proto/api.ts'
import { type HaGroup, type HaRule, type HaRuleView, namesText } from '#proto/ha.ts'
import { declaredTexts } from '#proto/policy-text.ts'
import { armRow, begin, disarmRow, dropRuleRow } from '../actions.ts'
import { fewNames } from '../policy-model.ts'
import { ruleAsked } from '../questions.ts'
import { allows } from '../session.ts'
import { Act } from './act.tsx'
import { useKeptFocus } from './kept-focus.ts'
import { Sign } from './sign.tsx'

type RulesProps = Pick<ClusterView, 'rules' | 'groups' | 'ha'>

export function Rules(props: RulesProps) {
  const { rules, groups = [], ha } = props
  const isNothing = rules.length + groups.length === 0
  const isShown = !isNothing || !ha.armed || ha.tolerate > 0 || allows('run-cluster')
  return isShown ? <Declared {...props} /> : null
}

function Declared({ rules, groups = [], ha }: RulesProps) {
  const mayDeclare = allows('run-cluster')
  const isNothing = rules.length + groups.length === 0
  const box = useRef<HTMLElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  useKeptFocus(box, () => heading.current)
  return (
    <section class="card rules" aria-labelledby="rules" ref={box}>
      <header>
        <h2 id="rules" tabIndex={-1} ref={heading}>
          What is declared
        </h2>
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
      {mayDeclare && <Declaring armed={ha.armed} />}
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
              ruleAsked.value = { rule }
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

function Declaring({ armed }: { readonly armed: boolean }) {
  const row = armed ? disarmRow : armRow
  return (
    <div class="row">
      <Act
        word="New rule…"
        run={() => {
          ruleAsked.value = {}
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
