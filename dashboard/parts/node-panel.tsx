// One node close up: how it stands, what it has and draws, what an operator may do with it, and, in
// a laboratory, how it can be broken. Not here: how a panel opens and closes (panel.tsx).

import type { NodeView } from '#proto/api.ts'
import { countText, mibText, msText, percentText } from '#proto/quantity.ts'
import { nodePhaseSentences } from '#proto/state.ts'
import { type ActionRow, begin, breakActionsNow, nodeActionsNow, ofNode } from '../actions.ts'
import { connection, view } from '../cluster.ts'
import { laboratory } from '../laboratory.ts'
import { fewNames } from '../policy-model.ts'
import { hashOf } from '../route.ts'
import { allows } from '../session.ts'
import { links } from '../sights.ts'
import { rateText } from './links.tsx'
import { NodeLoads } from './load-graphs.tsx'
import { Panel } from './panel.tsx'
import { nodeSigns, Sign } from './sign.tsx'

export function NodePanel({ node }: { node: NodeView }) {
  const { id, phase } = node
  return (
    <Panel title={id} from={`open-${id}`}>
      <p class={`sentence ${phase}`}>
        <Sign name={nodeSigns[phase]} /> {id} {nodePhaseSentences[phase]}
        {standingText(node)}.
      </p>
      <Buttons legend={`Actions on ${id}`} offered={nodeActionsNow} node={node} />
      <Broken node={node} />
      <Facts {...node} />
      {allows('see-cluster') && <NodeLoads node={node} />}
      <p>
        <a href={hashOf({ is: 'events', filter: { node: id } })}>Events of {id}</a>
      </p>
      <NodeLinks id={id} />
    </Panel>
  )
}

/** What an operator, or the cluster to save power, did with it. */
function standingText({ phase, evacuation, power }: NodeView): string {
  if (phase !== 'online') return ''
  if (evacuation) return ', and in maintenance: it takes no VMs until it returns'
  if (power === 'emptying') return ', and is being emptied, to go to standby'
  if (power === 'standby') return ', and in standby: it takes no VMs until it is woken'
  return power === 'waking' ? ', and is waking' : ''
}

/** Of which VMs it keeps one: memory is set aside for each. */
const replicasOn = (nodeId: string): string[] =>
  view.value?.vms.filter(({ replica }) => replica?.nodeId === nodeId).map(({ id }) => id) ?? []

interface ButtonsProps {
  readonly legend: string
  readonly offered: (node: NodeView) => readonly ActionRow<NodeView>[]
  readonly node: NodeView
  readonly isShown?: boolean
}

function Buttons({ legend, offered, node, isShown = false }: ButtonsProps) {
  const rows = offered(node)
  if (rows.length === 0) return null
  return (
    <fieldset class="actions" disabled={connection.value.is !== 'live'}>
      <legend class={isShown ? '' : 'spoken'}>{legend}</legend>
      <div class="row">
        {rows.map((row) => (
          <button
            key={row.word}
            type="button"
            class={isShown && row.ask ? 'breaks' : ''}
            onClick={() => begin(row, node, ofNode(node, row, offered))}
          >
            {row.word}
          </button>
        ))}
      </div>
    </fieldset>
  )
}

/** What is broken on purpose, and what could be. */
function Broken({ node }: { node: NodeView }) {
  const now = laboratory.value?.nodes.find(({ id }) => id === node.id)
  if (!now) return null
  const { process, cut } = now
  const words = [
    ...(process === 'hung' ? ['it hangs'] : []),
    ...(process === 'exited' ? ['its process has ended'] : []),
    ...(cut.coordinator ? ['cut from the coordinator'] : []),
    ...(cut.peers ? ['cut from all other nodes'] : []),
  ]
  return (
    <>
      {words.length > 0 && (
        <p class="fault">
          <Sign name="bad" /> Broken on purpose: {words.join(', ')}.
        </p>
      )}
      <Buttons legend="Break on purpose" offered={breakActionsNow} node={node} isShown />
    </>
  )
}

/** What it sends to each other node now. */
function NodeLinks({ id }: { id: string }) {
  const own = links.value.filter(({ from }) => from === id)
  if (own.length === 0) return null
  return (
    <section class="node-links" aria-labelledby="node-links">
      <h3 id="node-links">
        Sends <small>pages, guests’ frames</small>
      </h3>
      <dl class="facts">
        {own.map(({ to, pageBytesPerSec, trunkBytesPerSec, isTrunkUp }) => (
          <div key={to}>
            <dt>to {to}</dt>
            <dd>
              {rateText(pageBytesPerSec)}, {rateText(trunkBytesPerSec)}
              {!isTrunkUp && ' (trunk down)'}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function Facts(node: NodeView) {
  const { id, capacity } = node
  const ofMemory = `of ${mibText(capacity.memoryMib)}`
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['CPU', `${percentText(node.cpuGotPercent)} of ${percentText(capacity.cores * 100)}`],
    ['Wanted', percentText(node.cpuDemandPercent)],
    ['Speed', speedText(node)],
    ['Memory', `${mibText(node.memoryReservedMib)} ${ofMemory} set aside`],
    ['VMs', countText(node.vmCount)],
    ['Replicas', fewNames(replicasOn(id), 5) || 'none'],
    ...(allows('see-cluster') ? insideFacts(node) : []),
  ]
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Who sees only what is theirs is told nothing of it: what stands there instead is not so. */
function insideFacts(node: NodeView): [name: string, value: string][] {
  const { id, leaseLeftMs, power } = node
  const watts = view.value?.power.nodes.find((each) => each.id === id)?.watts
  return [
    ['Process', `${mibText(node.memoryUsedMib)} in use`],
    ['Lease', leaseLeftMs > 0 ? `${msText(leaseLeftMs)} left` : 'none'],
    ['Power', `${power}${watts === undefined ? '' : `, ${countText(watts)} W`}`],
    ['Address', node.peerAddress],
    ['PID', String(node.pid)],
  ]
}

function speedText({ capacity: { cores, mipsPerCore } }: NodeView): string {
  const each = mipsPerCore === 0 ? 'as fast as the machine' : `${countText(mipsPerCore)} MIPS`
  return `${cores} ${cores === 1 ? 'core' : 'cores'}, ${each}`
}
