// All of a coordinator behind one port: HTTP, WebSockets, the page, metrics. main.ts starts it from
// flags, tests start it with ports of their own.

import type { AddressInfo } from 'node:net'
import type { Clock, Log, Random } from '#env/env.ts'
import { ConsoleHub } from '../console/console-hub.ts'
import { Coordinator, type FenceDevice } from '../coordinator.ts'
import type { Settings } from '../core/cluster-state.ts'
import { tellNeighbours } from '../neighbours.ts'
import { SightHub } from '../sights/sight-hub.ts'
import type { Store } from '../store.ts'
import { createHttpApi } from './http.ts'
import type { Launcher } from './launcher.ts'
import { createMetrics } from './metrics.ts'
import { openSockets } from './sockets.ts'
import { servePage } from './static-page.ts'

export interface ServerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: Store
  readonly fence?: FenceDevice
  /** Absent: nothing may be broken on purpose. */
  readonly laboratory?: Launcher
  readonly settings: Settings
  readonly version: string
  readonly token: string
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  /** Folder of the built dashboard; it may be missing. */
  readonly dashboard: string
  onBug(thrown: unknown): void
}

export interface CoordinatorServer {
  /** `http://host:port` */
  readonly address: string
  readonly coordinator: Coordinator
  stop(): Promise<void>
}

/** Loads the store, listens, and begins to decide. Throws a FaultError when it cannot. */
export async function startServer(options: ServerOptions): Promise<CoordinatorServer> {
  const { clock, random, log, store, token, fence } = options
  const coordinator = new Coordinator(
    { clock, random, log, store, ...(fence ? { fence } : {}) },
    options.settings,
    options.version,
  )
  const consoles = new ConsoleHub(coordinator, clock)
  const sights = new SightHub(coordinator, clock)
  tellNeighbours(coordinator)
  const metrics = createMetrics(coordinator)
  const app = await createHttpApi({
    ...{ coordinator, metrics, random, laboratory: options.laboratory },
    nowMs: () => clock.nowMs(),
    onBug: options.onBug,
  })
  servePage(app, options.dashboard)
  const sockets = openSockets(app.server, { coordinator, consoles, sights, clock, log, token })
  await app.listen({ host: options.host, port: options.port })
  coordinator.start()
  const { port } = app.server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    address: `http://${host}:${port}`,
    coordinator,
    stop: async () => {
      coordinator.stop()
      consoles.stop()
      sights.stop()
      sockets.close()
      await app.close()
      store.close()
    },
  }
}
