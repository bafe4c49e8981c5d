// How a VM is kept running: each part of its policy, and who said so. Not here: the words
// (../policy-model.ts), why it is where it is (why.tsx).

import type { VmView } from '#proto/api.ts'
import { connection, view } from '../cluster.ts'
import { fewNames, groupOf, policyLines } from '../policy-model.ts'
import { policyAsked } from '../questions.ts'
import { allows } from '../session.ts'

export function Policy({ vm }: { vm: VmView }) {
  const groups = view.value?.groups
  const group = groupOf(vm.id, groups)
  const lines = policyLines(vm, groups)
  return (
    <details class="policy">
      <summary>How is it kept running?</summary>
      {group && (
        <p>
          It is in group <b>{group.name}</b>, with {othersText(group.vms, vm.id)}.
        </p>
      )}
      <table>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">How</th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ name, value, from }) => (
            <tr key={name} class={from === 'default' ? 'default' : 'said'}>
              <th scope="row">{name}</th>
              <td>{value}</td>
              <td>{from}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {allows('place', vm) && (
        <button
          type="button"
          disabled={connection.value.is !== 'live'}
          onClick={() => {
            policyAsked.value = vm
          }}
        >
          Change…
        </button>
      )}
    </details>
  )
}

function othersText(vms: readonly string[], own: string): string {
  const others = vms.filter((id) => id !== own)
  return others.length === 0 ? 'nobody else' : fewNames(others, 5)
}
