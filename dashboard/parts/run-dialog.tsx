// A new VM: what it is to be, with everything filled in as is good for most, and the coordinator's
// refusal, if there is one, beside what was filled in. Not here: what is asked (../new-vm.ts).

import { useState } from 'preact/hooks'
import type { NodeView } from '#proto/api.ts'
import { connection, view } from '../cluster.ts'
import { run } from '../commands.ts'
import {
  freeName,
  type KindName,
  kinds,
  limitsMib,
  mistakeIn,
  requestOf,
  type Wanted,
} from '../new-vm.ts'
import { isRunAsked } from '../questions.ts'
import { go } from '../route.ts'
import { allows } from '../session.ts'
import { Dialog } from './dialog.tsx'
import { NodeOptions } from './node-options.tsx'

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
  const [refused, setRefused] = useState<string>()
  const change = (part: Partial<Wanted>) => setWanted({ ...wanted, ...part })
  const choose = (next: KindName) => {
    setKind(next)
    setWanted(wantedOf(next, wanted.node))
  }
  const submit = async (event: Event) => {
    event.preventDefault()
    const mistake = mistakeIn(wanted, taken()) ?? (await run(requestOf(wanted)))
    setRefused(mistake)
    if (mistake !== undefined) return
    close()
    go({ is: 'vm', id: wanted.name })
  }
  return (
    <Dialog title="A new VM" onClose={close} wide>
      {/* What is wrong is said below, in one place, whoever finds it. */}
      <form noValidate onSubmit={(event) => void submit(event)}>
        <Fields {...{ kind, choose, wanted, change, nodes }} />
        <More wanted={wanted} change={change} />
        {refused !== undefined && (
          <p class="fault refused" role="alert">
            {refused}
          </p>
        )}
        <div class="row end">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={connection.value.is !== 'live'}>
            Start
          </button>
        </div>
      </form>
    </Dialog>
  )
}

interface FieldsProps extends KindFieldProps {
  readonly wanted: Wanted
  readonly nodes: readonly NodeView[]
  change(part: Partial<Wanted>): void
}

function Fields({ kind, choose, wanted, change, nodes }: FieldsProps) {
  return (
    <fieldset class="ways first" disabled={connection.value.is !== 'live'}>
      <legend class="spoken">What it is to be</legend>
      <KindField kind={kind} choose={choose} />
      <TextField word="Name" value={wanted.name} change={(name) => change({ name })} />
      <SizeField
        word="Memory, MiB"
        limits={limitsMib.memory}
        value={wanted.memoryMib}
        change={(memoryMib) => change({ memoryMib })}
      />
      <SizeField
        word="Durable disk, MiB; 0: none"
        limits={limitsMib.disk}
        value={wanted.diskMib}
        change={(diskMib) => change({ diskMib })}
      />
      {allows('place') && (
        <NodeField node={wanted.node} nodes={nodes} change={(node) => change({ node })} />
      )}
    </fieldset>
  )
}

interface KindFieldProps {
  readonly kind: KindName
  choose(kind: KindName): void
}

function KindField({ kind, choose }: KindFieldProps) {
  return (
    <label>
      What it does
      <select value={kind} onChange={({ currentTarget: { value } }) => choose(value as KindName)}>
        {Object.entries(kinds).map(([name, { word }]) => (
          <option key={name} value={name}>
            {word}
          </option>
        ))}
      </select>
    </label>
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

interface FieldProps<Value> {
  readonly word: string
  readonly value: Value
  change(value: Value): void
}

const TextField = ({ word, value, change }: FieldProps<string>) => (
  <label>
    {word}
    <input
      type="text"
      autocomplete="off"
      spellcheck={false}
      value={value}
      onInput={({ currentTarget }) => change(currentTarget.value)}
    />
  </label>
)

const SizeField = ({
  word,
  value,
  change,
  limits,
}: FieldProps<number> & { limits: readonly [number, number] }) => (
  <label>
    {word}
    <input
      type="number"
      min={limits[0]}
      max={limits[1]}
      required
      value={value}
      onInput={({ currentTarget }) => change(Math.floor(currentTarget.valueAsNumber) || 0)}
    />
  </label>
)

interface NodeFieldProps {
  readonly node: string
  readonly nodes: readonly NodeView[]
  change(node: string): void
}

const NodeField = ({ node, nodes, change }: NodeFieldProps) => (
  <label>
    Where
    <select value={node} onChange={({ currentTarget: { value } }) => change(value)}>
      <option value="">where the coordinator sees fit</option>
      <NodeOptions nodes={nodes} />
    </select>
  </label>
)
