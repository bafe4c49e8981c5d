// One VM in a few square centimetres: name, state, workload, load. A click or Enter opens its
// panel; it can be carried to another node, and M asks where to. While it migrates the tile at the
// source shows how far it is, and a dashed one waits at the destination.

import type { MigrationView, VmView } from '#proto/api.ts'
import { countText, percentText } from '#proto/quantity.ts'
import { type VmPhase, vmPhaseSentences } from '#proto/state.ts'
import { workloadOf } from '#proto/vm-spec.ts'
import { grip, isClick } from '../carrying.ts'
import { selectedVmId } from '../cluster.ts'
import { roundPart } from '../cluster-model.ts'
import { moveAsked } from '../questions.ts'
import { go } from '../route.ts'
import { Sign, vmSigns } from './sign.tsx'

interface VmTileProps {
  readonly vm: VmView
  readonly leaving: MigrationView | undefined
}

export function VmTile({ vm, leaving }: VmTileProps) {
  const { id, phase, spec } = vm
  const open = selectedVmId.value === id
  const load = isRunning(phase) ? (vm.load?.cpuGotPercent ?? 0) : 0
  const part = leaving ? roundPart(leaving) : load / 100
  return (
    <li>
      <button
        type="button"
        class={`tile ${phase}`}
        id={`tile-${id}`}
        aria-expanded={open}
        aria-label={labelOf(vm)}
        aria-keyshortcuts="M"
        onPointerDown={(event) => grip(event, vm)}
        onClick={() => isClick() && go(open ? { is: 'cluster' } : { is: 'vm', id })}
        onKeyDown={({ key }) => {
          if (key === 'm') moveAsked.value = { vmId: id }
        }}
      >
        <span class="name">
          <Sign name={vmSigns[phase]} />
          <span>{id}</span>
        </span>
        <span class="facts">
          <span>{workloadOf(spec)}</span>
          <span>{leaving ? `to ${leaving.to}` : factOf(vm)}</span>
        </span>
        <span class={`thin ${leaving ? 'moving' : ''}`}>
          <span style={{ width: `${Math.round(Math.min(1, part) * 100)}%` }} />
        </span>
      </button>
    </li>
  )
}

const isRunning = (phase: VmPhase): boolean => phase === 'running' || phase === 'migrating'

/** What matters most in its phase: the load when it runs, else the phase itself. */
function factOf({ phase, load }: VmView): string {
  return phase === 'running' && load ? percentText(load.cpuGotPercent) : phase
}

function labelOf(vm: VmView): string {
  const parts = [`${vm.id} ${vmPhaseSentences[vm.phase]}`, `workload ${workloadOf(vm.spec)}`]
  if (vm.load) {
    parts.push(`CPU ${percentText(vm.load.cpuGotPercent)}`)
    parts.push(`${countText(vm.load.dirtyPagesPerSec)} dirty pages a second`)
  }
  return parts.join(', ')
}

export function ArrivingTile({ name, migration }: { name: string; migration: MigrationView }) {
  return (
    <li>
      <div class="tile arriving">
        <span class="name">
          <Sign name="move" />
          <span>{name}</span>
        </span>
        <span class="facts">
          <span>arriving</span>
          <span>from {migration.from}</span>
        </span>
        <span class="thin moving">
          <span style={{ width: `${Math.round(roundPart(migration) * 100)}%` }} />
        </span>
      </div>
    </li>
  )
}
