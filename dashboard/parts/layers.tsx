// A VM's disk: its layers, the oldest first, and making those below the top one. Not here: what a
// layer is (docs/snapshots.md), when it may be done (../layers-model.ts).

import { useRef } from 'preact/hooks'
import type { VmView } from '#proto/api.ts'
import { mibText } from '#proto/quantity.ts'
import { begin, isMine, mergeRow } from '../actions.ts'
import { connection, view } from '../cluster.ts'
import { type Layer, layersOf, mayMerge, mergeText } from '../layers-model.ts'

export function Layers({ vm }: { vm: VmView }) {
  const summary = useRef<HTMLElement>(null)
  const layers = layersOf(vm, view.value?.vms ?? [])
  if (layers.length === 0) return null
  const text = mergeText(vm)
  const count = layers.length === 1 ? 'one layer' : `${layers.length} layers`
  return (
    <details class="layers">
      <summary ref={summary}>
        Its disk: {mibText(vm.spec.diskMib)}, {count}
      </summary>
      <ol>
        {layers.map((layer) => (
          <li key={layer.name} class={layer.isTop ? 'top' : ''}>
            <code>{layer.name}</code> <small>{noteOf(layer)}</small>
          </li>
        ))}
      </ol>
      {/* There at all times: a screen reader is told when it begins and how it ends. */}
      <p role="status">{text}</p>
      {mayMerge(vm) && isMine('merge', vm) && (
        <button
          type="button"
          disabled={connection.value.is !== 'live'}
          onClick={() => {
            begin(mergeRow, vm)
            // The button goes: who has come to it by keyboard stays here.
            summary.current?.focus()
          }}
        >
          {mergeRow.word}
        </button>
      )}
    </details>
  )
}

function noteOf({ isTop, sharedWith }: Layer): string {
  const kind = isTop ? 'the top: what it writes to' : 'sealed'
  const [first, ...more] = sharedWith
  if (first === undefined) return kind
  return `${kind}, shared with ${more.length > 0 ? `${sharedWith.length} VMs` : first}`
}
