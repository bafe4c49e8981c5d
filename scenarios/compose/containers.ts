// The containers of one run, start after start: which there are, how each is, what it last said;
// and the asking of Docker, which is refused once the run is being stopped, and waited for then.
// Not here: what the containers are for (compose-world.ts). Times in ms.

import { appendFile } from 'node:fs/promises'
import { FaultError, fault } from '#proto/faults.ts'
import type { ProcessView } from '../world.ts'
import { ContainerEnds } from './container-ends.ts'
import { namesOf } from './container-plan.ts'
import type { Docker, DockerOptions } from './docker.ts'

/** A coordinator or a node: its last container. */
export interface Member {
  readonly id: string
  /** Counts starts of containers: what a process's number is to others. */
  readonly pid: number
  readonly containerId: string
  state: ProcessView['state']
  ending?: string
  wake: NodeJS.Timeout | undefined
  metricsUrl?: string
}

export interface StartPlan {
  readonly create: readonly string[]
  /** Networks that it joins before it starts. */
  readonly connects: readonly (readonly string[])[]
  readonly env: Readonly<Record<string, string>>
}

const stopMsMax = 120_000

export class Containers {
  readonly #run: string
  readonly #docker: Docker
  /** A member's id → where its log is kept when its container goes. */
  readonly #logFile: (id: string) => string
  readonly #members = new Map<string, Member>()
  readonly #asked = new Set<Promise<unknown>>()
  readonly #stopping = new AbortController()
  #ends: ContainerEnds | undefined
  #starts = 0

  constructor(run: string, docker: Docker, logFile: (id: string) => string) {
    this.#run = run
    this.#docker = docker
    this.#logFile = logFile
  }

  /** Aborts when the run is being stopped. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  readonly ask: Docker = (args: readonly string[], options?: DockerOptions) => {
    this.refuseWhenStopped()
    const answer = this.#docker(args, options)
    this.#asked.add(answer)
    const forget = () => void this.#asked.delete(answer)
    answer.then(forget, forget)
    return answer
  }

  refuseWhenStopped(): void {
    if (this.stopping.aborted)
      throw new FaultError(fault('shutting-down', 'The cluster is being stopped.'))
  }

  get(id: string): Member | undefined {
    return this.#members.get(id)
  }

  get all(): Member[] {
    return [...this.#members.values()]
  }

  get views(): ProcessView[] {
    return this.all.map(({ id, pid, state, ending }) => ({
      ...{ id, pid, state },
      ...(ending === undefined ? {} : { ending }),
    }))
  }

  /** In place of the container that this member had. */
  async start(id: string, { create, connects, env }: StartPlan): Promise<Member> {
    this.#ends ??= new ContainerEnds(this.#run, (containerId, how) => this.#heard(containerId, how))
    if (this.#members.has(id)) {
      await this.keepLog(id)
      await this.ask(['rm', '--force', '--volumes', this.name(id)])
    }
    const containerId = (await this.ask(create, { env })).trim()
    for (const connect of connects) await this.ask(connect)
    const pid = ++this.#starts
    const member: Member = { id, pid, containerId, state: 'running', wake: undefined }
    this.#members.set(id, member)
    await this.ask(['start', this.name(id)])
    return member
  }

  /** SIGTERM; resolves when it has ended. Its VMs may be moved away first. */
  async stop(member: Member): Promise<void> {
    await this.wake(member)
    const seconds = String(stopMsMax / 1000)
    await this.ask(['stop', '--time', seconds, this.name(member.id)], { msMax: 2 * stopMsMax })
    exited(member, 'exit code 0')
  }

  async kill(member: Member): Promise<void> {
    clearTimeout(member.wake)
    await this.ask(['kill', this.name(member.id)])
    exited(member, 'SIGKILL')
  }

  async pause(member: Member, forMs: number): Promise<void> {
    clearTimeout(member.wake)
    if (member.state !== 'hung') await this.ask(['pause', this.name(member.id)])
    member.state = 'hung'
    member.wake = setTimeout(() => void this.wake(member).catch(() => {}), forMs)
  }

  async wake(member: Member): Promise<void> {
    clearTimeout(member.wake)
    if (member.state !== 'hung') return
    await this.ask(['unpause', this.name(member.id)])
    if (member.state === 'hung') member.state = 'running'
  }

  /** Of this machine, for a port of the container that is published. */
  async portOf(id: string, port: number): Promise<number> {
    const text = await this.ask(['port', this.name(id), `${port}/tcp`])
    return Number(/:(\d+)\s*$/m.exec(text)?.[1])
  }

  /** What its container has said; also when the run is being stopped. */
  async logOf(id: string): Promise<string> {
    const errors: string[] = []
    const onLine = (line: string) => errors.push(line)
    const text = await this.#docker(['logs', this.name(id)], { onLine }).catch(() => '')
    return [text, ...errors].join('\n')
  }

  async keepLog(id: string): Promise<void> {
    await appendFile(this.#logFile(id), await this.logOf(id))
  }

  /** From now on nothing is asked; resolves when all that was asked is answered. */
  async close(): Promise<void> {
    this.#stopping.abort()
    for (const { wake } of this.all) clearTimeout(wake)
    await Promise.allSettled([...this.#asked])
    this.#ends?.close()
  }

  name(id: string): string {
    return namesOf({ run: this.#run }).container(id)
  }

  #heard(containerId: string, how: string): void {
    for (const member of this.all) if (member.containerId === containerId) exited(member, how)
  }
}

function exited(member: Member, how: string): void {
  if (member.state === 'exited') return
  member.state = 'exited'
  member.ending = how
}
