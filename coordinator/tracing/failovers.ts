// A node that falls silent, and what becomes of its VMs, as one trace: made of the story's events.
//   failover
//   ├ silent      from its last heartbeat until it was missed
//   ├ suspect     until it is fenced, or back: its lease runs out meanwhile
//   └ recovery    of each of its VMs; linked to `suspect`, which it had to wait for
//     ├ placement   until there is a node for it
//     └ start       what that node is told to do (cluster-tracing.ts)
// Not here: what a recovery is (core/recovery.ts). Times in monotonic ms.

import type { SpanContext } from '#env/env.ts'
import type { OpenSpan, Tracing } from '#env/spans.ts'
import type { EventView } from '#proto/api.ts'
import type { NodeId, VmId } from '#proto/ids.ts'

interface Loss {
  readonly root: OpenSpan
  suspect: OpenSpan | undefined
  /** It is fenced, or gone, or back: no other of its VMs will have to be recovered. */
  isSettled: boolean
  isBack: boolean
  /** When the last of it happened. */
  lastMs: number
  /** VMs that are being recovered, and how many there were. */
  readonly open: Set<VmId>
  vms: number
  failed: number
}

interface Recovery {
  readonly span: OpenSpan
  readonly loss: Loss
  placement: OpenSpan | undefined
}

const endsWell: ReadonlySet<string> = new Set([
  ...['vm-recovered', 'vm-running', 'vm-stopped', 'vm-removed'],
])
const endsBadly: ReadonlySet<string> = new Set(['vm-failed', 'vm-crashed'])

export class Failovers {
  readonly #spans: Tracing
  readonly #heartbeatAtMs: (id: NodeId) => number | undefined
  readonly #losses = new Map<NodeId, Loss>()
  readonly #recoveries = new Map<VmId, Recovery>()

  constructor(spans: Tracing, heartbeatAtMs: (id: NodeId) => number | undefined) {
    this.#spans = spans
    this.#heartbeatAtMs = heartbeatAtMs
  }

  see(event: EventView): void {
    const { kind, atMs, text } = event
    const nodeId = event.nodeId as NodeId
    const vmId = event.vmId as VmId
    if (kind === 'node-suspect' || kind === 'node-unreachable') this.#miss(nodeId, atMs)
    else if (kind === 'node-fenced' || kind === 'node-gone') this.#settle(nodeId, event, false)
    else if (kind === 'node-online') this.#settle(nodeId, event, true)
    else if (kind === 'vm-recovering') this.#recover(vmId, nodeId, event)
    else if (kind === 'vm-placed') this.#place(vmId, nodeId, atMs)
    else if (endsWell.has(kind)) this.#end(vmId, atMs)
    else if (endsBadly.has(kind)) this.#end(vmId, atMs, text)
  }

  /** All events of a step were seen. */
  stepped(): void {
    for (const [nodeId, loss] of this.#losses) {
      if (!loss.isSettled || loss.open.size > 0) continue
      const { vms, failed, isBack } = loss
      const outcome = isBack && vms === 0 ? 'came back' : failed > 0 ? 'failed' : 'recovered'
      const attributes = { 'godwit.vms': vms, 'godwit.outcome': outcome }
      const fault = failed > 0 ? `${failed} of its ${vms} VMs do not run` : undefined
      loss.root.end({ atMs: loss.lastMs, attributes, fault })
      this.#losses.delete(nodeId)
    }
  }

  /** Of the VM's recovery; else of the node's loss. */
  contextOf(vmId: VmId | undefined, nodeId?: NodeId): SpanContext | undefined {
    const recovery = vmId === undefined ? undefined : this.#recoveries.get(vmId)
    if (recovery) return recovery.span.context
    return vmId === undefined && nodeId !== undefined
      ? this.#losses.get(nodeId)?.root.context
      : undefined
  }

  #begin(nodeId: NodeId, atMs: number): Loss {
    const root = this.#spans.begin('failover', { atMs, attributes: { 'godwit.node': nodeId } })
    const loss: Loss = {
      ...{ root, suspect: undefined, isSettled: false, isBack: false, lastMs: atMs },
      ...{ open: new Set<VmId>(), vms: 0, failed: 0 },
    }
    this.#losses.set(nodeId, loss)
    return loss
  }

  #miss(nodeId: NodeId, atMs: number): void {
    if (this.#losses.has(nodeId)) return
    const silentSinceMs = this.#heartbeatAtMs(nodeId) ?? atMs
    const loss = this.#begin(nodeId, silentSinceMs)
    loss.root.child('silent', { atMs: silentSinceMs }).end({ atMs })
    loss.suspect = loss.root.child('suspect', { atMs })
  }

  #settle(nodeId: NodeId, { atMs, text, kind }: EventView, isBack: boolean): void {
    // A fence without a doubt before it is an operator's; else nothing was lost of which we know.
    const loss = this.#losses.get(nodeId) ?? (kind === 'node-fenced' && this.#begin(nodeId, atMs))
    if (!loss || loss.isSettled) return
    Object.assign(loss, { isSettled: true, isBack, lastMs: atMs })
    loss.suspect?.end({ atMs, attributes: { 'godwit.ended_by': text } })
  }

  #recover(vmId: VmId, nodeId: NodeId | undefined, { atMs, text }: EventView): void {
    const again = this.#recoveries.get(vmId)
    if (again) {
      again.placement ??= again.span.child('placement', { atMs })
      return
    }
    const loss = this.#lossFor(vmId, nodeId, atMs)
    const links = loss.suspect ? [loss.suspect.context] : []
    const attributes = { 'godwit.vm': vmId, 'godwit.why': text }
    const span = loss.root.child('recovery', { atMs, links, attributes })
    loss.open.add(vmId)
    loss.vms += 1
    this.#recoveries.set(vmId, { span, loss, placement: span.child('placement', { atMs }) })
  }

  /** A copy that is lost without its node has a trace of its own. */
  #lossFor(vmId: VmId, nodeId: NodeId | undefined, atMs: number): Loss {
    const key = nodeId ?? (vmId as string as NodeId)
    const known = this.#losses.get(key)
    if (known) return known
    const loss = this.#begin(key, atMs)
    loss.isSettled = true
    return loss
  }

  #place(vmId: VmId, nodeId: NodeId, atMs: number): void {
    const recovery = this.#recoveries.get(vmId)
    recovery?.placement?.end({ atMs, attributes: { 'godwit.node': nodeId } })
    if (recovery) recovery.placement = undefined
  }

  #end(vmId: VmId, atMs: number, fault?: string): void {
    const recovery = this.#recoveries.get(vmId)
    if (!recovery) return
    this.#recoveries.delete(vmId)
    const { span, loss, placement } = recovery
    placement?.end({ atMs, fault })
    span.end({ atMs, fault })
    loss.open.delete(vmId)
    loss.lastMs = atMs
    if (fault !== undefined) loss.failed += 1
  }
}
