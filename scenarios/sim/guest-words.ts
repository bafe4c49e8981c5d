// What the guests of a simulated world say that they must not: every guest of a search checks its
// memory and its disk all the time, and prints what is wrong. Not here: when they are asked
// (fault-run.ts). Virtual ms.

import type { SimWorld } from './sim-world.ts'

const listenMs = 3000

/** Sentences; none: all is well with them. */
export async function complaintsOf(world: SimWorld): Promise<string[]> {
  const { coordinator, consoles } = world.coordinator
  const printed = new Map<string, string>()
  for (const { id, phase } of coordinator.state.vms.values()) {
    if (phase !== 'running') continue
    const text = new TextDecoder()
    consoles.attach(id, {
      ...{ isReplay: true, bufferedBytes: 0, header: () => undefined, close: () => undefined },
      output: (bytes) => void printed.set(id, (printed.get(id) ?? '') + text.decode(bytes)),
    })
  }
  await world.pass(listenMs)
  return [...printed].flatMap(([id, text]) => {
    const lines = text.split('\n').filter((line) => !line.includes('panic: asked for'))
    const bad = lines.find((line) => /BAD|fatal|panic/.test(line))
    return bad ? [`the guest in ${id} says: ${bad}`] : []
  })
}
