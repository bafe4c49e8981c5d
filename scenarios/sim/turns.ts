// How the simulated world waits until all that is under way in this process has gone as far as it
// can. Here alone Node's queues are named. Not here: when it waits (sim-world.ts).

/** A turn of the event loop: it asks the system for news. */
export const turn = (): Promise<void> => new Promise((go) => setImmediate(go))

/** The loop has a turn after so many: whoever else lives in this process goes on too. */
const promiseTurnsMax = 256

/**
 * The turn of a world where whoever waits, waits for promises alone, as where VMs are models: a
 * tick comes when no promise can go on, and costs a tenth of a turn of the loop.
 */
export function promiseTurns(): () => Promise<void> {
  let turns = 0
  return () =>
    ++turns % promiseTurnsMax === 0 ? turn() : new Promise((go) => process.nextTick(go))
}
