// Why a VM is where it is, why it is nowhere, and what would have to change: put together from the
// very questions that placement and the keeper ask, so that the answer cannot be another one.
// Pure. Not here: how it is printed (cli/).

import { namesText, type WhyView } from '#proto/ha.ts'
import { nodePhaseSentences, vmPhaseSentences } from '#proto/state.ts'
import { type Wish, wishOf, wishOfAll } from '../burdens.ts'
import type { ClusterState, Node, Vm } from '../cluster-state.ts'
import { heldBack, nodesFor, obstacleAt, startWhere, type Where } from '../placement.ts'
import { isThere, isUnknown } from '../views.ts'
import { groupText, ruleText } from './commands.ts'
import { isReadyAt } from './company-replicas.ts'
import { groupOf } from './groups.ts'
import { isolationOf, protectionOf } from './protection.ts'
import { brokenBy, comingWith, companyOf, policyOf, rankOf, rulesOf } from './rules.ts'

const storyLength = 10

export function whyOf(state: ClusterState, vm: Vm): WhyView {
  const nodes = nodesSeen(state, vm)
  return {
    vmId: vm.id,
    now: nowText(state, vm),
    bound: boundBy(state, vm),
    nodes,
    mend: mends(state, vm, nodes),
    story: state.events
      .filter(({ vmId }) => vmId === vm.id)
      .slice(-storyLength)
      .map(({ seq, wallMs, text }) => ({ seq, wallMs, text })),
  }
}

function nowText(state: ClusterState, vm: Vm): string {
  const { id, phase, nodeId, placedBecause, fault } = vm
  const where = nodeId === undefined ? '' : `, on ${nodeId}`
  const silent = isUnknown(state, vm) ? silentNodeText(state, vm) : undefined
  if (silent !== undefined) return `${id} ${vmPhaseSentences[phase]}${where}${silent}`
  const because = isThere(vm) && placedBecause ? `: ${placedBecause}` : ''
  const migration = vm.migrationId && state.migrations.get(vm.migrationId)
  const moving = migration ? `; ${migration.id} to ${migration.to} is ${migration.phase}` : ''
  const trouble = fault ? `: ${fault.message}` : ''
  return `${id} ${vmPhaseSentences[phase]}${where}${because}${moving}${trouble}`
}

function silentNodeText(state: ClusterState, vm: Vm): string | undefined {
  const node = vm.nodeId === undefined ? undefined : state.nodes.get(vm.nodeId)
  if (!node) return undefined
  const known = `, when last heard of: ${node.id} ${nodePhaseSentences[node.phase]}`
  const isRestarted = vm.spec.ha && state.ha.armed && vm.replica?.phase !== 'ready'
  return isRestarted ? `${known}; when it is, ${vm.id} starts elsewhere` : known
}

function boundBy(state: ClusterState, vm: Vm): string[] {
  const { priority, after, restarts, relocations, failback, locked } = policyOf(vm)
  const lines = rulesOf(state, vm).map((rule) => {
    const broken = brokenBy(state, rule)
    const now = broken.length > 0 ? `; now ${broken.join('; ')}` : ''
    return `rule ${rule.name}: ${ruleText(rule)}${now}`
  })
  const group = groupOf(state, vm.id)
  if (group) lines.push(`group ${group.name}: ${groupText(group)}`)
  if (vm.pinnedTo !== undefined) lines.push(`it was started for ${vm.pinnedTo} only`)
  const kept = keptText(state, vm)
  if (kept) lines.push(kept)
  if (!vm.spec.ha) lines.push('it is not protected: it waits for its node, if that is lost')
  if (locked) lines.push('it is locked: nothing moves or restarts it')
  if (after.length > 0) lines.push(`it starts after ${namesText(after)}`)
  if (isolationOf(vm) === 'pause')
    lines.push(
      'a node that is cut off pauses it; it goes on there, if it runs nowhere else by then',
    )
  if (priority !== policyDefaults.priority) lines.push(`its restart priority is ${priority}`)
  if (restarts > 0 || relocations !== undefined)
    lines.push(`it is restarted ${restarts} times, relocated ${relocations ?? 'as needed'}`)
  if (!failback) lines.push('it does not go back by itself')
  if (vm.awayFrom !== undefined) lines.push(`it belongs on ${vm.awayFrom}, and goes back there`)
  if (!state.ha.armed) lines.push('high availability is disarmed: nothing is done by itself')
  return lines
}

