// The streams of clients, whatever carries them: watchers at /v1/watch, consoles at
// /v1/vms/ID/console, screens at /v1/vms/ID/screen, what somebody looks at closely at /v1/sights. A
// watcher gets a whole ClusterView after each change, at most ten a second; one that does not read
// is left out until it has caught up, and dropped when it never does. Not here: WebSockets
// (sockets.ts).

import type { Clock } from '#env/env.ts'
import type { ClusterView, Problem } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { asVmId, type VmId } from '#proto/ids.ts'
import { readClientWord, readScreenSize, type ScreenSize } from '#proto/screen.ts'
import { mayAct, vmActionPhases } from '#proto/state.ts'
import type { ConsoleHub } from '../console/console-hub.ts'
import type { ConsoleClient } from '../console/console-stream.ts'
import type { Coordinator } from '../coordinator.ts'
import { unknownVm } from '../core/action-refusals.ts'
import type { ScreenHub } from '../screen/screen-hub.ts'
import type { SightHub } from '../sights/sight-hub.ts'
import type { Importer } from '../templates/signatures.ts'
import type { TemplateClient, TemplateHub } from '../templates/template-hub.ts'
import { problemOf } from './problems.ts'

/** Ten views a second are smooth to the eye and cheap to make. */
const viewEveryMs = 100
/** A watcher with so much unread gets no more views, and after a minute is dropped. */
const watcherBytesMax = 4 << 20
const watcherMsMax = 60_000

/** The coordinator's end of one client's stream. */
export interface StreamEnd {
  readonly bufferedBytes: number
  text(text: string): void
  bytes(bytes: Uint8Array): void
  close(reason: string): void
  /** At once, whatever is on its way. */
  drop(): void
  onBytes(fn: (bytes: Uint8Array) => void): void
  onClose(fn: () => void): void
}

interface StreamPorts {
  readonly coordinator: Coordinator
  readonly consoles: ConsoleHub
  readonly screens: ScreenHub
  /** Absent: there are no files in this world. */
  readonly templates?: TemplateHub
  /** Absent: nothing can be looked at. */
  readonly sights?: SightHub
  readonly clock: Clock
}

/** What this client may see and do; asked each time, for it may change while the stream is open. */
export interface StreamAccess {
  seen(view: ClusterView): ClusterView
  mayType(vmId: VmId): boolean
  /** As whom they bring a file. */
  importer(): Importer
}
/** Where nobody has an account. */
export const wholeAccess: StreamAccess = {
  seen: (view) => view,
  mayType: () => true,
  importer: () => ({ by: undefined, owner: undefined, mayTrust: true }),
}

export class ClientStreams {
  readonly #consoles: ConsoleHub
  readonly #screens: ScreenHub
  readonly #watchers: Watchers
  readonly #sights: SightHub | undefined
  readonly #templates: TemplateHub | undefined

  constructor({ coordinator, consoles, screens, sights, templates, clock }: StreamPorts) {
    this.#consoles = consoles
    this.#screens = screens
    this.#sights = sights
    this.#templates = templates
    this.#watchers = new Watchers(coordinator, clock)
  }

