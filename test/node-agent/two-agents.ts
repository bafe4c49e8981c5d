// Two agent processes, a and b, under a coordinator that the test plays: what a test of copies
// begins with. Not here: what is done with them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AgentProcess, startAgent } from './agent-process.ts'
import { CoordinatorDouble, eventually } from './coordinator-double.ts'

const leaseMs = 20_000

export class TwoAgents {
  readonly coordinator = new CoordinatorDouble()
  readonly #disks = mkdtempSync(join(tmpdir(), 'godwit-node-'))
  readonly #agents: AgentProcess[] = []

  static async start(): Promise<TwoAgents> {
    const two = new TwoAgents()
    two.coordinator.leaseMs = leaseMs
    const address = await two.coordinator.start()
    for (const node of ['a', 'b']) two.#agents.push(await startAgent(node, address, two.#disks))
    await eventually('two nodes', () => two.coordinator.nodes.size === 2)
    return two
  }

  /** SIGTERM; resolves when it has ended. */
  async terminate(node: 'a' | 'b'): Promise<void> {
    await this.#agents[node === 'a' ? 0 : 1]?.end()
  }

  async end(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.kill()))
    await this.coordinator.stop()
    rmSync(this.#disks, { recursive: true, force: true })
  }
}
