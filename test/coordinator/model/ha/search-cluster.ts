// The model cluster as the search plays it: agents that know all that high availability needs,
// nodes of several sizes, and a judge who sees each order before its node does. Not here: what is
// judged (order-judge.ts, rest-judge.ts).

import type { LinkId } from '#coordinator/core/cluster-state.ts'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import type { NodeId } from '#proto/ids.ts'
import { asNodeId } from '#proto/ids.ts'
import type { CoordinatorMessage } from '#proto/messages.ts'
import { ModelCluster, settings } from '../model-cluster.ts'
import { wrongOrder } from './order-judge.ts'
import type { SearchPlan } from './search-plan.ts'
import { Sight } from './sight.ts'
import { WholeAgent } from './whole-agent.ts'

export class SearchCluster extends ModelCluster {
  readonly names: readonly NodeId[]
  readonly plan: SearchPlan
  readonly snapshots: WholeAgent['snapshots'] = new Map()

  constructor(plan: SearchPlan) {
    const device = plan.hasDevice ? { fenceAfterMs: 700 } : {}
    super([], plan.seed, { ...settings, ...device, rebalance: plan.rebalances })
    this.plan = plan
    this.names = Array.from({ length: plan.nodes }, (_, n) => asNodeId(`n${n + 1}`))
    for (const id of this.names) this.startNode(id)
  }

  get sight(): Sight {
    if (!this.state) throw new Error('there is no coordinator')
    return new Sight(this.state)
  }

  override makeAgent(id: NodeId, incarnation: string): WholeAgent {
    const agent = new WholeAgent(id, incarnation, this, this.snapshots)
    const { nodeMib } = this.plan
    agent.memoryMib = nodeMib[this.names.indexOf(id) % nodeMib.length] ?? 400
    agent.leave = () => this.#leave(agent)
    return agent
  }

  #agentUp(id: NodeId): WholeAgent | undefined {
    const agent = this.agents.get(id)
    const isThere = agent instanceof WholeAgent && agent.isUp && !agent.isDead && !agent.isHung
    return isThere ? agent : undefined
  }

  askLeave(id: NodeId): void {
    const agent = this.#agentUp(id)
    this.story.push(`${this.nowMs()} ${id} wants to leave`)
    agent?.askLeave()
  }

  leave(id: NodeId): void {
    const agent = this.#agentUp(id)
    if (agent) this.#leave(agent)
  }

  #leave(agent: WholeAgent): void {
    agent.stopAll()
    this.endNode(agent, true)
  }

  override ask(command: ApiCommand): void {
    const { identity: _, identities: __, ...told } = command as ApiCommand & Record<string, unknown>
    this.story.push(`${this.nowMs()} ${JSON.stringify(told)}`)
    super.ask(command)
  }

  override toAgent(linkId: LinkId, message: CoordinatorMessage): void {
    const wrong = this.state && wrongOrder(this.sight, message, this.nowMs())
    if (wrong) throw new Error(wrong)
    super.toAgent(linkId, message)
  }
}
