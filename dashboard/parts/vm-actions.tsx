// What may be done with a VM in its present phase, as buttons; what may not be done now is not
// shown. What destroys something asks once more, in the button itself.

import { useEffect, useState } from 'preact/hooks'
import type { NodeView, VmView } from '#proto/api.ts'
import { mayAct } from '#proto/state.ts'
import { connection, view } from '../cluster.ts'
import { act, clone, migrate, type PlainVerb, remove } from '../commands.ts'

interface VmActionsProps {
  readonly vm: VmView
  readonly nodes: readonly NodeView[]
}

const plainVerbs: readonly (readonly [PlainVerb, string])[] = [
  ['pause', 'Pause'],
  ['resume', 'Resume'],
  ['start', 'Start'],
]

export function VmActions({ vm, nodes }: VmActionsProps) {
  const { id, phase } = vm
  const others = nodes.filter((node) => node.phase === 'online' && node.id !== vm.nodeId)
  return (
    <fieldset class="actions" disabled={connection.value.is !== 'live'}>
      <legend class="spoken">Actions on {id}</legend>
      {mayAct('migrate', phase) && others.length > 0 && <MigrateAction vm={vm} others={others} />}
      {mayAct('clone', phase) && <CloneAction vm={vm} nodes={nodes} />}
      <div class="row">
        {plainVerbs.map(
          ([verb, word]) =>
            mayAct(verb, phase) && (
              <button key={verb} type="button" onClick={() => void act(id, verb)}>
                {word}
              </button>
            ),
        )}
        {mayAct('stop', phase) && <SureButton word="Stop" onSure={() => void act(id, 'stop')} />}
        {mayAct('remove', phase) && <SureButton word="Remove" onSure={() => void remove(id)} />}
      </div>
    </fieldset>
  )
}

const best = ''

function MigrateAction({ vm, others }: { vm: VmView; others: readonly NodeView[] }) {
  const [to, setTo] = useState(best)
  // The chosen node may be gone by now.
  const destination = others.some(({ id }) => id === to) ? to : best
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault()
        void migrate(vm.id, destination || undefined)
      }}
    >
      <button type="submit" class="primary">
        Migrate
      </button>
      <label>
        to{' '}
        <select
          aria-label="Destination"
          value={destination}
          onChange={(event) => setTo(event.currentTarget.value)}
        >
          <option value={best}>the best node</option>
          {others.map(({ id }) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
    </form>
  )
}

const clonesMax = 64

function CloneAction({ vm, nodes }: VmActionsProps) {
  const [count, setCount] = useState(1)
  const [to, setTo] = useState(best)
  const submit = () => {
    const taken = new Set(view.value?.vms.map(({ id }) => id))
    const ids: string[] = []
    for (let n = 1; ids.length < count; n++)
      if (!taken.has(`${vm.id}-${n}`)) ids.push(`${vm.id}-${n}`)
    void clone(vm.id, ids, to || undefined)
  }
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <button type="submit">Clone</button>
      <label>
        <span class="spoken">How many clones</span>
        <input
          type="number"
          min={1}
          max={clonesMax}
          value={count}
          onInput={(event) => {
            const wanted = Math.floor(event.currentTarget.valueAsNumber)
            setCount(Math.min(clonesMax, Math.max(1, wanted || 1)))
          }}
        />
      </label>
      <label>
        on{' '}
        <select
          aria-label="Node of the clones"
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
        >
          <option value={best}>the same node</option>
          {nodes
            .filter(({ phase }) => phase === 'online')
            .map(({ id }) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
        </select>
      </label>
    </form>
  )
}

const sureMs = 4_000

function SureButton({ word, onSure }: { word: string; onSure: () => void }) {
  const [asked, setAsked] = useState(false)
  useEffect(() => {
    if (!asked) return
    const timer = setTimeout(() => setAsked(false), sureMs)
    return () => clearTimeout(timer)
  }, [asked])
  return (
    <button
      type="button"
      class={asked ? 'sure' : ''}
      onClick={() => {
        setAsked(!asked)
        if (asked) onSure()
      }}
    >
      {asked ? `${word}: press again` : word}
    </button>
  )
}
