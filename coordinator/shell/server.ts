// All of a coordinator behind one port: HTTP, WebSockets, the page, metrics. process.ts starts it
// from flags, tests start it with ports of their own.

import type { AddressInfo } from 'node:net'
import type { Clock, Log, Random, Tracer } from '#env/env.ts'
import { isLoopback } from '#env/loopback.ts'
import { Callers, type Credentials, sha256, verify } from '#env/real.ts'
import { sleep } from '#env/sleep.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { StoreView } from '#proto/store-view.ts'
import { Accounts } from '../accounts/accounts.ts'
import { ConsoleHub } from '../console/console-hub.ts'
import { Coordinator, type FenceDevice } from '../coordinator.ts'
import type { Settings } from '../core/cluster-state.ts'
import type { Candidate } from '../etcd/election.ts'
import type { Leadership } from '../etcd/leadership.ts'
import { hexOf } from '../identity.ts'
import { LoadLog } from '../loads/load-log.ts'
import { tellNeighbours } from '../neighbours.ts'
import { ScreenHub } from '../screen/screen-hub.ts'
import { SightHub } from '../sights/sight-hub.ts'
import type { ClusterStore } from '../store.ts'
import { TemplateHub } from '../templates/template-hub.ts'
import { holdAnswers } from './durable-answers.ts'
import { Gate } from './guard.ts'
import { sendHeaders } from './headers.ts'
import { createHttpApi } from './http.ts'
import type { Launcher } from './launcher.ts'
import { createMetrics } from './metrics.ts'
import { scryptPasswords } from './passwords.ts'
import { openSockets } from './sockets.ts'
import { servePage } from './static-page.ts'
import { tlsServer } from './tls-server.ts'

/** So long a server that closes may still answer. */
const lastWordMsMax = 200

export interface ServerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined
  readonly store: ClusterStore
  readonly fence?: FenceDevice
  /** Of one of several, elected; absent: there is only this one. */
  readonly leadership?: Leadership
  /** Of several coordinators, the others that a page may be sent to. */
  others?(): readonly Candidate[]
  /** Absent: it keeps what it knows in a file. */
  storeHealth?(): Promise<StoreView>
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
  /** @param reason that its agents are told */
  stop(reason?: string): Promise<void>
}

/** Loads the store, listens, and begins to decide. Throws a FaultError when it cannot. */
export async function startServer(options: ServerOptions): Promise<CoordinatorServer> {
  const { clock, random, log, store, token, credentials, leadership } = options
  const coordinator = coordinatorOf(options)
  const hubs = hubsOf(coordinator, clock)
  tellNeighbours(coordinator)
  const loads = new LoadLog(coordinator.state, clock)
  const metrics = createMetrics(coordinator)
  const door = openDoor(options, coordinator)
  const app = await createHttpApi(
    {
      ...{ coordinator, loads, metrics, random, laboratory: options.laboratory },
      others: () => options.others?.() ?? [],
      ...(options.storeHealth && { store: options.storeHealth }),
      ...(credentials && { serverFactory: (handler) => tlsServer(credentials, log, handler) }),
      nowMs: () => clock.nowMs(),
      onBug: options.onBug,
    },
    door,
  )
  sendHeaders(app, door.isTls, () => options.others?.() ?? [])
  if (leadership) holdAnswers(app, coordinator)
  servePage(app, options.dashboard)
  const { gate, isTls } = door
  const doors = { ...hubs, gate, isTls, leadership }
  const shared = { coordinator, clock, log, token, ...doors }
  const sockets = openSockets(app.server, shared)
  const callers = new Callers(app.server)
  await app.listen({ host: options.host, port: options.port })
  coordinator.start()
  loads.start()
  const { port } = app.server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    address: `${isTls ? 'https' : 'http'}://${host}:${port}`,
    coordinator,
    routeKeys: app.routeKeys,
    stop: async (reason) => {
      coordinator.stop(reason)
      for (const hub of Object.values(hubs)) hub.stop()
      loads.stop()
      sockets.close()
      const closed = app.close()
      // What is being answered is answered; who says nothing is not waited for.
      await Promise.race([closed, sleep(clock, lastWordMsMax)])
      callers.end()
      await closed
      store.close()
    },
  }
}

function coordinatorOf(options: ServerOptions): Coordinator {
  const { clock, random, log, store, tracer, fence, leadership } = options
  return new Coordinator(
    {
      ...{ clock, random, log, store, tracer },
      ...(fence && { fence }),
      ...(leadership && { leadership }),
    },
    options.settings,
    options.version,
  )
}

/** What passes between clients and agents without the core. */
const hubsOf = (coordinator: Coordinator, clock: Clock) => ({
  consoles: new ConsoleHub(coordinator, clock),
  screens: new ScreenHub(coordinator, clock),
  sights: new SightHub(coordinator, clock),
  templates: new TemplateHub(coordinator, clock, verify),
})
/** Throws a FaultError when others could listen, and nobody has said that they may. */
export function checkPlace({ host, credentials, isTrusted }: Place) {
  const isTls = credentials !== undefined
  const isOurs = isLoopback(host) || isTrusted === true
  if (!isOurs && !isTls) throw new FaultError(fault('bad-request', plainText(host)))
  return { isOurs, isTls }
}
type Place = Pick<ServerOptions, 'host' | 'credentials' | 'isTrusted'>

/** Everybody who comes: their accounts, and the gate. */
function openDoor(options: ServerOptions, { state }: Coordinator) {
  const { clock, random, store, operatorSecret } = options
  const { isOurs, isTls } = checkPlace(options)
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
  const others = () => options.others?.() ?? []
  const gate = new Gate({ accounts, state, cookie, isTls, others, nowMs: () => clock.nowMs() })
  return { accounts, cookie, isTls, gate }
}

const plainText = (host: string) =>
  `others reach ${host}, and nothing is encrypted: give --certs FOLDER (godwit certs), or say ` +
  '--open yes if the network is trusted'
const nobodyKnown = (host: string) =>
  `nobody has an account, and others reach ${host}: give --operator-secret FILE and make accounts ` +
  'with it, or say --open yes if everybody who reaches it may do everything'
