// A store with a continuous replica that is written to while one thing goes wrong, or two: what the
// sweep tries at every message, and mutations at some. Then all is healed, and every law is asked.
// Virtual ms. Not here: at which messages (replica-sweep.test.ts).

import { asVmId } from '#proto/ids.ts'
import { disorder, unrest } from '#scenarios/sim/accounts.ts'
import { coordinatorName } from '#scenarios/sim/sim-coordinator.ts'
import type { Crossing, Fate } from '#scenarios/sim/sim-link.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { faultKinds } from './fault-kinds.ts'
import { KvWriter } from './kv-writer.ts'

export const names = ['a', 'b', 'c']
const spec = { args: 'workload=kv', memoryMib: 4, diskMib: 1, clock: 'instructions' } as const
/** A primary's right to run lasts four of them: less, and more, than it takes to doubt a node. */
export const intervals = { often: 60, seldom: 500 } as const
export type Interval = keyof typeof intervals

export type FaultKind = (world: SimWorld, crossing: Crossing) => Fate

/** Its links to other nodes break, and nothing that it says is heard for a while. */
function fallMute(world: SimWorld, name: string): Fate {
  world.network.later(() => {
    for (const other of [...names, coordinatorName].filter((one) => one !== name)) {
      if (other !== coordinatorName) world.network.break(name, other)
      world.network.cut(name, other)
    }
  }, 0)
  world.network.later(() => world.network.heal(), 8000)
  return 'arrives'
}

export const replicaFaults: Readonly<Record<string, FaultKind>> = {
  ...faultKinds,
  'the sender falls mute': (world, { from }) => fallMute(world, from),
  'the receiver falls mute': (world, { to }) => fallMute(world, to),
}

export class ReplicaRun {
  readonly world: SimWorld
  readonly writer: KvWriter

  constructor(ours: SimPlatform, seed: number) {
    this.world = new SimWorld({ ...ours, nodes: names, seed, mips: 2, memoryMib: 32 })
    this.writer = new KvWriter(this.world, 'vm')
  }

  get vm() {
    return this.world.coordinator.coordinator.state.vms.get(asVmId('vm'))
  }

  async begin(interval: Interval): Promise<void> {
    const { world } = this
    await world.pass(600)
    world.run('vm', spec, 'a')
    await world.until('the VM to run', () => this.vm?.phase === 'running')
    await world.pass(500)
    const change = { protection: 'continuous', checkpointMs: intervals[interval] } as const
    world.ask({ do: 'set-policy', vmId: asVmId('vm'), change })
  }

  /** Writes while `fate` looks at each message; then all is healed. @returns what is wrong */
  async disturbed(fate: (crossing: Crossing) => Fate): Promise<string[]> {
    const { world, writer } = this
    const wrong: string[] = []
    world.network.onSend = fate
    await writer.write(4000)
    await this.#heal().catch((thrown) => wrong.push(String(thrown)))
    await writer.write(300)
    wrong.push(...(await writer.check()), ...world.violations, ...this.disorder())
    if (writer.acknowledged === 0) wrong.push('the store has acknowledged nothing')
    return wrong
  }

  async #heal(): Promise<void> {
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
export async function disturb(
  ours: SimPlatform,
  { seed, interval, fault, at }: { seed: number; interval: Interval; fault: string; at: number },
): Promise<string[]> {
  const run = new ReplicaRun(ours, seed)
  await run.begin(interval)
  let crossings = 0
  let what = ''
  const wrong = await run.disturbed((crossing) => {
    if (++crossings !== at) return 'arrives'
    what = `${fault}, message ${at}, ${crossing.from} to ${crossing.to}`
    return replicaFaults[fault]?.(run.world, crossing) ?? 'arrives'
  })
  if (what === '') wrong.push(`there was no message ${at}: nothing was tried`)
  return wrong.length > 0 ? [what, ...wrong] : []
}

/**
 * The primary loses its replica, and the fault is at the first message after that which speaks of
 * this.
 */
export async function disturbLoss(
  ours: SimPlatform,
  { seed, interval, fault, of }: { seed: number; interval: Interval; fault: string; of: string },
): Promise<string[]> {
  const run = new ReplicaRun(ours, seed)
  await run.begin(interval)
  let isBroken = false
  let what = ''
  const breakSoon = () => {
    if (run.vm?.replica?.phase !== 'ready') return
    isBroken = true
    run.world.network.later(() => run.world.network.break('a', run.vm?.replica?.nodeId ?? 'b'), 0)
  }
  const wrong = await run.disturbed((crossing) => {
    if (!isBroken) breakSoon()
    if (!isBroken || what !== '' || !speaksOf(crossing, of)) return 'arrives'
    what = `${fault}, ${of}, ${crossing.from} to ${crossing.to}`
    return replicaFaults[fault]?.(run.world, crossing) ?? 'arrives'
  })
  if (what === '') wrong.push(`nobody spoke of ${of}: nothing was tried`)
  return wrong.length > 0 ? [what, ...wrong] : []
}

export const speaksOf = ({ bytes }: Crossing, t: string): boolean =>
  new TextDecoder().decode(bytes.subarray(0, 200)).includes(t)
