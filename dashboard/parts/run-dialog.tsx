// A new VM: what it is to be, with everything filled in as is good for most, and the coordinator's
// refusal, if there is one, beside what was filled in. Not here: what is asked (../new-vm.ts).

import { useState } from 'preact/hooks'
import type { NodeView } from '#proto/api.ts'
import { view } from '../cluster.ts'
import { run } from '../commands.ts'
import {
  freeName,
  type KindName,
  kinds,
  kindWords,
  limitsMib,
  mistakeIn,
  requestOf,
  type Wanted,
} from '../new-vm.ts'
import { isRunAsked } from '../questions.ts'
import { go } from '../route.ts'
import { allows } from '../session.ts'
import { ChoiceField, NodeField, NumberField, TextField } from './fields.tsx'
import { FormDialog } from './form-dialog.tsx'

const close = () => {
  isRunAsked.value = false
}

/** Undefined: nothing may be started, or nobody has been asked for it. */
export function RunDialog() {
  return isRunAsked.value && view.value ? <Asked nodes={view.value.nodes} /> : null
}

const taken = () => new Set(view.peek()?.vms.map(({ id }) => id as string))

const wantedOf = (kind: KindName, node: string): Wanted => ({
  ...kinds[kind].is,
  ...{ name: freeName(kind, taken()), node },
})

function Asked({ nodes }: { readonly nodes: readonly NodeView[] }) {
  const [kind, setKind] = useState<KindName>('store')
  const [wanted, setWanted] = useState<Wanted>(() => wantedOf('store', ''))
  const change = (part: Partial<Wanted>) => setWanted({ ...wanted, ...part })
  const choose = (next: KindName) => {
    setKind(next)
    const named = wantedOf(next, wanted.node)
    const isOwn = wanted.name !== freeName(kind, taken())
    setWanted(isOwn ? { ...named, name: wanted.name } : named)
  }
  const submit = async () => {
    const refused = mistakeIn(wanted, taken()) ?? (await run(requestOf(wanted)))
    if (refused !== undefined) return refused
    close()
    go({ is: 'vm', id: wanted.name })
    return undefined
  }
  return (
    <FormDialog title="A new VM" word="Start" submit={submit} close={close}>
      <Fields {...{ kind, choose, wanted, change, nodes }} />
      <More wanted={wanted} change={change} />
    </FormDialog>
  )
}

interface FieldsProps {
  readonly kind: KindName
  choose(kind: KindName): void
  readonly wanted: Wanted
  readonly nodes: readonly NodeView[]
  change(part: Partial<Wanted>): void
}

function Fields({ kind, choose, wanted, change, nodes }: FieldsProps) {
  return (
    <>
      <ChoiceField word="What it does" value={kind} words={kindWords} change={choose} />
      <TextField word="Name" value={wanted.name} change={(name) => change({ name })} />
      <NumberField
        word="Memory, MiB"
        limits={limitsMib.memory}
        value={wanted.memoryMib}
        change={(memoryMib) => change({ memoryMib })}
      />
      <NumberField
        word="Durable disk, MiB; 0: none"
        limits={limitsMib.disk}
        value={wanted.diskMib}
        change={(diskMib) => change({ diskMib })}
      />
      {allows('place') && (
        <NodeField node={wanted.node} nodes={nodes} change={(node) => change({ node })} />
      )}
    </>
  )
}

/** What few people change. */
function More({ wanted, change }: { wanted: Wanted; change(part: Partial<Wanted>): void }) {
  return (
    <details class="more">
      <summary>Image, boot arguments, screen</summary>
      <div class="ways first">
        <TextField word="Image" value={wanted.image} change={(image) => change({ image })} />
        <TextField word="Boot arguments" value={wanted.args} change={(args) => change({ args })} />
        <TextField
          word="Screen, as 800x600; empty: none"
          value={wanted.screen}
          change={(screen) => change({ screen })}
        />
      </div>
    </details>
  )
}