  open(route: Route, end: StreamEnd, access: StreamAccess = wholeAccess): void {
    if (route.kind === 'watch') this.#watchers.add(end, access)
    else if (route.kind === 'sights') openSights(this.#sights, end, route)
    else if (route.kind === 'template' || route.kind === 'template-files')
      openFile(this.#templates, end, route, access)
    else if (route.kind === 'screen') openScreen(this.#screens, end, route, access)
    else openConsole(this.#consoles, end, route, access)
  }

  stop(): void {
    this.#watchers.stop()
  }
}

export interface Route {
  readonly kind:
    | ('agent' | 'watch' | 'console' | 'screen' | 'sights')
    | ('template' | 'template-files')
  /** Of a template. */
  readonly name?: string
  /** Of sights: what links carry is looked at too. */
  readonly hasLinks?: boolean
  readonly vmId: VmId
  readonly isReplay: boolean
  /** Of a route to a screen. */
  readonly size?: ScreenSize | undefined
  readonly problem: Problem | undefined
}

export function routeOf({ pathname, searchParams }: URL, { state }: Coordinator): Route {
  const isReplay = searchParams.get('replay') === '1'
  const none = { vmId: asVmId(''), isReplay, problem: undefined }
  if (pathname === '/agent') return { kind: 'agent', ...none }
  if (pathname === '/v1/watch') return { kind: 'watch', ...none }
  if (pathname === '/v1/sights') {
    const vmId = asVmId(searchParams.get('vm') ?? '')
    return { kind: 'sights', ...none, vmId, hasLinks: searchParams.get('links') === '1' }
  }
  if (pathname === '/v1/template-files') return { kind: 'template-files', ...none }
  const [, template] = /^\/v1\/templates\/([a-z0-9-]+)\/file$/.exec(pathname) ?? []
  if (template !== undefined) return { kind: 'template', ...none, name: template }
  const [, name, kind] = /^\/v1\/vms\/([^/]+)\/(console|screen)$/.exec(pathname) ?? []
  if (name !== undefined) return { isReplay, ...routeToVm(name, kind === 'screen', state) }
  const paths =
    '/agent, /v1/watch, /v1/sights, /v1/templates/NAME/file, /v1/template-files, ' +
    '/v1/vms/ID/console or /v1/vms/ID/screen'
  const problem = problemOf(fault('bad-request', `no WebSocket here: connect to ${paths}`), 404)
  return { kind: 'console', ...none, problem }
}

function routeToVm(name: string, isScreen: boolean, { vms }: Coordinator['state']) {
  const kind = isScreen ? ('screen' as const) : ('console' as const)
  const vmId = asVmId(name)
  const vm = vms.get(vmId)
  if (!vm) return { kind, vmId, problem: problemOf(unknownVm(name)) }
  const size = readScreenSize(vm.spec.screen ?? '')
  if (isScreen && !size) return { kind, vmId, problem: problemOf(hasNoScreen(name)) }
  const allowed = vmActionPhases.console.join(' or ')
  const text = `${name} is ${vm.phase}; its ${kind} needs it ${allowed}`
  const problem = mayAct('console', vm.phase) ? undefined : problemOf(fault('wrong-state', text))
  return { kind, vmId, size, problem }
}

const hasNoScreen = (name: string) =>
  fault('wrong-state', `${name} has no screen: start a VM with one, by --screen 800x600`)

function openScreen(
  screens: ScreenHub,
  end: StreamEnd,
  { vmId, size }: Route,
  access: StreamAccess,
): void {
  if (!size) return
  const session = screens.attach(vmId, size, {
    get bufferedBytes() {
      return end.bufferedBytes
    },
    header: (header) => end.text(JSON.stringify(header)),
    frame: (bytes) => end.bytes(bytes),
    close: (reason) => end.close(reason),
  })
  end.onBytes((bytes) => {
    const isInput = readClientWord(bytes)?.is === 'input'
    if (!isInput || access.mayType(vmId)) session.hear(bytes)
  })
  end.onClose(() => session.detach())
}

function openConsole(
  consoles: ConsoleHub,
  end: StreamEnd,
  { vmId, isReplay }: Route,
  access: StreamAccess,
): void {
  const client: ConsoleClient = {
    isReplay,
    get bufferedBytes() {
      return end.bufferedBytes
    },
    header: (header) => end.text(JSON.stringify(header)),
    output: (bytes) => end.bytes(bytes),
    close: (reason) => end.close(reason),
  }
  const session = consoles.attach(vmId, client)
  end.onBytes((bytes) => {
    if (access.mayType(vmId)) session.input(bytes)
  })
  end.onClose(() => session.detach())
}

function openSights(
  sights: SightHub | undefined,
  end: StreamEnd,
  { vmId, hasLinks = false }: Route,
): void {
  const detach = sights?.attach({
    wish: { links: hasLinks, vmId: vmId === '' ? undefined : vmId },
    get bufferedBytes() {
      return end.bufferedBytes
    },
    see: (view) => end.text(JSON.stringify(view)),
  })
  end.onClose(() => detach?.())
}

function openFile(
  hub: TemplateHub | undefined,
  end: StreamEnd,
  { name }: Route,
  access: StreamAccess,
): void {
  const client: TemplateClient = {
    get bufferedBytes() {
      return end.bufferedBytes
    },
    word: (word) => end.text(JSON.stringify(word)),
    part: (bytes) => end.bytes(bytes),
    close: (reason) => end.close(reason),
  }
  if (!hub) {
    client.word({ is: 'failed', fault: noFiles })
    client.close(noFiles.code)
    return
  }
  const importer = access.importer()
  const session =
    name === undefined
      ? hub.attachImport(importer, client)
      : hub.attachExport(name, importer.by, client)
  end.onBytes((bytes) => session.hear(bytes))
  end.onClose(() => session.detach())
}

const noFiles = fault(
  'wrong-state',
  'there are no files of templates in this world: use a cluster of processes, by godwit up',
)

/** Everybody who watches the cluster. */
class Watchers {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #ends = new Map<StreamEnd, Watcher>()
  #sentRevision = 0
  #isArmed = false
  #isStopped = false

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    coordinator.observe({ changed: () => this.#arm() })
  }

  add(end: StreamEnd, access: StreamAccess): void {
    this.#ends.set(end, { readAtMs: this.#clock.nowMs(), isBehind: false, access })
    end.onClose(() => this.#ends.delete(end))
    const text = JSON.stringify(access.seen(this.#coordinator.view()))
    this.#coordinator.whenDurable(() => end.text(text))
  }

  stop(): void {
    this.#isStopped = true
  }

  #arm(): void {
    if (this.#isArmed || this.#isStopped || this.#ends.size === 0) return
    this.#isArmed = true
    this.#clock.wakeAt(this.#clock.nowMs() + viewEveryMs, () => {
      this.#isArmed = false
      if (!this.#isStopped) this.#look()
    })
  }

  #look(): void {
    const { revision } = this.#coordinator.state
    const isNew = revision !== this.#sentRevision
    this.#sentRevision = revision
    const nowMs = this.#clock.nowMs()
    const readers: [StreamEnd, Watcher][] = []
    for (const [end, watcher] of this.#ends) {
      watcher.isBehind ||= isNew
      if (watcher.isBehind && end.bufferedBytes < watcherBytesMax) readers.push([end, watcher])
      else if (watcher.isBehind && nowMs - watcher.readAtMs > watcherMsMax) end.drop()
    }
    if (readers.length > 0) this.#send(readers, nowMs)
    // Who was left out is shown what is when he has caught up, and not when something happens.
    if ([...this.#ends.values()].some(({ isBehind }) => isBehind)) this.#arm()
  }

  #send(readers: readonly [StreamEnd, Watcher][], nowMs: number): void {
    const view = this.#coordinator.view()
    const text = JSON.stringify(view)
    for (const [end, watcher] of readers) {
      watcher.readAtMs = nowMs
      watcher.isBehind = false
      const seen = watcher.access.seen(view)
      const own = seen === view ? text : JSON.stringify(seen)
      this.#coordinator.whenDurable(() => end.text(own))
    }
  }
}

interface Watcher {
  readAtMs: number
  /** There is something that it was not shown. */
  isBehind: boolean
  readonly access: StreamAccess
}
