// All of a coordinator behind one port: HTTP, WebSockets, the page, metrics. main.ts starts it from
// flags, tests start it with ports of their own.

import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Clock, Log, Random, Tracer } from '#env/env.ts'
import { isLoopback } from '#env/loopback.ts'
import { type Credentials, refusedCaller, sha256, verify } from '#env/real.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { Accounts } from '../accounts/accounts.ts'
import { ConsoleHub } from '../console/console-hub.ts'
import { Coordinator, type FenceDevice } from '../coordinator.ts'
import type { Settings } from '../core/cluster-state.ts'
import { hexOf } from '../identity.ts'
import { tellNeighbours } from '../neighbours.ts'
import { ScreenHub } from '../screen/screen-hub.ts'
import { SightHub } from '../sights/sight-hub.ts'
import { TemplateHub } from '../templates/template-hub.ts'
import { Gate } from './guard.ts'
import { sendHeaders } from './headers.ts'
import { createHttpApi } from './http.ts'
import type { Launcher } from './launcher.ts'
import { createMetrics } from './metrics.ts'
import { scryptPasswords } from './passwords.ts'
import { openSockets } from './sockets.ts'
import type { SqliteStore } from './sqlite-store.ts'
import { servePage } from './static-page.ts'

export interface ServerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined
  readonly store: SqliteStore
  readonly fence?: FenceDevice
  /** Absent: nothing may be broken on purpose. */
  readonly laboratory?: Launcher
  readonly settings: Settings
  readonly version: string
  readonly token: string
  /** Whoever shows it is an operator: kept in a file that only the machine's owner can read. */
  readonly operatorSecret?: string
  /** Without accounts, on an address that others reach too, everybody may do everything. */
  readonly isTrusted?: boolean
  /** Ours, and whom we trust: HTTPS, and agents must show theirs. */
  readonly credentials?: Credentials
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
  /** `METHOD path` of every route that is served. */
  readonly routeKeys: ReadonlySet<string>
  stop(): Promise<void>
}

/** Loads the store, listens, and begins to decide. Throws a FaultError when it cannot. */
export async function startServer(options: ServerOptions): Promise<CoordinatorServer> {
  const { clock, random, log, store, token, fence } = options
  const coordinator = new Coordinator(
    { clock, random, log, store, tracer: options.tracer, ...(fence ? { fence } : {}) },
    options.settings,
    options.version,
  )
  const hubs = hubsOf(coordinator, clock)
  tellNeighbours(coordinator)
  const metrics = createMetrics(coordinator)
  const door = openDoor(options, coordinator)
  const app = await createHttpApi(
    {
      ...{ coordinator, metrics, random, laboratory: options.laboratory },
      ...(options.credentials && tlsOf(options.credentials, log)),
      nowMs: () => clock.nowMs(),
      onBug: options.onBug,
    },
    door,
  )
  sendHeaders(app, door.isTls)
  servePage(app, options.dashboard)
  const { gate, isTls } = door
  const shared = { coordinator, ...hubs, clock, log, token, gate, isTls }
  const sockets = openSockets(app.server, shared)
  await app.listen({ host: options.host, port: options.port })
  coordinator.start()
  const { port } = app.server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    address: `${isTls ? 'https' : 'http'}://${host}:${port}`,
    coordinator,
    routeKeys: app.routeKeys,
    stop: async () => {
      coordinator.stop()
      for (const hub of Object.values(hubs)) hub.stop()
      sockets.close()
      await app.close()
      store.close()
    },
  }
}

/** What passes between clients and agents without the core. */
const hubsOf = (coordinator: Coordinator, clock: Clock) => ({
  consoles: new ConsoleHub(coordinator, clock),
  screens: new ScreenHub(coordinator, clock),
  sights: new SightHub(coordinator, clock),
  templates: new TemplateHub(coordinator, clock, verify),
})

/** Everybody who comes: their accounts, and the gate. */
function openDoor(options: ServerOptions, { state }: Coordinator) {
  const { clock, random, store, operatorSecret } = options
  const isTls = options.credentials !== undefined
  const isOurs = isLoopback(options.host) || options.isTrusted === true
  if (!isOurs && !isTls) throw new FaultError(fault('bad-request', plainText(options.host)))
  const accounts = new Accounts({
    ...{ shelf: store.people, passwords: scryptPasswords(), sha256, mayBeOpen: isOurs },
    wallMs: () => clock.wallMs(),
    nowMs: () => clock.nowMs(),
    randomBytes: (length) => random.bytes(length),
    machineHash: operatorSecret && hexOf(sha256(new TextEncoder().encode(operatorSecret))),
  })
  if (accounts.all.length === 0 && !isOurs && operatorSecret === undefined)
    throw new FaultError(fault('bad-request', nobodyKnown(options.host)))
  // Cookies know no ports: two clusters on one machine must not take each other's.
  const cookie = `${isTls ? '__Host-' : ''}${state.meta.clusterId}`
  const gate = new Gate({ accounts, state, cookie, isTls, nowMs: () => clock.nowMs() })
  return { accounts, cookie, isTls, gate }
}

/** One server for HTTPS; a certificate is asked for, and needed by agents only (sockets.ts). */
function tlsOf(credentials: Credentials, log: Log) {
  return {
    serverFactory: (handler: RequestListener) => {
      const options = { ...credentials.now, requestCert: true, rejectUnauthorized: false }
      const server = createServer(options, handler)
      credentials.onChange((now) => server.setSecureContext(now))
      server.on('tlsClientError', (error, { remoteAddress }) =>
        log.warn('caller refused', refusedCaller(error, remoteAddress)),
      )
      return server
    },
  }
}

const plainText = (host: string) =>
  `others reach ${host}, and nothing is encrypted: give --certs FOLDER (godwit certs), or say ` +
  '--open yes if the network is trusted'
const nobodyKnown = (host: string) =>
  `nobody has an account, and others reach ${host}: give --operator-secret FILE and make accounts ` +
  'with it, or say --open yes if everybody who reaches it may do everything'
