// One node: how it stands, how loaded it is, and its VMs as tiles; and the VMs that are on no node.
// Not here: the tiles themselves (vm-tile.tsx).

import type { NodeView, VmView } from '#proto/api.ts'
import { countText, msText, percentText } from '#proto/quantity.ts'
import { isHeard, nodePhaseSentences } from '#proto/state.ts'
import { selectedVmId } from '../cluster.ts'
import type { NodeColumn, Tile } from '../cluster-model.ts'
import { hashOf } from '../route.ts'
import { allows } from '../session.ts'
import { DropSign } from './carried.tsx'
import { Meter } from './meter.tsx'
import { once } from './once.tsx'
import { nodeSigns, Sign } from './sign.tsx'
import { ArrivingTile, VmTile } from './vm-tile.tsx'

export const NodeCard = once(function NodeCard({ node, tiles }: NodeColumn) {
  const { id, phase, capacity } = node
  return (
    <section class={`card node ${phase}`} aria-labelledby={`node-${id}`} data-node={id}>
      <Head {...node} />
      {node.evacuation && <Leaving {...node.evacuation} />}
      <Meter
        name="CPU"
        part={isHeard(node) ? node.cpuGotPercent / (capacity.cores * 100) : 0}
        text={cpuText(node)}
      />
      <Meter
        name="Memory"
        part={node.memoryReservedMib / capacity.memoryMib}
        text={`${countText(node.memoryReservedMib)} of ${countText(capacity.memoryMib)} MiB`}
      />
      <Tiles id={id} isAsleep={node.power === 'standby'} tiles={tiles} />
      <footer>
        <span>{leaseText(node)}</span>
        <span>{speedText(node)}</span>
      </footer>
      <DropSign nodeId={id} />
    </section>
  )
})

function Head(node: NodeView) {
  const { id, phase } = node
  const standing = standingOf(node)
  return (
    <header>
      <h2 id={`node-${id}`}>
        <a id={`open-${id}`} href={hashOf({ is: 'node', id })}>
          {id}
        </a>
      </h2>
      <p class={`phase ${standing}`} title={`${id} ${nodePhaseSentences[phase]}`}>
        <Sign name={standing === phase ? nodeSigns[phase] : 'off'} /> {standing}
      </p>
    </header>
  )
}

interface TilesProps {
  readonly id: string
  readonly isAsleep: boolean
  readonly tiles: readonly Tile[]
}

const Tiles = once(function Tiles({ id, isAsleep, tiles }: TilesProps) {
  const open = selectedVmId.value
  if (tiles.length === 0)
    return <p class="empty">{isAsleep ? 'Asleep until it is needed.' : 'No VMs here.'}</p>
  return (
    <ul class="tiles" aria-label={`VMs on ${id}`}>
      {tiles.map((tile) =>
        tile.kind === 'vm' ? (
          <VmTile
            key={tile.vm.id}
            vm={tile.vm}
            leaving={tile.leaving}
            isOpen={tile.vm.id === open}
          />
        ) : (
          <ArrivingTile key={`${tile.migration.id} ${tile.name}`} {...tile} />
        ),
      )}
    </ul>
  )
})

/** In one word; what an operator did with it comes before that it is online. */
function standingOf({ phase, evacuation, power }: NodeView): string {
  if (phase !== 'online') return phase
  if (evacuation) return 'maintenance'
  return power === 'on' ? phase : power
}

/** Of a node in maintenance: how far it is, and who stays and why. */
function Leaving({ total, left, moving, stuck, etaMs }: NonNullable<NodeView['evacuation']>) {
  const gone = total - left
  const eta = moving > 0 ? `, ${msText(etaMs.expected)} to go` : ''
  return (
    <div class="leaving">
      <Meter
        name="Leaving"
        part={total === 0 ? 1 : gone / total}
        text={`${gone} of ${total}${eta}`}
      />
      {stuck.map(({ vmId, why }) => (
        <p key={vmId} class="fault">
          {vmId} stays: {why}
        </p>
      ))}
    </div>
  )
}

function cpuText(node: NodeView): string {
  const { cpuGotPercent, capacity } = node
  return isHeard(node) ? `${countText(cpuGotPercent)} of ${percentText(capacity.cores * 100)}` : '–'
}

/** Nothing to who is not told of leases. */
function leaseText({ leaseLeftMs }: NodeView): string {
  if (!allows('see-cluster')) return ''
  return leaseLeftMs > 0 ? `lease ${msText(leaseLeftMs)}` : 'no lease'
}

function speedText({ capacity: { cores, mipsPerCore } }: NodeView): string {
  const each = mipsPerCore === 0 ? '' : ` of ${countText(mipsPerCore)} MIPS`
  return `${cores} ${cores === 1 ? 'core' : 'cores'}${each}`
}

export function Homeless({ vms }: { vms: readonly VmView[] }) {
  return (
    <section class="card node homeless" aria-labelledby="homeless">
      <header>
        <h2 id="homeless">On no node</h2>
      </header>
      <ul class="tiles" aria-label="VMs on no node">
        {vms.map((vm) => (
          <VmTile key={vm.id} vm={vm} leaving={undefined} isOpen={vm.id === selectedVmId.value} />
        ))}
      </ul>
    </section>
  )
}
