// The persons of a run: their accounts are made, they log in, and VMs become theirs. What they do
// from then on they do by sessions of their own; so do visitors, who come by a link to one VM.
// Without persons none of it happens, and the cluster stays open.
// Not here: what they try to reach (visits.ts).

import { FaultError, fault } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import { AccountsClient } from '../accounts-client.ts'
import { type ApiClient, HttpApiClient } from '../api-client.ts'
import type { ApiWire } from '../api-wire.ts'
import { type PersonPart, quotaOf, stageName } from '../language/persons.ts'
import type { StepOf } from '../language/timeline.ts'
import type { Doors, World } from '../world.ts'

const passwordBytes = 18

/** By which a visitor came. */
interface Link {
  readonly by: string
  readonly id: string
}

export class Persons {
  readonly #parts: readonly PersonPart[]
  readonly #wires = new Map<string, ApiWire>()
  readonly #links = new Map<string, Link>()
  #doors: Doors | undefined

  constructor(parts: readonly PersonPart[]) {
    this.#parts = parts
  }

  /** All have an account, and have logged in. The first account has to be an operator's. */
  async enter({ doors }: Pick<World, 'doors'>): Promise<void> {
    if (this.#parts.length === 0) return
    this.#doors = doors
    const isLed = this.#parts.some(({ role }) => role === 'operator')
    if (!isLed) await this.#accounts.add(this.#login(stageName, 'operator'))
    const leading = this.#parts.filter(({ role }) => role === 'operator')
    const others = this.#parts.filter(({ role }) => role !== 'operator')
    for (const part of [...leading, ...others]) await this.#open(part)
  }

  /** As this person. */
  apiOf(id: string): ApiClient {
    const wire = this.#wires.get(id)
    invariant(wire, `${id} has logged in`)
    return new HttpApiClient(wire)
  }

  /** A visitor comes later, or never. */
  isHere = (id: string): boolean => this.#wires.has(id)

  /** A VM that is there becomes its owner's, if it has one. */
  async own(vmId: string): Promise<void> {
    const owner = this.#parts.find(({ vms }) => vms.includes(vmId))
    if (owner) await this.give(vmId, owner.id)
  }

  async give(vmId: string, person: string): Promise<void> {
    await this.#accounts.give(vmId, person)
  }

  /** The person makes a link, and the visitor comes by it as a browser does. */
  async share(step: StepOf<'share'>): Promise<void> {
    const { vm, as: by, visitor, for: forMs, 'read-only': readOnly } = step
    const made = await this.#accountsOf(by).share(vm, { forMs, readOnly })
    this.#links.set(visitor, { by, id: made.id })
    const { secret = '' } = made
    const came = await this.#accounts.comeBy({ secret, as: 'bearer' })
    this.#let(visitor, came.secret)
  }

  async unshare(visitor: string): Promise<void> {
    const link = this.#links.get(visitor)
    if (!link) throw new FaultError(fault('wrong-state', `${visitor} has not come by a link.`))
    await this.#accountsOf(link.by).revoke(link.id)
  }

  async #open({ id, role, quota }: PersonPart): Promise<void> {
    const request = this.#login(id, role)
    await this.#accounts.add(request)
    if (quota) await this.#accounts.setQuota(id, quotaOf(quota))
    const { name, password } = request
    const { secret } = await this.#accounts.logIn({ name, password, as: 'bearer' })
    this.#let(id, secret)
  }

  #let(id: string, secret: string | undefined): void {
    if (secret === undefined) throw new FaultError(fault('internal', `${id} got no session`))
    this.#wires.set(id, this.#ways.wireOf(secret))
  }

  #accountsOf(id: string): AccountsClient {
    const wire = this.#wires.get(id)
    invariant(wire, `${id} has logged in`)
    return new AccountsClient(wire)
  }

  #login = (name: string, role: PersonPart['role']) => {
    const bytes = this.#ways.random.bytes(passwordBytes)
    const password = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    return { name, role, password }
  }

  get #accounts(): AccountsClient {
    return new AccountsClient(this.#ways.own())
  }

  get #ways(): Doors {
    invariant(this.#doors, 'a scenario with persons runs where there are accounts')
    return this.#doors
  }
}
