// Judges of high availability: who was fenced, what was told, how all is at the end, and whether a
// rule is kept. Pure. Not here: states of a VM or node at one instant (state-judges.ts).

import type { ClusterView } from '#proto/api.ts'
import type { ExpectationOf } from '../language/expectations.ts'
import { broken, held, heldIf, type Judge, open, unseenAtTheEnd } from './finding.ts'
import type { StateHold } from './state-judges.ts'

/** By the cluster's own story, from the beginning of the timeline on. */
export function fenced({ nodes }: ExpectationOf<'fenced'>): Judge {
  const seen = new Set<string>()
  return (evidence) => {
    if (evidence.kind === 'closing') {
      if (evidence.closing.isBlind) return unseenAtTheEnd
      const wanted = [...nodes].sort().join(', ')
      const found = [...seen].sort().join(', ')
      return heldIf(wanted === found, found === '' ? 'none was' : `it was: ${found}`)
    }
    if (evidence.kind !== 'event') return undefined
    const { kind, nodeId } = evidence.event
    if (kind === 'node-fenced' && nodeId !== undefined) seen.add(nodeId)
    return undefined
  }
}

export const told = ({ text }: ExpectationOf<'told'>): Judge => {
  return (evidence) => {
    if (evidence.kind !== 'event' || !evidence.event.text.includes(text)) return undefined
    return held(evidence.event.text)
  }
}

export function vmAtEnd({ vm: id, node, phase }: ExpectationOf<'vm-at-end'>, view: ClusterView) {
  const vm = view.vms.find((other) => other.id === id)
  if (vm === undefined) return broken('there is no such VM')
  const isOn = node === undefined || [node].flat().some((one) => one === vm.nodeId)
  const isIn = phase === undefined || [phase].flat().includes(vm.phase)
  const where = vm.nodeId === undefined ? '' : ` on ${vm.nodeId}`
  return heldIf(isOn && isIn, `it is ${vm.phase}${where}`)
}

export function nodeAtEnd({ node: id, phase }: ExpectationOf<'node-at-end'>, view: ClusterView) {
  const node = view.nodes.find((other) => other.id === id)
  return heldIf(node?.phase === phase, node ? `it is ${node.phase}` : 'there is no such node')
}

export function restarts(item: ExpectationOf<'restarts'>, view: ClusterView) {
  const vm = view.vms.find(({ id }) => id === item.vm)
  if (vm === undefined) return broken('there is no such VM')
  const count = vm.recoveries
  return heldIf(count >= item.min && count <= (item.max ?? count), `there were ${count}`)
}

export function powerSaved(
  { 'at-least': share }: ExpectationOf<'power-saved'>,
  { power }: ClusterView,
) {
  const { joules, joulesAllOn } = power
  const percent = joulesAllOn === 0 ? 0 : 100 * (1 - joules / joulesAllOn)
  const drawn = `${(joules / 1000).toFixed(1)} of ${(joulesAllOn / 1000).toFixed(1)} kJ were drawn`
  return heldIf(percent >= share, `${drawn}: ${percent.toFixed(0)} % saved`)
}

export function ruleKept({ rule: name, hold }: ExpectationOf<'rule-kept'>): Judge {
  let seen: string | undefined
  return (evidence) => {
    if (evidence.kind === 'view') {
      const found = evidence.view.rules.find(({ rule }) => rule.name === name)
      seen = found ? found.broken.join('; ') : 'there is no such rule'
      return kept(hold, seen)
    }
    if (evidence.kind !== 'closing' || hold === 'eventually') return undefined
    if (evidence.closing.isBlind) return unseenAtTheEnd
    return seen === undefined ? broken('nothing was seen') : held(seen || 'all is as it says')
  }
}

function kept(hold: StateHold, trouble: string) {
  const isSo = trouble === ''
  const detail = trouble || 'all is as it says'
  if (hold === 'eventually') return isSo ? held(detail) : open(detail)
  return isSo === (hold === 'never') ? broken(detail) : undefined
}
