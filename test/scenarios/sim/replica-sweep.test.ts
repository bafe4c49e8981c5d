// The sweep of replication: a store with a replica is written to all along, and at some message
// that the three nodes and the coordinator send meanwhile one thing goes wrong. Then all is healed:
// one copy runs, nothing that was acknowledged is lost, it has a replica again, and nothing else of
// any is left. GODWIT_SWEEP=all tries every message; without, some of them, from GODWIT_SEED on.

import { beforeAll, describe, expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import { disorder, unrest } from '#scenarios/sim/accounts.ts'
import { coordinatorName } from '#scenarios/sim/sim-coordinator.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { faultKinds } from './fault-kinds.ts'
import { KvWriter } from './kv-writer.ts'
import { platform } from './platform.ts'

const seed = Number(process.env.GODWIT_SEED ?? 1)
const isWhole = process.env.GODWIT_SWEEP === 'all'
const sampled = 3
/** Messages from the order to have a replica on: the first rounds, and some checkpoints. */
const messages = 260

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

const names = ['a', 'b', 'c']
const spec = { args: 'workload=kv', memoryMib: 4, diskMib: 1, clock: 'instructions' } as const
const levels = {
  continuous: { protection: 'continuous', checkpointMs: 60 },
} as const

class Run {
  readonly world: SimWorld
  readonly writer: KvWriter

  constructor() {
    this.world = new SimWorld({ ...ours, nodes: names, seed, mips: 2, memoryMib: 32 })
    this.writer = new KvWriter(this.world, 'vm')
  }

  get vm() {
    return this.world.coordinator.coordinator.state.vms.get(asVmId('vm'))
  }

  async begin(level: keyof typeof levels): Promise<void> {
    const { world } = this
    await world.pass(600)
    world.run('vm', spec, 'a')
    await world.until('the VM to run', () => this.vm?.phase === 'running')
    await world.pass(500)
    world.ask({ do: 'set-policy', vmId: asVmId('vm'), change: levels[level] })
  }

  async heal(): Promise<void> {
    const { world } = this
    world.network.onSend = undefined
    await world.pass(9000)
    for (const name of [...names, coordinatorName])
      if (!world.process(name).isAlive) world.restart(name)
    const isKept = () => this.vm?.replica?.phase === 'ready' && unrest(world, names).length === 0
    await world.until('peace, and a replica', isKept, 120_000)
    await world.until('order', () => this.disorder().length === 0, 45_000).catch(() => undefined)
  }

  /** Layers are swept later than this test lasts. */
  disorder(): string[] {
    return disorder(this.world, names).filter((text) => !text.startsWith('layers'))
  }
}

/** The fault at the n-th message. @returns the story, when something is wrong */
async function disturb(level: keyof typeof levels, fault: string, at: number): Promise<string[]> {
  const run = new Run()
  await run.begin(level)
  let crossings = 0
  let what = ''
  run.world.network.onSend = (crossing) => {
    if (++crossings !== at) return 'arrives'
    what = `${fault}, message ${at}, ${crossing.from} to ${crossing.to}`
    return faultKinds[fault]?.(run.world, crossing) ?? 'arrives'
  }
  const wrong: string[] = []
  await run.writer.write(4000)
  await run.heal().catch((thrown) => wrong.push(String(thrown)))
  await run.writer.write(300)
  wrong.push(...(await run.writer.check()), ...run.world.violations, ...run.disorder())
  if (what === '') wrong.push(`there was no message ${at}: nothing was tried`)
  if (run.writer.acknowledged === 0) wrong.push('the store has acknowledged nothing')
  return wrong.length > 0 ? [what, ...wrong] : []
}

describe.each(Object.keys(levels) as (keyof typeof levels)[])('%s', (level) => {
  test.each(Object.keys(faultKinds))('%s', { timeout: 1_200_000 }, async (fault) => {
    const random = new SeededRandom(seed + fault.length)
    const all = Array.from({ length: messages }, (_, at) => at + 1)
    const chosen = isWhole ? all : Array.from({ length: sampled }, () => 1 + random.below(messages))
    const wrong: string[][] = []
    for (const at of chosen) {
      const story = await disturb(level, fault, at)
      if (story.length > 0) wrong.push(story)
    }
    expect(wrong).toEqual([])
  })
})
