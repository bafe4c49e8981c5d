// A coordinator for the tests of its clients: it serves one ClusterView over the API's real routes
// and WebSockets, does what is asked of it at once, and remembers the requests. The built page can
// be served too. Not the real one: no nodes, no time, no rules.

import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ClusterView, VmView } from '#proto/api.ts'
import { type Fault, fault, faultStatus } from '#proto/faults.ts'
import type { LaboratoryView } from '#proto/laboratory.ts'
import type { SightView } from '#proto/sights.ts'
import { mayAct } from '#proto/state.ts'
import { clusterLoads, nodeLoads, vmLoads } from './loads.ts'
import { ScreenDouble } from './screen-double.ts'
import { doneMigration, forecastView, migrationView, vmView } from './views.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly body: unknown
  /** Of the trace that it was asked in, if in any. */
  readonly traceparent?: string
}

type Answer = { readonly status: number; readonly body: unknown }
const refused = (value: Fault): Answer => ({
  status: faultStatus[value.code],
  body: {
    type: `urn:godwit:fault:${value.code}`,
    title: value.code,
    status: faultStatus[value.code],
    detail: value.message,
    fault: value,
  },
})

export class CoordinatorDouble {
  readonly asked: Asked[] = []
  /** The screen of every VM that has one. */
  readonly screen = new ScreenDouble()
  /** What every console has said before. */
  said = 'godwit-guest 1 workload=kv ready\n'
  /** What clients typed on consoles. */
  typed = ''
  /** What is broken on purpose; undefined: it is no laboratory. */
  laboratory: LaboratoryView | undefined
  /** What whoever looks closely is told. */
  sight: SightView | undefined
  #view: ClusterView
  readonly #pageFolder: string | undefined
  readonly #watchers = new Set<WebSocket>()
  readonly #consoles = new Set<WebSocket>()
  #server: Server | undefined
  #sockets = new WebSocketServer({ noServer: true })

  constructor(view: ClusterView, pageFolder?: string) {
    this.#view = view
    this.#pageFolder = pageFolder
  }

  /** What was asked for that changes something. */
  get orders(): readonly Asked[] {
    return this.asked.filter(({ path }) => !path.endsWith('/forecast'))
  }

  get view(): ClusterView {
    return this.#view
  }

  /** How many watch. */
  get watching(): number {
    return this.#watchers.size
  }

  get url(): string {
    const at = this.#server?.address() as AddressInfo | undefined
    return `http://127.0.0.1:${at?.port ?? 0}`
  }

