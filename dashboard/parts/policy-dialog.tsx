// How one VM is to be kept running: the parts of its policy as a form. Only what is changed is said
// of the VM itself. Not here: what counts for it now and who said so (policy.tsx), what becomes of
// the form (../declaring.ts).

import { useState } from 'preact/hooks'
import type { VmView } from '#proto/api.ts'
import { isThere } from '../cluster.ts'
import { setPolicy } from '../commands.ts'
import {
  everyMsOf,
  keepsReplica,
  policyChangeOf,
  policyOf,
  type WantedPolicy,
} from '../declaring.ts'
import { cutOffTexts, lostTexts } from '../policy-model.ts'
import { policyAsked } from '../questions.ts'
import { CheckField, ChoiceField, NumberField, TextField } from './fields.tsx'
import { FormDialog } from './form-dialog.tsx'
import { useGone } from './gone.ts'

const close = () => {
  policyAsked.value = undefined
}

export function PolicyDialog() {
  const vm = policyAsked.value
  const isGone = vm !== undefined && !isThere(vm)
  useGone(isGone ? vm.id : undefined, close)
  return vm && !isGone ? <Asked vm={vm} /> : null
}

function Asked({ vm }: { readonly vm: VmView }) {
  const [wanted, setWanted] = useState(() => policyOf(vm))
  const change = (part: Partial<WantedPolicy>) => setWanted({ ...wanted, ...part })
  const submit = async () => {
    const declared = policyChangeOf(vm, wanted)
    if ('mistake' in declared) return declared.mistake
    const isNothing = Object.keys(declared.value).length === 0
    const refused = isNothing ? undefined : await setPolicy(vm.id, declared.value)
    if (refused === undefined) close()
    return refused
  }
  return (
    <FormDialog title={`How ${vm.id} is kept running`} word="Declare" submit={submit} close={close}>
      <Failures wanted={wanted} change={change} />
      <Restarts wanted={wanted} change={change} />
    </FormDialog>
  )
}

interface PartProps {
  readonly wanted: WantedPolicy
  change(part: Partial<WantedPolicy>): void
}

const everyMsLimits = [20, 3_600_000] as const

const Failures = ({ wanted, change }: PartProps) => (
  <>
    <ChoiceField
      word="When its node is lost, it"
      value={wanted.protection}
      words={lostTexts}
      change={(protection) => change({ protection, checkpointMs: everyMsOf(protection) })}
    />
    {keepsReplica(wanted.protection) && (
      <NumberField
        word="A checkpoint every so many ms"
        limits={everyMsLimits}
        value={wanted.checkpointMs}
        change={(checkpointMs) => change({ checkpointMs })}
      />
    )}
    <ChoiceField
      word="When its node is cut off, it"
      value={wanted.isolation}
      words={cutOffTexts}
      change={(isolation) => change({ isolation })}
    />
  </>
)

const Restarts = ({ wanted, change }: PartProps) => (
  <>
    <NumberField
      word="Priority: higher starts first"
      limits={[0, 1000]}
      value={wanted.priority}
      change={(priority) => change({ priority })}
    />
    <TextField
      word="Starts after these VMs, or groups: db, group:stores"
      value={wanted.after}
      change={(after) => change({ after })}
    />
    <NumberField
      word="After a crash, restarts on its node"
      limits={[0, 100]}
      value={wanted.restarts}
      change={(restarts) => change({ restarts })}
    />
    <TextField
      word="Then on other nodes; empty: after a failed start, each once"
      value={wanted.relocations}
      change={(relocations) => change({ relocations })}
    />
    <CheckField
      word="Goes to a better node by itself"
      value={wanted.failback}
      change={(failback) => change({ failback })}
    />
    <CheckField
      word="Locked: nothing is done with it that nobody asked for"
      value={wanted.locked}
      change={(locked) => change({ locked })}
    />
  </>
)
