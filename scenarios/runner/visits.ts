// Persons who try to get to VMs, each by their own session and by the very routes that a browser
// takes: once it is to work, until it has; where they are to be kept out, again and again to the
// end. What came of each try is shown as evidence. Not here: what is made of it (person-judges.ts).
// Times in ms.

import type { Clock } from '#env/env.ts'
import type { ClusterView } from '#proto/api.ts'
import { type FaultCode, faultOf } from '#proto/faults.ts'
import type { ApiClient } from '../api-client.ts'
import type { Expectation, ExpectationOf } from '../language/expectations.ts'
import type { WayToVm } from '../language/persons.ts'
import type { Evidence } from './evidence.ts'

interface Ports {
  readonly clock: Clock
  /** A visitor may not be there yet. */
  isHere(person: string): boolean
  apiOf(person: string): ApiClient
  /** As an operator sees it: what is not there keeps nobody out. */
  view(): ClusterView
  show(evidence: Evidence): void
}

type Reached = ExpectationOf<'reaches'>
type KeptOut = ExpectationOf<'kept-out'>

const againMs = 250

export class Visits {
  readonly #ports: Ports
  readonly #keptOut: KeptOut[] = []
  #isClosed = false

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /** Expectations that begin now. */
  begin(items: readonly Expectation[]): void {
    for (const item of items) {
      if (item.expect === 'reaches') void this.#reach(item)
      if (item.expect !== 'kept-out') continue
      this.#keptOut.push(item)
      void this.#tryAgain(item)
    }
  }

  /** Everybody who is to be kept out tries once more: how it is at the end. */
  async settle(): Promise<void> {
    this.#isClosed = true
    for (const item of this.#keptOut) await this.#tryAll(item)
  }

  close(): void {
    this.#isClosed = true
  }

  async #reach(item: Reached): Promise<void> {
    if (this.#isClosed) return
    const isIn = await this.#try(item.person, item.vm, item.by)
    if (!isIn) this.#later(() => void this.#reach(item))
  }

  async #tryAgain(item: KeptOut): Promise<void> {
    if (this.#isClosed) return
    await this.#tryAll(item)
    this.#later(() => void this.#tryAgain(item))
  }

  async #tryAll({ person, vm, by }: KeptOut): Promise<void> {
    for (const way of by) await this.#try(person, vm, way)
  }

  /** @returns whether they got in */
  async #try(person: string, vm: string, way: WayToVm): Promise<boolean> {
    if (!this.#ports.isHere(person)) return false
    const code = await refusalOf(this.#ports.apiOf(person), vm, way)
    const isThere = this.#ports.view().vms.some(({ id }) => id === vm)
    this.#ports.show({ kind: 'tried', person, vm, way, code, isThere })
    return code === undefined
  }

  #later(fn: () => void): void {
    const { clock } = this.#ports
    clock.wakeAt(clock.nowMs() + againMs, fn)
  }
}

/** Undefined: they got in. They look at nothing, and leave. */
async function refusalOf(api: ApiClient, vm: string, way: WayToVm): Promise<FaultCode | undefined> {
  const nothing = () => undefined
  const blind = { onHeader: nothing, onOutput: nothing, onFrame: nothing, onClose: nothing }
  try {
    if (way === 'api') await api.vm(vm)
    else if (way === 'screen') (await api.screen(vm, blind)).close()
    else (await api.console(vm, { replay: false }, blind)).close()
    return undefined
  } catch (thrown) {
    return faultOf(thrown).code
  }
}
