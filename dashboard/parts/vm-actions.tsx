// What may be done with a VM in its present phase, as buttons; what may not be done now is not
// shown. What others will feel is asked first. Not here: the table of actions (../actions.ts).

import { useState } from 'preact/hooks'
import type { NodeView, VmView } from '#proto/api.ts'
import { nameLettersMax } from '#proto/ids.ts'
import { mayAct } from '#proto/state.ts'
import { begin, isMine, ofVm, vmActionsNow } from '../actions.ts'
import { connection, view } from '../cluster.ts'
import { clone } from '../commands.ts'
import { question } from '../questions.ts'
import { allows } from '../session.ts'
import { NodeOptions } from './node-options.tsx'

interface VmActionsProps {
  readonly vm: VmView
  readonly nodes: readonly NodeView[]
}

export function VmActions({ vm, nodes }: VmActionsProps) {
  const rows = vmActionsNow(vm)
  return (
    <fieldset class="actions of-vm" disabled={connection.value.is !== 'live'}>
      <legend class="spoken">Actions on {vm.id}</legend>
      {rows.length === 0 && <p class="empty">Nothing can be done with it just now.</p>}
      <div class="row">
        {rows.map((row) => (
          <button
            key={row.action}
            type="button"
            class={row.action === 'migrate' ? 'primary' : ''}
            onClick={() => begin(row, vm, ofVm(vm))}
          >
            {row.word}
          </button>
        ))}
      </div>
      {mayAct('clone', vm.phase) && isMine('clone', vm) && <CloneAction vm={vm} nodes={nodes} />}
    </fieldset>
  )
}

const same = ''
const clonesMax = 64
/** One clone disturbs nobody; more are asked about. */
const unaskedMax = 1

function CloneAction({ vm, nodes }: VmActionsProps) {
  const [count, setCount] = useState(1)
  const [to, setTo] = useState(same)
  const submit = () => {
    const run = () => void clone(vm.id, freeNames(vm.id, count), to || undefined)
    if (count <= unaskedMax) return run()
    const where = to === same ? 'on its own node' : `on ${to}`
    const memory = count * vm.spec.memoryMib
    question.value = {
      ...{
        title: `Clone ${vm.id} ${count} times?`,
        word: `Clone ×${count}`,
        isGrave: false,
        run,
        ended: ofVm(vm),
      },
      text:
        `${count} new VMs ${where}, each somebody else. They share their pages with ${vm.id} until ` +
        `they write; ${memory} MiB are set aside for them. ${vm.id} stands still for a moment.`,
    }
  }
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <button type="submit">Clone{count > 1 ? ` ×${count}` : ''}</button>
      <button type="button" class="quiet" onClick={() => setCount(10)}>
        ×10
      </button>
      <CloneCount count={count} change={setCount} />
      {allows('place') && <CloneNode to={to} nodes={nodes} change={setTo} />}
    </form>
  )
}

/** The parent's name, as much of it as there is room for, and the first numbers that are free. */
function freeNames(vmId: string, count: number): string[] {
  const taken = new Set(view.peek()?.vms.map(({ id }) => id))
  const ids: string[] = []
  for (let n = 1; ids.length < count; n++) {
    const id = `${vmId.slice(0, nameLettersMax - `-${n}`.length)}-${n}`
    if (!taken.has(id)) ids.push(id)
  }
  return ids
}

function CloneCount({ count, change }: { count: number; change: (count: number) => void }) {
  return (
    <label>
      <span class="spoken">How many clones</span>
      <input
        type="number"
        min={1}
        max={clonesMax}
        value={count}
        onInput={(event) => {
          const wanted = Math.floor(event.currentTarget.valueAsNumber)
          change(Math.min(clonesMax, Math.max(1, wanted || 1)))
        }}
      />
    </label>
  )
}

interface CloneNodeProps {
  readonly to: string
  readonly nodes: readonly NodeView[]
  change(to: string): void
}

function CloneNode({ to, nodes, change }: CloneNodeProps) {
  return (
    <label>
      on{' '}
      <select
        aria-label="Node of the clones"
        value={to}
        onChange={(event) => change(event.currentTarget.value)}
      >
        <option value={same}>its node</option>
        <NodeOptions nodes={nodes} />
      </select>
    </label>
  )
}
