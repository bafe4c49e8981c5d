// The keeper of one node in a container: starts its agent behind two doors, and ends, freezes,
// wakes it or makes its ways silent when the cluster's laboratory says so, as a person at the page
// or `godwit chaos` wishes. So a container is broken from within, and nobody needs Docker's socket.
// An agent that ends by itself takes the container with it, for Docker to start anew.
//
//   agent ──▶ door on loopback ──▶ coordinator          silent: `coordinator`
//   peers ──▶ door at the peer port ──▶ agent           silent: `peers`, or from an address
//
// Not here: who wishes what (laboratory.ts), how bytes pass (local/tcp-proxy.ts). Times in ms.

import { realClock, realRandom } from '#env/real.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { Road } from '../local/road.ts'
import { Door, type Place } from '../local/tcp-proxy.ts'
import type { AgentProcess } from './agent-process.ts'
import { plainAddress } from './asked.ts'
import type { KeeperRequest, KeeperView, SilentWays } from './keeper-wire.ts'

const whole: SilentWays = { coordinator: false, peers: false, from: [] }

export class Keeper {
  readonly #agent: AgentProcess
  readonly #toCoordinator: Door
  readonly #fromPeers: Door
  readonly #ways: { silent: SilentWays }
  #wake: NodeJS.Timeout | undefined

  /** Opens both doors; where they lead is said by start(). */
  static async open(agent: AgentProcess, at: Place, coordinator: Place): Promise<Keeper> {
    const ways = { silent: whole }
    const road = (isCut: () => boolean) => new Road(realClock, realRandom, isCut)
    const up = road(() => ways.silent.coordinator)
    const toCoordinator = await Door.open(() => ({ there: up, back: up }))
    toCoordinator.leadTo(coordinator.port, coordinator.host)
    const fromPeers = await Door.open((_port, caller) => {
      const address = plainAddress(caller)
      const from = road(() => ways.silent.peers || ways.silent.from.includes(address))
      return { there: from, back: from }
    }, at)
    return new Keeper(agent, toCoordinator, fromPeers, ways)
  }

  private constructor(
    agent: AgentProcess,
    toCoordinator: Door,
    fromPeers: Door,
    ways: { silent: SilentWays },
  ) {
    this.#agent = agent
    this.#toCoordinator = toCoordinator
    this.#fromPeers = fromPeers
    this.#ways = ways
  }

  /** Resolves when the agent serves. */
  async start(): Promise<void> {
    this.#fromPeers.leadTo(await this.#agent.start(this.#toCoordinator.port))
  }

  async take(request: KeeperRequest): Promise<KeeperView> {
    switch (request.do) {
      case 'kill':
        this.#awake()
        await this.#agent.kill()
        break
      case 'revive':
        if (this.#agent.isRunning) throw refused('The node runs already; kill it first.')
        await this.start()
        break
      case 'hang':
        this.#hang(request.forMs)
        break
      case 'wake':
        if (!this.#wake) throw refused('The node does not hang.')
        this.#awake()
        break
      case 'silence':
        this.#ways.silent = request.ways
        this.#toCoordinator.review()
        this.#fromPeers.review()
    }
    return this.view
  }

  get view(): KeeperView {
    if (!this.#agent.isRunning) return { process: 'exited' }
    return { process: this.#wake ? 'hung' : 'running' }
  }

  #hang(forMs: number): void {
    if (!this.#agent.isRunning) throw refused('The node does not run.')
    clearTimeout(this.#wake)
    this.#agent.signal('SIGSTOP')
    this.#wake = setTimeout(() => this.#awake(), forMs)
  }

  #awake(): void {
    clearTimeout(this.#wake)
    this.#wake = undefined
    this.#agent.signal('SIGCONT')
  }
}

const refused = (text: string) => new FaultError(fault('wrong-state', text))
