// How a VM is kept running: each part of its policy, and who said so. Not here: the words
// (../policy-model.ts), why it is where it is (why.tsx).

import type { VmView } from '#proto/api.ts'
import type { HaPolicy } from '#proto/ha.ts'
import { connection, view } from '../cluster.ts'
import { setPolicy, tell } from '../commands.ts'
import { fewNames, groupOf, policyLines } from '../policy-model.ts'
import { policyAsked } from '../questions.ts'
import { allows } from '../session.ts'
import { Act } from './act.tsx'

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
          {lines.map(({ name, value, from, own }) => (
            <tr key={name} class={from === 'default' ? 'default' : 'said'}>
              <th scope="row">{name}</th>
              <td>{value}</td>
              <td>
                {from}{' '}
                {own && allows('place', vm) && (
                  <Act
                    word="Take back"
                    about={`Take back what is said of it itself: ${name}`}
                    run={() => void takeBack(vm.id, own)}
                  />
                )}
              </td>
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

/** Then its group says it, or nobody. */
async function takeBack(vmId: string, part: keyof HaPolicy): Promise<void> {
  const refused = await setPolicy(vmId, { [part]: null })
  if (refused !== undefined) tell(refused, true)
}

function othersText(vms: readonly string[], own: string): string {
  const others = vms.filter((id) => id !== own)
  return others.length === 0 ? 'nobody else' : fewNames(others, 5)
}
