// What goes wrong at one message, for the sweeps: its sender or its receiver crashes or hangs, the
// link breaks, the road is cut in silence, the message comes twice. Not here: at which (the
// sweeps).

import type { Crossing, Fate } from '#scenarios/sim/sim-link.ts'
import type { SimWorld } from '#scenarios/sim/sim-world.ts'

/** `pass`: the message arrives, unless the fault itself prevents that. */
export const faultKinds: Readonly<Record<string, (world: SimWorld, crossing: Crossing) => Fate>> = {
  'the sender crashes before': (world, { from }) => crash(world, from, 'lost'),
  'the sender crashes behind': (world, { from }) => crash(world, from, 'arrives', 1),
  'the receiver crashes before': (world, { to }) => crash(world, to, 'lost'),
  'the receiver crashes behind': (world, { to }) => crash(world, to, 'arrives', 1),
  'the sender hangs': (world, { from }) => hang(world, from),
  'the receiver hangs': (world, { to }) => hang(world, to),
  'the link breaks': (world, { from, to }) => {
    world.network.break(from, to)
    return 'lost'
  },
  'the road is cut': (world, { from, to }) => {
    world.network.part(from, to)
    world.network.later(() => world.network.heal(), 8000)
    return 'arrives'
  },
  'the message comes twice': () => 'twice',
}

function crash(world: SimWorld, name: string, fate: Fate, afterMs = 0): Fate {
  const process = world.process(name)
  if (afterMs > 0) world.network.later(() => process.kill(), afterMs)
  else process.kill()
  return fate
}

function hang(world: SimWorld, name: string): Fate {
  const process = world.process(name)
  // Not at once: the caller is in the middle of something that a signal would not interrupt either.
  world.network.later(() => process.hang(), 0)
  world.network.later(() => process.goOn(), 6000)
  return 'arrives'
}