  /** Listens; a port that was used before can be used again. */
  async listen(port = 0): Promise<this> {
    const server = createServer((request, response) => void this.#serve(request, response))
    server.on('upgrade', (request, socket, head) =>
      this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#open(request.url ?? '', ws)),
    )
    this.#server = server
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    return this
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#server?.closeAllConnections()
    await new Promise((resolve) => this.#server?.close(resolve))
  }

  /** The cluster is different from now on; watchers are told. */
  change(some: Partial<ClusterView>): void {
    this.#view = { ...this.#view, ...some, revision: this.#view.revision + 1 }
    for (const watcher of this.#watchers) watcher.send(JSON.stringify(this.#view))
  }

  changeVm(id: string, some: Partial<VmView>): void {
    this.change({ vms: this.#view.vms.map((vm) => (vm.id === id ? { ...vm, ...some } : vm)) })
  }

  /** The guest behind every console says something. */
  say(text: string): void {
    for (const console of this.#consoles) console.send(Buffer.from(text))
  }

  #open(url: string, socket: WebSocket): void {
    if (url.startsWith('/v1/watch')) {
      this.#watchers.add(socket)
      socket.on('close', () => this.#watchers.delete(socket))
      socket.send(JSON.stringify(this.#view))
      return
    }
    if (url.endsWith('/screen')) {
      this.screen.open(socket)
      return
    }
    if (url.startsWith('/v1/sights') && this.sight) socket.send(JSON.stringify(this.sight))
    if (!url.includes('/console')) return
    this.#consoles.add(socket)
    socket.on('close', () => this.#consoles.delete(socket))
    socket.send(JSON.stringify({ vmId: 'ledger', epoch: 3, nodeId: 'n1', offset: 0 }))
    if (url.includes('replay=1')) socket.send(Buffer.from(this.said))
    socket.on('message', (bytes: Buffer) => {
      this.typed += bytes.toString()
      socket.send(Buffer.from('1 pong 4711\n'))
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += chunk
    const { pathname } = new URL(request.url ?? '/', 'http://double')
    if (!pathname.startsWith('/v1/')) return this.#servePage(pathname, response)
    const method = request.method ?? 'GET'
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const { traceparent } = request.headers
    const trace = typeof traceparent === 'string' ? { traceparent } : {}
    if (method !== 'GET') this.asked.push({ method, path: pathname, body, ...trace })
    const answer = this.#answer(method, pathname.split('/').slice(2), body)
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body))
  }

  #answer(method: string, [kind, id, verb]: string[], body: unknown): Answer {
    const rows = { nodes: this.#view.nodes, vms: this.#view.vms, migrations: this.#view.migrations }
    if (kind === 'me') return { status: 200, body: { name: '', role: 'operator', open: true } }
    if (kind === 'cluster') return { status: 200, body: this.#view }
    if (kind === 'laboratory' || verb === 'break') return this.#break(id, body)
    if (kind === 'loads') return { status: 200, body: this.#loads(kind) }
    if (kind === 'events') return { status: 200, body: this.#view.events }
    if (kind === 'vms' && method === 'POST' && id === undefined) return this.#run(body)
    if (kind === 'rules' || kind === 'ha') return { status: 202, body: {} }
    const list = rows[kind as keyof typeof rows]
    if (id === undefined) return { status: 200, body: list }
    const row = list?.find((each) => each.id === id)
    if (!row) return refused(fault('unknown-vm', `There is no VM \`${id}\`.`))
    if (verb === undefined && method === 'GET') return { status: 200, body: row }
    if (verb === 'loads') return { status: 200, body: this.#loads(kind) }
    return this.#act(id, method === 'DELETE' ? 'remove' : (verb ?? ''), body)
  }

  #loads(kind: string | undefined) {
    const endMs = this.#view.events.at(-1)?.wallMs ?? 0
    if (kind === 'loads') return clusterLoads(endMs)
    return kind === 'vms' ? vmLoads(endMs) : nodeLoads(endMs)
  }

  #run(body: unknown): Answer {
    const { id, spec } = body as { id: string; spec: VmView['spec'] }
    const vm = vmView(id, spec, { nodeId: 'n2' })
    this.change({ vms: [...this.#view.vms, { ...vm, phase: 'starting' }] })
    setImmediate(() => this.changeVm(id, { phase: 'running' }))
    return { status: 202, body: vm }
  }

  #act(id: string, verb: string, body: unknown): Answer {
    if (verb === 'forecast') return this.#foresee(id, body as { to: string })
    if (verb === 'migrate' || verb === 'clone') return this.#move(id, verb, body)
    if (verb === 'remove') {
      const phase = this.#view.vms.find((vm) => vm.id === id)?.phase
      if (phase && !mayAct('remove', phase))
        return refused(fault('wrong-state', `${id} is ${phase}; remove needs it stopped`))
      this.change({ vms: this.#view.vms.filter((vm) => vm.id !== id) })
      return { status: 204, body: undefined }
    }
    const row = this.#view.vms.find((vm) => vm.id === id)
    if (verb === 'balloon' || verb === 'ha') return { status: 202, body: row }
    if (verb === 'merge' && row) return this.#merge(row)
    const phases = {
      pause: 'paused',
      resume: 'running',
      stop: 'stopped',
      start: 'running',
    } as const
    const phase = phases[verb as keyof typeof phases]
    if (!phase) return refused(fault('wrong-state', `\`${verb}\` is not allowed now.`))
    setImmediate(() => this.changeVm(id, { phase }))
    return { status: 202, body: row }
  }

  /** All below the top become one layer, in a moment. */
  #merge({ id, disk }: VmView): Answer {
    const top = disk.layers.slice(-1)
    const merged = { ...disk, layers: [`${id}.99.disk`, ...top] }
    const merging = { layers: disk.layers.length - 1, phase: 'writing' as const }
    this.changeVm(id, { merging })
    const is = this.#view.vms.find((vm) => vm.id === id)
    setImmediate(() => this.changeVm(id, { disk: merged, merging: undefined } as never))
    return { status: 202, body: is }
  }

  /**
   * A kill, a start and the cut of a link are carried out in the view of what is broken; all else
   * is only answered.
   */
  #break(id: string | undefined, body: unknown): Answer {
    if (!this.laboratory) return refused(fault('wrong-state', 'this cluster is no laboratory'))
    const { do: wish, to = '' } = (body ?? {}) as { do?: string; to?: string }
    const process = wish === 'kill' ? 'exited' : 'running'
    const nodes = this.laboratory.nodes.map((node) =>
      node.id === id ? { ...node, process } : node,
    )
    if (wish === 'kill' || wish === 'revive')
      this.laboratory = { ...this.laboratory, nodes } as LaboratoryView
    const isOther = ({ a, b }: { a: string; b: string }) => a !== id || b !== to
    const others = this.laboratory.links.filter(isOther)
    if (wish === 'cut-link')
      this.laboratory = { ...this.laboratory, links: [...others, { a: id ?? '', b: to }] }
    if (wish === 'heal-link') this.laboratory = { ...this.laboratory, links: others }
    return { status: wish ? 202 : 200, body: this.laboratory }
  }

  /** Nothing goes to a node that is not online. */
  #foresee(vmId: string, { to }: { readonly to: string }): Answer {
    const phase = this.#view.nodes.find((node) => node.id === to)?.phase
    if (phase !== 'online') return refused(fault('no-node', `${to} is ${phase}: it takes no VMs.`))
    return { status: 200, body: { vmId, from: 'n1', to, forecast: forecastView() } }
  }

  #move(vmId: string, verb: 'migrate' | 'clone', body: unknown): Answer {
    const { to = 'n2', ids = [] } = (body ?? {}) as { to?: string; ids?: string[] }
    const id = `m-${this.#view.migrations.length + 1}`
    const what = { vmId, to, purpose: verb, cloneIds: ids }
    const before = this.#view.migrations
    const now = (migration: ReturnType<typeof migrationView>) =>
      this.change({ migrations: [...before, migration] })
    now(migrationView(id, { ...what, phase: 'queued', round: 0 }))
    this.#whenWatched([() => now(migrationView(id, what)), () => now(doneMigration(id, what))])
    const migration = migrationView(id, { ...what, phase: 'queued', round: 0 })
    return { status: 202, body: verb === 'clone' ? { migration, vms: [] } : migration }
  }

  /**
   * One after the other, and none before somebody watches: a test misses nothing on a busy machine.
   */
  #whenWatched(changes: (() => void)[]): void {
    const timer = setInterval(() => {
      if (this.#watchers.size > 0) changes.shift()?.()
      if (changes.length === 0) clearInterval(timer)
    }, 10)
    timer.unref()
  }

  async #servePage(path: string, response: ServerResponse): Promise<void> {
    const types: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css' }
    const name = path === '/' ? 'index.html' : path.slice(1)
    const file =
      this.#pageFolder && (await readFile(join(this.#pageFolder, name)).catch(() => null))
    const svg = extname(name) === '.svg' ? 'image/svg+xml' : 'text/html'
    response.setHeader('content-type', types[extname(name)] ?? svg)
    response.setHeader('content-security-policy', "default-src 'self'; connect-src 'self' ws:")
    response.writeHead(file ? 200 : 404).end(file ?? '')
  }
}
