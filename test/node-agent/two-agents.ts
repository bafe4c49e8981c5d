// Two agent processes, a and b, under a coordinator that the test plays: what a test of copies
// begins with. Not here: what is done with them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asEpoch, asMigrationId, asVmId, type CommandId } from '#proto/ids.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { type AgentProcess, startAgent } from './agent-process.ts'
import { CoordinatorDouble, eventually, params, vmOrder } from './coordinator-double.ts'

const leaseMs = 20_000

export class TwoAgents {
  readonly coordinator = new CoordinatorDouble()
  readonly #disks = mkdtempSync(join(tmpdir(), 'godwit-node-'))
  readonly #agents: AgentProcess[] = []

  static async start(): Promise<TwoAgents> {
    const two = new TwoAgents()
    two.coordinator.leaseMs = leaseMs
    const address = await two.coordinator.start()
    const started = ['a', 'b'].map((node) => startAgent(node, address, two.#disks))
    two.#agents.push(...(await Promise.all(started)))
    await eventually('two nodes', () => two.coordinator.nodes.size === 2)
    return two
  }

  get printed(): string {
    return this.coordinator.consoles.get('vm1') ?? ''
  }

  /** vm1 on a, with a guest of 32 MiB that writes; resolves when its memory is full. */
  async boot(args: string): Promise<void> {
    await this.coordinator.command('a', {
      t: 'start',
      ...vmOrder('vm1', 1, { args, memoryMib: 32 }),
    })
    this.coordinator.listen('a', 'vm1', 1)
    await eventually('the guest at work', () => this.printed.includes(' ready'))
  }

  /** Orders that vm1 moves from a to b, by that address of b. */
  migrate(given: Partial<MigrationParams>, address?: string): CommandId {
    const { nodeId, peerAddress } = this.coordinator.node('b')
    return this.coordinator.send('a', {
      t: 'migrate',
      vmId: asVmId('vm1'),
      epoch: asEpoch(1),
      nextEpoch: asEpoch(2),
      migrationId: asMigrationId('m1'),
      destination: { nodeId, address: address ?? peerAddress },
      params: params(given),
    })
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
