// The sweep of the migration protocol: at every message that anybody sends while a VM moves, on
// every road, one thing goes wrong: its sender or its receiver crashes or hangs, the link breaks,
// the road is cut in silence, the message comes twice. Then all is healed, and exactly one copy
// runs, with the memory that it must have, and nothing of the migration is left anywhere.
// GODWIT_SWEEP=all tries every message; without, each thing at some of them, from GODWIT_SEED on.

import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { controlKind, decodeControl } from '#proto/wire.ts'
import { coordinatorName } from '#scenarios/sim/sim-coordinator.ts'
import type { Crossing } from '#scenarios/sim/sim-link.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { SimWorld } from '#scenarios/sim/sim-world.ts'
import { faultKinds } from './fault-kinds.ts'
import { platform } from './platform.ts'

const seed = Number(process.env.GODWIT_SEED ?? 1)
const isWhole = process.env.GODWIT_SWEEP === 'all'
/** Messages tried of each mode and fault, when not all are. */
const sampled = 4

let ours: SimPlatform
beforeAll(async () => {
  ours = await platform()
})

/** It rewrites a megabyte and checks each word before; what is wrong it prints. */
const spec = {
  args: 'workload=dirty wss=1 rate=400',
  memoryMib: 4,
  diskMib: 1,
  clock: 'instructions',
} as const

const modes: Readonly<Record<string, Partial<MigrationParams>>> = {
  'pre-copy': { verify: 'full', downtimeMsMax: 5, encoding: 'raw' },
  // Everything at once, and while it stands still.
  'stop-and-copy': { mode: 'stop-and-copy', verify: 'full' },
  'post-copy': { mode: 'post-copy', downtimeMsMax: 1, bandwidthBytesPerSecMax: 4_000_000 },
}

const names = ['a', 'b', 'c']

class Run {
  readonly world: SimWorld
  printed = ''

  constructor(runSeed: number) {
    this.world = new SimWorld({ ...ours, nodes: names, seed: runSeed, mips: 1 })
  }

  get vm() {
    return this.world.coordinator.coordinator.state.vms.get(asVmId('vm'))
  }

  async begin(params: Partial<MigrationParams>): Promise<void> {
    const { world } = this
    await world.pass(600)
    world.run('vm', spec, 'a')
    await world.until('the VM to run', () => this.vm?.phase === 'running')
    await world.pass(1000)
    world.migrate('vm', 'b', params)
  }

  /** Its guest's console, wherever it is. */
  listen(): void {
    const text = new TextDecoder()
    this.world.coordinator.consoles.attach(asVmId('vm'), {
      ...{ isReplay: true, bufferedBytes: 0 },
      header: () => undefined,
      output: (bytes) => {
        this.printed += text.decode(bytes)
      },
      close: () => undefined,
    })
  }

  async heal(): Promise<void> {
    const { world } = this
    world.network.onSend = undefined
    await world.pass(9000)
    for (const name of [...names, coordinatorName])
      if (!world.process(name).isAlive) world.restart(name)
    await world.until('peace', () => this.#isPeace(), 120_000)
    this.listen()
    await world.pass(2500)
    // What nobody hears of any more is given up in half a minute.
    await world.until('order', () => this.leftovers().length === 1, 45_000).catch(() => undefined)
  }

  #isPeace(): boolean {
    const { state } = this.world.coordinator.coordinator
    const isOnline = names.every((name) => state.nodes.get(name as never)?.phase === 'online')
    return isOnline && this.vm?.phase === 'running' && state.openMigrations.size === 0
  }

  /** What is left on the nodes: who holds the VM, and what is still under way. */
  leftovers(): string[] {
    return names.flatMap((name) => {
      const { vms, migrations } = this.world.node(name).holdings
      const machines = this.world.node(name).machines.length
      const told = vms.map(({ vmId, state }) => `${name} holds ${vmId} ${state}`)
      const more = machines > vms.length ? [`${name} has ${machines} machines`] : []
      return [...told, ...more, ...(migrations > 0 ? [`${name} has ${migrations} runs`] : [])]
    })
  }
}

/** Messages from the command to the end, of an undisturbed migration. */
async function lengthOf(params: Partial<MigrationParams>): Promise<number> {
  const run = new Run(seed)
  let crossings = 0
  run.world.network.onSend = () => {
    crossings++
    return 'arrives'
  }
  await run.begin(params)
  const before = crossings
  const { state } = run.world.coordinator.coordinator
  await run.world.until('its end', () => state.openMigrations.size === 0)
  await run.heal()
  expect(run.leftovers()).toEqual(['b holds vm running'])
  expect(run.printed).toContain('dirty writes')
  return crossings - before
}

/** The fault at the n-th message. @returns the story, when something is wrong */
async function disturb(
  params: Partial<MigrationParams>,
  fault: string,
  at: number,
): Promise<string[]> {
  const run = new Run(seed)
  await run.begin(params)
  let crossings = 0
  let what = ''
  run.world.network.onSend = (crossing) => {
    if (++crossings !== at) return 'arrives'
    what = `${fault}, message ${at}, ${crossing.from} to ${crossing.to}, ${nameOf(crossing)}`
    return faultKinds[fault]?.(run.world, crossing) ?? 'arrives'
  }
  await run.world.pass(3000)
  const wrong: string[] = []
  await run.heal().catch((thrown) => wrong.push(String(thrown)))
  const left = run.leftovers()
  wrong.push(...run.world.violations)
  if (what === '') wrong.push(`there was no message ${at}: nothing was tried`)
  if (left.length !== 1 || !/holds vm running$/.test(left[0] ?? '')) wrong.push(...left)
  if (/BAD|panic/.test(run.printed)) wrong.push(`the guest says: ${run.printed.slice(-200)}`)
  if (!run.printed.includes('dirty writes')) wrong.push('the guest does not work')
  return wrong.length > 0 ? [what, ...wrong] : []
}

const anything = z.looseObject({ t: z.string() })

function nameOf({ bytes }: Crossing): string {
  if (bytes[0] !== controlKind) return 'pages'
  const decoded = decodeControl(bytes, anything)
  return 'message' in decoded ? decoded.message.t : 'damaged'
}

describe.each(Object.keys(modes))('%s', (mode) => {
  const params = modes[mode] ?? {}
  let length = 0
  beforeAll(async () => {
    length = await lengthOf(params)
  })

  test.each(Object.keys(faultKinds))('%s', { timeout: 600_000 }, async (fault) => {
    const random = new SeededRandom(seed + fault.length)
    const all = Array.from({ length }, (_, at) => at + 1)
    const chosen = isWhole ? all : Array.from({ length: sampled }, () => 1 + random.below(length))
    const wrong: string[][] = []
    for (const at of chosen) {
      const story = await disturb(params, fault, at)
      if (story.length > 0) wrong.push(story)
    }
    expect(wrong).toEqual([])
  })
})
