// Asks the guest in the VM `vm` of a cluster whether it is there.
// Not here: what is measured by that.

import { realClock } from '#env/real.ts'
import { GuestRequests } from '#scenarios/guest-requests.ts'
import type { LocalWorld } from '#scenarios/local/local-world.ts'

export class Pinger {
  readonly #requests: GuestRequests

  constructor(world: LocalWorld) {
    const prefix = `p${Math.random()}`.slice(0, 6)
    this.#requests = new GuestRequests(world.api, realClock, 'vm', prefix)
  }

  /** Resolves when the guest has answered. */
  async ping(): Promise<void> {
    await new Promise<void>((resolve) => this.#requests.ask('ping', () => resolve()))
  }

  close(): void {
    this.#requests.close()
  }
}

/** The guest has answered once. */
export async function pinged(world: LocalWorld): Promise<void> {
  const pinger = new Pinger(world)
  await pinger.ping()
  pinger.close()
}
