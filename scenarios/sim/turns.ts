// How the simulated world lets all that is under way in this process go as far as it can. Here
// alone Node's queues are named. Not here: when it waits (sim-world.ts).

export interface Turns {
  /** Whoever waits for promises alone has gone as far as they can. */
  promises(): Promise<void>
  /** The event loop has turned: messages between threads and answers of the system have come. */
  loop(): Promise<void>
}

const loop = (): Promise<void> => new Promise((go) => setImmediate(go))

/** The loop turns after so many: whoever else lives in this process goes on too. */
const promisesMax = 256

/**
 * A tick comes when no promise can go on, and costs a tenth of a turn of the loop, which asks the
 * system for news.
 */
export function nodeTurns(): Turns {
  let count = 0
  const tick = () => new Promise<void>((go) => process.nextTick(go))
  return { loop, promises: () => (++count % promisesMax === 0 ? loop() : tick()) }
}
