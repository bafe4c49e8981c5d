// Scripted stories of the core: a test says what happens, and the transcript shows what the
// coordinator did about it, line by line (`<` what came in, `>` what is sent, `*` what is told, `=`
// what was remembered before anything was sent). Agents here are only voices: they hold what the
// test says they hold. Times in virtual ms.

import {
  type ClusterState,
  defaultSettings,
  type Settings,
} from '#coordinator/core/cluster-state.ts'
import { assertInvariants } from '#coordinator/core/invariants.ts'
import type { StoredRecord } from '#coordinator/core/records.ts'
import { step } from '#coordinator/core/step.ts'
import type { ApiAnswer, ApiCommand, Effect, Input } from '#coordinator/core/step-context.ts'
import { loadState } from '#coordinator/core/stored-state.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import type { Fault, FaultCode } from '#proto/faults.ts'
import { asCommandId, asEpoch, asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import {
  type CoordinatorMessage,
  MigrationParams,
  type MigrationProgress,
  type Result,
  type VmEvent,
  type VmReport,
} from '#proto/messages.ts'
import type { ImportWhole } from '#proto/templates/messages.ts'
import { VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import { SaidAgain } from '../said-again.ts'

/**
 * `a@1 running`, `a@2 prepared m3`: what an agent holds; with a replica `a@1 running r3=kept`, and
 * `leased` or `unleased` where its node has another word for that than we believe, `net:~ann` where
 * it has it in another network; `owes` where a released one still owes pages, `other` where it
 * has only the name of the VM that we know.
 */
type HeldText = string

export class Story {
  readonly lines: string[] = []
  state: ClusterState
  answer: ApiAnswer | undefined
  /** The version that agents speak. */
  speaks = 1
  readonly sent: CoordinatorMessage[] = []
  /** VM → layers that its node reports, if they are not those that the coordinator believes in. */
  readonly layersHeld = new Map<string, string[]>()
  readonly #store = new Map<string, StoredRecord>()
  readonly #random = new SeededRandom(1)
  readonly #links = new Map<number, string>()
  readonly #settings: Settings
  readonly #incarnations = new Map<string, string>()
  readonly #said = new Map<string, SaidAgain>()
  #nowMs = 0
  #nextLink = 1
  #nextRun = 1
  #seq = 1

  constructor(settings: Partial<Settings> = {}) {
    this.#settings = { ...defaultSettings, rebalance: false, ...settings }
    this.state = this.#load()
    this.#take({ kind: 'boot' })
  }

  get text(): string {
    return `${this.lines.join('\n')}\n`
  }

  /** A heading of the transcript. */
  say(text: string): void {
    this.lines.push('', `# ${text}`)
  }

  // ---- what happens ----

  hello(node: string, held: readonly HeldText[] = [], incarnation = `${node}-first`): void {
    const linkId = this.#nextLink++
    this.#links.set(linkId, node)
    this.#incarnations.set(node, incarnation)
    this.lines.push(`< ${node} hello ${incarnation} [${held.join(', ')}]`)
    this.#take({
      kind: 'hello',
      linkId,
      hello: {
        ...{ t: 'hello', protocolVersion: this.speaks, role: 'agent', token: '' },
        ...{ incarnation, pid: 1 },
        nodeId: asNodeId(node),
        peerAddress: `ws://${node}`,
        capacity: { cores: 1, mipsPerCore: 0, memoryMib: 100 },
        vms: held.map((text) => this.#report(text)),
      },
    })
  }

  beat(node: string, held: readonly HeldText[] = []): void {
    this.lines.push(`< ${node} heartbeat [${held.join(', ')}]`)
    const said = this.#said.get(node) ?? new SaidAgain()
    this.#said.set(node, said)
    this.#say(node, {
      ...{ t: 'heartbeat', seq: this.#seq++, nodeId: asNodeId(node) },
      ...{ cpuDemandPercent: 0, cpuGotPercent: 0, memoryUsedMib: 1 },
      vms: said.again(held.map((text) => this.#report(text))),
    })
  }

  /** Joined and ready: hello and a first heartbeat. */
  join(...nodes: readonly string[]): void {
    for (const node of nodes) {
      this.hello(node)
      this.beat(node)
    }
  }

  /** @param command its id, as the transcript shows it */
  result(node: string, command: string, code?: FaultCode, more: Partial<Result> = {}): void {
    this.lines.push(`< ${node} result ${command} ${code ?? 'ok'}`)
    const why = code && { fault: { code, message: `${node} says ${code}` } }
    const message: Result = { t: 'result', commandId: asCommandId(command), ...why, ...more }
    this.#say(node, message)
  }

  event(node: string, vm: string, event: VmEvent['event'], cause?: Fault): void {
    this.lines.push(`< ${node} ${vm} ${event}${cause ? ` (${cause.code})` : ''}`)
    const { vmId, epoch } = this.#names(vm)
    this.#say(node, { t: 'vm-event', vmId, epoch, event, ...(cause ? { fault: cause } : {}) })
  }

  /** What else an agent may say. */
  hear(node: string, message: ImportWhole): void {
    this.lines.push(`< ${node} ${message.t}`)
    this.#say(node, message)
  }

  progress(
    node: string,
    migration: string,
    phase: MigrationProgress['phase'],
    more: Partial<MigrationProgress> = {},
  ): void {
    this.lines.push(`< ${node} ${migration} ${phase}`)
    const migrationId = asMigrationId(migration)
    const figures = { sentPages: 0, pagesOfRound: 0, bytes: 0, ...more }
    this.#say(node, { t: 'migration-progress', migrationId, phase, ...figures })
  }

  /** It was told to shut down, and asks whether it may. */
  leaving(node: string): void {
    this.lines.push(`< ${node} leaving`)
    this.#say(node, { t: 'leaving' })
  }

  /** What the fence device says of a process of a node; with a code: that it has failed. */
  fenceWord(node: string, incarnation: string, code?: FaultCode): void {
    this.lines.push(`< the fence device about ${node} ${incarnation}: ${code ?? 'gone'}`)
    const why = code && { code, message: `the device says ${code}` }
    this.#take({ kind: 'fence-word', nodeId: asNodeId(node), incarnation, fault: why })
  }

  /** Its link closes. */
  lose(node: string, isGoodbye = false): void {
    this.lines.push(`< ${node} link closed`)
    const linkId = this.#linkOf(node)
    this.#take({ kind: 'link-closed', linkId, nodeId: asNodeId(node), isGoodbye })
  }

  pass(ms: number): void {
    this.lines.push(`< ${ms} ms pass`)
    for (let left = ms; left > 0; left -= 50) {
      this.#nowMs += Math.min(50, left)
      this.#take({ kind: 'tick' })
    }
  }

  /** Heartbeats of nodes that live on while time passes. */
  passWith(ms: number, held: Readonly<Record<string, readonly HeldText[]>>): void {
    const quiet = this.lines.length
    for (let left = ms; left > 0; left -= 250) {
      for (const [node, vms] of Object.entries(held)) this.beat(node, vms)
      this.pass(Math.min(250, left))
    }
    const isNews = (line: string) => !/^(<|> \S+ lease)/.test(line)
    const news = this.lines.splice(quiet).filter(isNews)
    const all = Object.entries(held).map(([node, vms]) => `${node} [${vms.join(', ')}]`)
    this.lines.push(`< ${ms} ms pass with heartbeats of ${all.join(' and ')}`, ...news)
  }

  run(id: string, spec: VmSpecInput = {}, nodeId?: string, template?: string): void {
    const request = { id, spec: VmSpec.parse({ memoryMib: 16, ...spec }), nodeId, template }
    const identity = freshIdentity(this.#random)
    this.ask({ do: 'run', request, identity } as ApiCommand, `run ${id}`)
  }

  migrate(vm: string, to: string, params: Partial<MigrationParams> = {}): void {
    const request = { to, cause: 'operator', params: MigrationParams.parse(params) }
    this.ask({ do: 'migrate', vmId: asVmId(vm), request }, `migrate ${vm} to ${to}`)
  }

  clone(vm: string, ids: readonly string[], to?: string): void {
    const identities = ids.map(() => freshIdentity(this.#random))
    const request = { ids: [...ids], ...(to && { to }) }
    const command = { do: 'clone', vmId: asVmId(vm), request, identities } as const
    this.ask(command, `clone ${vm} into ${ids.join(', ')}`)
  }

  ask(command: ApiCommand, text = `${command.do} ${'vmId' in command ? command.vmId : ''}`): void {
    this.lines.push(`< ${text}`)
    this.#take({ kind: 'api', command })
  }

  admit(migration: string): void {
    this.lines.push(`< ${migration} admitted`)
    this.#take({ kind: 'migration-admitted', migrationId: asMigrationId(migration) })
  }

  /** The coordinator's process is killed and started again on what its store holds. */
  restart(): void {
    this.lines.push('< the coordinator is killed and started again')
    this.state = this.#load()
    this.#take({ kind: 'boot' })
  }

  // ---- how ----

  #load(): ClusterState {
    const names = { clusterId: 'story', runId: `run${this.#nextRun++}` }
    const records = structuredClone([...this.#store.values()])
    const state = loadState(records, names, this.#settings, this.#nowMs)
    if ('code' in state) throw new Error(state.message)
    return state
  }

  #say(node: string, message: Extract<Input, { kind: 'agent-message' }>['message']): void {
    const linkId = this.#linkOf(node)
    this.#take({ kind: 'agent-message', linkId, nodeId: asNodeId(node), message })
  }

  #linkOf(node: string): number {
    return [...this.#links].findLast(([, name]) => name === node)?.[0] ?? 0
  }

  #take(input: Input): void {
    const effects = step(this.state, input, { nowMs: this.#nowMs, wallMs: 0 })
    assertInvariants(this.state)
    for (const effect of effects) this.#show(effect)
  }

  #show(effect: Effect): void {
    if (effect.kind === 'persist') this.#persist(effect)
    else if (effect.kind === 'send') {
      this.sent.push(effect.message)
      this.lines.push(`> ${this.#links.get(effect.linkId)} ${textOf(effect.message)}`)
    } else if (effect.kind === 'close-link')
      this.lines.push(`> ${this.#links.get(effect.linkId)} closed: ${effect.reason}`)
    else if (effect.kind === 'fence')
      this.lines.push(`> the fence device: end ${effect.nodeId} ${effect.incarnation}`)
    else if (effect.kind === 'event') this.lines.push(`* ${effect.event.text}`)
    else if (effect.kind === 'reply') {
      this.answer = effect.answer
      if ('fault' in effect.answer)
        this.lines.push(`> ${effect.answer.fault.code}: ${effect.answer.fault.message}`)
    }
  }

  #persist({ puts, deletes }: Extract<Effect, { kind: 'persist' }>): void {
    for (const record of puts)
      this.#store.set(`${record.kind}/${record.id}`, JSON.parse(JSON.stringify(record)))
    for (const { kind, id } of deletes) this.#store.delete(`${kind}/${id}`)
    const isShown = ({ kind }: { kind: string }) => kind !== 'event' && kind !== 'meta'
    const shown = [
      ...puts.filter(isShown).map(({ kind, id }) => `${kind}/${id}`),
      ...deletes.filter(isShown).map(({ kind, id }) => `no ${kind}/${id}`),
    ]
    if (shown.length > 0) this.lines.push(`= ${shown.join(', ')}`)
  }

  #names(text: string) {
    const [id = '', epoch = '0'] = text.split('@')
    return { vmId: asVmId(id), epoch: asEpoch(Number(epoch)) }
  }

  #report(text: HeldText): VmReport {
    const [name = '', state = 'running', ...more] = text.split(' ')
    const saysLease = more.some((word) => word.endsWith('leased'))
    const [replica] = more.filter((word) => word.includes('=')).map((word) => word.split('='))
    const migration = more.find((word) => /^[a-z]+\d+$/.test(word))
    const { vmId, epoch } = this.#names(name)
    const vm = this.state.vms.get(vmId)
    const spec = { ...(vm?.spec ?? VmSpec.parse({ memoryMib: 16 })) }
    const told = /net:(\S+)/.exec(text)?.[1]
    if (saysLease) spec.ha = !more.includes('unleased')
    if (told) Object.assign(spec, { network: told === 'true' || told })
    const known = more.includes('other') ? undefined : vm?.identity
    const identity = known ?? freshIdentity(this.#random)
    const { sizeBytes, layers } = vm?.disk ?? { sizeBytes: 0, layers: [] }
    const disk = { sizeBytes, layers: this.layersHeld.get(vmId) ?? layers }
    const migrationId = migration && { migrationId: asMigrationId(migration) }
    const [id = '', is] = replica ?? []
    const said = replica && { replica: { id: asMigrationId(id), state: is, checkpoints: 1 } }
    const owes = more.includes('owes') && { owesPages: true }
    const about = { vmId, epoch, state, spec, identity, disk, ...migrationId, ...owes, ...said }
    return about as VmReport
  }
}

function textOf(message: CoordinatorMessage): string {
  switch (message.t) {
    case 'refused':
      return `refused: ${message.fault.code}`
    case 'start':
    case 'take-snapshot':
    case 'drop-snapshot':
      return snapshotTextOf(message)
    case 'stop':
    case 'pause':
    case 'resume':
      return `${message.t} ${message.vmId}@${message.epoch} (${message.commandId})`
    case 'balloon':
      return (
        `balloon ${message.vmId}@${message.epoch} of ${message.targetPages} pages ` +
        `(${message.commandId})`
      )
    case 'migrate':
      return (
        `migrate ${message.vmId}@${message.epoch} to ${message.destination.nodeId} ` +
        `as @${message.nextEpoch} (${message.commandId})`
      )
    case 'clone':
      return (
        `clone ${message.vmId}@${message.epoch} into ` +
        `${message.clones.map((c) => `${c.vmId}@${c.epoch}`).join(', ')} ` +
        `on ${message.destination.nodeId} (${message.commandId})`
      )
    case 'resolve':
      return `resolve ${message.verdict} ${message.vmId}@${message.epoch} (${message.commandId})`
    case 'cancel-migration':
      return `cancel ${message.migrationId} (${message.commandId})`
    default:
      return otherTextOf(message)
  }
}

function otherTextOf(message: CoordinatorMessage): string {
  switch (message.t) {
    case 'set-lease':
      return `set-lease ${message.vmId}@${message.epoch} ${message.leased} (${message.commandId})`
    case 'replicate':
      return (
        `replicate ${message.vmId}@${message.epoch} to ${message.destination.nodeId} ` +
        `as ${message.replicaId} (${message.commandId})`
      )
    case 'end-replication':
    case 'take-over':
      return (
        `${message.t} ${message.vmId}@${message.epoch} of ${message.replicaId} ` +
        `(${message.commandId})`
      )
    case 'may-leave':
      return message.now ? 'may leave' : 'may leave later'
    default:
      return message.t
  }
}

/** A start, from a snapshot or not; and what is asked about snapshots. */
function snapshotTextOf(
  message: Extract<CoordinatorMessage, { t: 'start' | 'take-snapshot' | 'drop-snapshot' }>,
): string {
  const { commandId, vmId } = message
  if (message.t === 'drop-snapshot') return `drop ${message.name} of ${vmId} (${commandId})`
  const vm = `${vmId}@${message.epoch} (${commandId})`
  if (message.t === 'take-snapshot') return `take ${message.name} of ${vm}`
  return `start ${vm}${message.snapshot ? ` from ${message.snapshot} on ${message.disk.layers}` : ''}`
}

// ---- beginnings ----

/** Two nodes, and `a` running on n1 under epoch 1. With a disk, unless said otherwise. */
export function started(spec: Parameters<Story['run']>[1] = { diskMib: 4 }): Story {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', spec, undefined)
  story.result('n1', 'run1-1')
  return story
}

/** … and m2 has begun to move it to n2, as epoch 2. */
export function moving(spec?: Parameters<Story['run']>[1]): Story {
  const story = started(spec)
  story.migrate('a', 'n2')
  story.admit('m2')
  story.passWith(250, { n1: ['a@1 running m2'], n2: ['a@2 incoming m2'] })
  return story
}

/** `running n1 @2`: what the coordinator believes of a VM. */
export function stateOf(story: Story, id = 'a'): string {
  const vm = story.state.vms.get(asVmId(id))
  return `${vm?.phase} ${vm?.nodeId} @${vm?.epoch}`
}
