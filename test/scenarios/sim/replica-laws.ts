// Laws of replicas that a store's client does not see by itself: whoever typed once and was told
// that it was taken need not type it again; what no replica keeps is on no disk, and unheard. Told
// as sentences about what is wrong. Virtual ms. Not here: the laws of the sweep (replica-run.ts).

import { asVmId } from '#proto/ids.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import type { SimWorld } from '#scenarios/sim/sim-world.ts'
import { ReplicaRun, speaksOf } from './replica-run.ts'

async function kept(ours: SimPlatform, seed: number): Promise<ReplicaRun> {
  const run = new ReplicaRun(ours, seed)
  await run.begin('seldom')
  await run.world.until('a replica', () => run.vm?.replica?.phase === 'ready')
  return run
}

/** A client of its console, all along. */
function listen({ coordinator }: SimWorld) {
  const text = new TextDecoder()
  let all = ''
  const session = coordinator.consoles.attach(asVmId('vm'), {
    ...{ isReplay: false, bufferedBytes: 0 },
    header: () => undefined,
    output: (bytes) => {
      all += text.decode(bytes)
    },
    close: () => undefined,
  })
  return { session, heard: () => all }
}

/** Somebody types all along, each line once, and the primary's node dies meanwhile. */
export async function unanswered(ours: SimPlatform, seed: number): Promise<string[]> {
  const { world, vm } = await kept(ours, seed)
  const { session, heard } = listen(world)
  const lines = 200
  for (let n = 0; n < lines; n++) {
    session.input(new TextEncoder().encode(`t${n} ping\n`))
    await world.pass(7)
    if (n === lines / 2 + seed) world.process('a').kill()
  }
  await world.until('it to go on', () => vm?.wentOnFrom !== undefined)
  await world.pass(3000)
  session.detach()
  const answers = new Map<string, number>()
  for (const line of heard().split('\n')) {
    const [id = ''] = line.split(' ')
    answers.set(id, (answers.get(id) ?? 0) + 1)
  }
  return Array.from({ length: lines }, (_, n) => `t${n}`)
    .filter((id) => answers.get(id) !== 1)
    .map((id) => `${id} was typed once, and answered ${answers.get(id) ?? 0} times`)
}

/** From some checkpoint on none is said to be kept: the disk stays as it is, and all is silent. */
export async function leaked(ours: SimPlatform, seed: number): Promise<string[]> {
  const { world, writer, vm } = await kept(ours, seed)
  await writer.write(1200)
  world.network.onSend = (crossing) => (speaksOf(crossing, 'checkpoint-kept') ? 'lost' : 'arrives')
  await world.pass(50)
  const before = contentOf(world, vm?.disk.layers ?? [])
  const { session, heard } = listen(world)
  session.input(new TextEncoder().encode('e1 ping\n'))
  await writer.write(1500)
  session.detach()
  const after = contentOf(world, vm?.disk.layers ?? [])
  const changed = before.filter((bytes, n) => Buffer.compare(bytes, after[n] ?? bytes) !== 0)
  const told = heard() === '' ? [] : [`it was heard to say ${heard()}`]
  return [...changed.map(() => 'a disk has what no replica keeps'), ...told]
}

function contentOf({ disk }: SimWorld, layers: readonly string[]): Uint8Array[] {
  return layers.map((name) => {
    const file = disk.open(name, 'read')
    const bytes = new Uint8Array(file.sizeBytes)
    file.read(0, bytes)
    return bytes
  })
}
