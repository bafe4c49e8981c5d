// One VM close up: what it is and does, what may be done with it now (the table of proto/state.ts),
// its screen and console. Not here: how a panel opens and closes (panel.tsx).

import type { NodeView, VmView } from '#proto/api.ts'
import { ipv4OfMac } from '#proto/network-address.ts'
import { countText, mibText, mipsText, percentText } from '#proto/quantity.ts'
import { staysOpen, vmSentence } from '#proto/state.ts'
import { networkText, ownImage } from '#proto/vm-spec.ts'
import { hashOf } from '../route.ts'
import { allows } from '../session.ts'
import { ConsolePanel } from './console-panel.tsx'
import { LastMove } from './last-move.tsx'
import { Layers } from './layers.tsx'
import { VmLoads } from './load-graphs.tsx'
import { PageMap } from './page-map.tsx'
import { Panel } from './panel.tsx'
import { Policy } from './policy.tsx'
import { ScreenPanel } from './screen-panel.tsx'
import { Sign, vmSign } from './sign.tsx'
import { Snapshots } from './snapshots.tsx'
import { VmActions } from './vm-actions.tsx'
import { Why } from './why.tsx'

export function VmPanel({ vm, nodes }: { vm: VmView; nodes: readonly NodeView[] }) {
  const hasScreen = vm.spec.screen !== undefined && staysOpen(vm.phase)
  return (
    <Panel title={vm.id} from={`tile-${vm.id}`}>
      <p class={`sentence ${vm.isUnknown ? 'unknown' : vm.phase}`}>
        <Sign name={vmSign(vm)} /> {vm.id} {vmSentence(vm)}
        {vm.nodeId && vm.phase !== 'recovering' ? ` (${vm.nodeId})` : ''}.
      </p>
      {vm.fault && <p class="fault">{vm.fault.message}</p>}
      {hasScreen && allows('look', vm) && <ScreenPanel vm={vm} />}
      <VmActions vm={vm} nodes={nodes} />
      <LastMove vm={vm} />
      {allows('see-cluster') && <Why vm={vm} />}
      <Policy vm={vm} />
      <Snapshots vm={vm} />
      <Layers vm={vm} />
      {vm.nodeId && <PageMap vm={vm} />}
      <VmLoads vm={vm} />
      <Facts {...vm} />
      <p>
        <a href={hashOf({ is: 'events', filter: { vm: vm.id } })}>Events of {vm.id}</a>
      </p>
      {staysOpen(vm.phase) && allows('look', vm) && (
        <ConsolePanel vm={vm} echoes={vm.spec.image !== ownImage} mayType={allows('type', vm)} />
      )}
    </Panel>
  )
}

const timesText = (count: number): string | undefined =>
  count > 1 ? `${count} times` : count === 1 ? 'once' : undefined

/** What becomes of it when its node is lost. */
function lostText({ spec, replica }: VmView): string {
  if (!spec.ha) return 'waits for it'
  if (replica?.phase !== 'ready') return 'starts elsewhere'
  return `goes on from its replica on ${replica.nodeId} (${replica.level})`
}

function Facts(vm: VmView) {
  const { spec, identity } = vm
  const load = vm.isUnknown ? undefined : vm.load
  const facts: readonly (readonly [name: string, value: string | undefined])[] = [
    ['CPU', load && `${percentText(load.cpuGotPercent)} of ${percentText(spec.cpuCapPercent)}`],
    ['Speed', load && mipsText(load.mips)],
    ['Dirty rate', load && `${countText(load.dirtyPagesPerSec)} pages/s`],
    ['Memory', mibText(spec.memoryMib)],
    ['Disk', spec.diskMib > 0 ? mibText(spec.diskMib) : 'none'],
    ['Screen', spec.screen],
    ['Guest', `${spec.image} ${spec.args}`],
    ['Node lost', lostText(vm)],
    ['Recovered', timesText(vm.recoveries)],
    ['Clone of', vm.clonedFrom],
    ['Epoch', String(vm.epoch)],
    ['MAC', identity.mac],
    ['Address', spec.network ? ipv4OfMac(identity.mac) : 'none'],
    ['Network', spec.network ? networkText(spec) : undefined],
  ]
  return (
    <dl class="facts">
      {facts.map(
        ([name, value]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  )
}
