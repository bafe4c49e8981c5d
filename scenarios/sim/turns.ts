// How the simulated world lets all that is under way in this process go as far as it can. Here
// alone Node's queues are named. Not here: when it waits (sim-world.ts).

export interface Turns {
  /** Whoever waits for promises alone has gone as far as they can. */
  promises(): Promise<void>
  /** The event loop has turned: messages between threads and answers of the system have come. */
  loop(): Promise<void>
}

const loop = (): Promise<void> => new Promise((go) => setImmediate(go))

/** The loop turns after so long: whoever else lives in this process goes on too, Ctrl-C as well. */
const loopEveryMs = 20

/**
 * A tick comes when no promise can go on, and costs a tenth of a turn of the loop, which asks the
 * system for news.
 */
export function nodeTurns(): Turns {
  let loopAtMs = 0
  const tick = () => new Promise<void>((go) => process.nextTick(go))
  const promises = () => {
    const nowMs = performance.now()
    if (nowMs < loopAtMs) return tick()
    loopAtMs = nowMs + loopEveryMs
    return loop()
  }
  return { loop, promises }
}
