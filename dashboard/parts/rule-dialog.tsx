// A rule about where VMs belong: a new one, or another wording of one that there is. Not here: the
// rules and whether they are kept (rules.tsx), what becomes of the form (../declaring.ts).

import { useState } from 'preact/hooks'
import { view } from '../cluster.ts'
import { setRule } from '../commands.ts'
import { noRule, ruleOf, type WantedRule, wantedOf } from '../declaring.ts'
import { nameMistake } from '../new-vm.ts'
import { type RuleAsked, ruleAsked } from '../questions.ts'
import { CheckField, ChoiceField, TextField } from './fields.tsx'
import { FormDialog } from './form-dialog.tsx'
import { useGone } from './gone.ts'

const close = () => {
  ruleAsked.value = undefined
}

export function RuleDialog() {
  const asked = ruleAsked.value
  const isGone = asked?.rule !== undefined && view.value && !taken().has(asked.rule.name)
  useGone(isGone ? `rule ${asked.rule.name}` : undefined, close)
  return asked && !isGone ? <Asked {...asked} /> : null
}

const taken = () => new Set<string>(view.value?.rules.map(({ rule }) => rule.name))

const kindWords = {
  'keep-apart': 'VMs that are kept apart',
  'keep-together': 'VMs that are kept together',
  'node-affinity': 'VMs that belong on certain nodes',
} as const

function Asked({ rule }: RuleAsked) {
  const [wanted, setWanted] = useState(() => (rule ? wantedOf(rule) : noRule))
  const change = (part: Partial<WantedRule>) => setWanted({ ...wanted, ...part })
  const submit = async () => {
    const mistake = rule ? undefined : nameMistake(wanted.name, 'rule', taken())
    if (mistake !== undefined) return mistake
    const declared = ruleOf(wanted)
    if ('mistake' in declared) return declared.mistake
    const refused = await setRule(declared.value)
    if (refused === undefined) close()
    return refused
  }
  const title = rule ? `Rule ${rule.name}` : 'A new rule'
  return (
    <FormDialog title={title} word="Declare" submit={submit} close={close}>
      <ChoiceField
        word="What it is about"
        value={wanted.kind}
        words={kindWords}
        change={(kind) => change({ kind, strict: kind !== 'node-affinity' })}
      />
      {!rule && <TextField word="Name" value={wanted.name} change={(name) => change({ name })} />}
      <TextField
        word="VMs, or groups: shop, group:web"
        value={wanted.vms}
        change={(vms) => change({ vms })}
      />
      {wanted.kind === 'node-affinity' && (
        <TextField
          word="Nodes, with priorities: n1:2, n2:1"
          value={wanted.nodes}
          change={(nodes) => change({ nodes })}
        />
      )}
      <CheckField
        word="Strict: never broken by anything automatic"
        value={wanted.strict}
        change={(strict) => change({ strict })}
      />
    </FormDialog>
  )
}