function keptText(state: ClusterState, vm: Vm): string | undefined {
  const { replica } = vm
  const level = protectionOf(vm)
  if (replica?.phase === 'ready') {
    const where = `its replica on ${replica.nodeId} (${replica.level})`
    return `${where} takes over when its node is lost${companyText(state, vm, replica)}`
  }
  if (level === 'checkpoint' || level === 'continuous')
    return `it is to have a replica (${level}), and has none now: it would start from its disk`
  return undefined
}

/** Who comes along, and whom a take-over waits for. */
function companyText(
  state: ClusterState,
  vm: Vm,
  { nodeId, level }: NonNullable<Vm['replica']>,
): string {
  const mates = companyOf(state, vm).filter((mate) => mate.id !== vm.id && mate.nodeId)
  if (mates.length === 0) return ''
  const isAsQuick = (mate: Vm) => mate.replica?.level === 'continuous' && isReadyAt(mate, nodeId)
  const slow = mates.filter((mate) => !isAsQuick(mate)).map(({ id }) => id)
  const together = `, together with ${namesText(mates.map(({ id }) => id))}`
  if (level !== 'continuous' || slow.length === 0) return together
  return `${together}; not before the lease of that node is over, for ${namesText(slow)}`
}

const policyDefaults = { priority: 100 }

/** As if it were to be placed now: where it is counts as free for it. */
function nodesSeen(state: ClusterState, vm: Vm): WhyView['nodes'] {
  const { where, wish } = questionOf(state, vm)
  const able = nodesFor(state, wish, where)
  const isHere = (node: Node) => node.id === vm.nodeId
  const rest = [...state.nodes.values()].filter((node) => !able.includes(node))
  return [...able, ...rest.sort((a, b) => (a.id < b.id ? -1 : 1))].map((node) => {
    const obstacle = obstacleAt(state, node, wish, where)
    const rank = rankOf(state, vm, node.id)
    const standing =
      rank === 0 ? 'it could be there' : 'it could be there, but its rules prefer others'
    const here = isHere(node) ? 'it is there' : undefined
    const isFull = obstacle?.kind === 'full' && isHere(node)
    const text = obstacle && !isFull ? obstacle.text : (here ?? standing)
    return { id: node.id, may: !obstacle || isFull, text }
  })
}

function questionOf(state: ClusterState, vm: Vm): { where: Where; wish: Wish } {
  const coming = comingWith(state, vm)
  const wish = coming.length === 1 ? wishOf(vm.spec) : wishOfAll(coming)
  return { where: { ...startWhere(state, vm), coming }, wish }
}

function mends(state: ClusterState, vm: Vm, nodes: WhyView['nodes']): string[] {
  const { phase, id } = vm
  if (phase === 'failed')
    return [
      `mend what is wrong, then: godwit start ${id}; what its guest says: godwit console ${id}`,
    ]
  if (phase === 'stopped') return [`godwit start ${id}`]
  if (phase === 'paused') return [`godwit resume ${id}`]
  if (phase !== 'pending' && phase !== 'recovering') return brokenMends(state, vm)
  const held = heldBack(state, vm)
  if (held) return [held.message]
  if (vm.nodeId !== undefined)
    return [`${vm.nodeId} must be fenced first: its lease has to run out, or it has to come back`]
  if (nodes.some(({ may }) => may)) return ['nothing: it is about to start']
  return eachOnce(nodes)
}

/** What stands in the way at several nodes is told once, with their names. */
function eachOnce(nodes: WhyView['nodes']): string[] {
  const sharedBy = new Map<string, string[]>()
  for (const { id, text } of nodes) sharedBy.set(text, [...(sharedBy.get(text) ?? []), id])
  return [...sharedBy].map(([text, ids]) => `${ids.join(', ')}: ${text}`)
}

const brokenMends = (state: ClusterState, vm: Vm): string[] =>
  rulesOf(state, vm).flatMap((rule) => {
    const broken = brokenBy(state, rule)
    if (broken.length === 0 || !broken.some((text) => text.includes(vm.id))) return []
    return [`rule ${rule.name} is not kept: ${broken.join('; ')}; it moves as soon as it can`]
  })
