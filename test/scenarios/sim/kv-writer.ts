// A person who writes to the store in a VM and believes what it answers: one put at a time, again
// until it is answered. What was acknowledged is read back before it is written again, which would
// hide that it was lost; and in the end, all of it. Virtual ms.
// Not here: scenarios' clients (scenarios/kv-client.ts), which are whole programs.

import { asVmId } from '#proto/ids.ts'
import type { SimWorld } from '#scenarios/sim/sim-world.ts'

const keys = 8
const patienceMs = 1200

export class KvWriter {
  readonly #world: SimWorld
  readonly #vmId: string
  /** Of each key: the last number that was acknowledged, and that was sent. */
  readonly #acked = new Map<string, number>()
  readonly #sent = new Map<string, number>()
  readonly #answers = new Map<string, string>()
  readonly #wrong: string[] = []
  #text = ''
  #serial = 0
  #session: { input(bytes: Uint8Array): void; detach(): void } | undefined

  constructor(world: SimWorld, vmId: string) {
    this.#world = world
    this.#vmId = vmId
  }

  get acknowledged(): number {
    return [...this.#acked.values()].length
  }

  /** Writes for so long. */
  async write(ms: number): Promise<void> {
    const untilMs = this.#world.nowMs + ms
    while (this.#world.nowMs < untilMs) {
      const n = ++this.#serial
      const key = `k${n % keys}`
      const before = this.#acked.has(key) ? await this.#ask(`b${n}`, `get ${key}`, patienceMs) : ''
      if (before) this.#wrong.push(...this.#compare(key, before))
      this.#sent.set(key, n)
      const answer = await this.#ask(`w${n}`, `put ${key} ${n}`, patienceMs)
      if (answer?.startsWith('ok')) this.#acked.set(key, n)
      await this.#world.pass(5)
    }
  }

  /** Asks the guest for something else. @returns its answer, if one came */
  request(text: string): Promise<string | undefined> {
    return this.#ask(`r${++this.#serial}`, text, patienceMs)
  }

  /** What is not as it was acknowledged. */
  async check(): Promise<string[]> {
    const wrong = [...this.#wrong]
    for (const key of this.#acked.keys()) {
      let answer: string | undefined
      for (let tries = 0; answer === undefined && tries < 20; tries++)
        answer = await this.#ask(`g${++this.#serial}`, `get ${key}`, patienceMs)
      wrong.push(...this.#compare(key, answer))
    }
    return wrong
  }

  #compare(key: string, answer: string | undefined): string[] {
    const acked = this.#acked.get(key) ?? 0
    const found = Number(answer?.replace('value ', '') ?? Number.NaN)
    if (found >= acked && found <= (this.#sent.get(key) ?? 0)) return []
    return [`${key} was acknowledged as ${acked}, and is "${answer}"`]
  }

  /** A console of a coordinator that is away now is opened again. */
  async #ask(id: string, request: string, withinMs: number): Promise<string | undefined> {
    const { process, consoles } = this.#world.coordinator
    this.#session?.detach()
    this.#session = undefined
    if (process.isAlive && !process.isHanging) {
      const text = new TextDecoder()
      this.#session = consoles.attach(asVmId(this.#vmId), {
        ...{ isReplay: false, bufferedBytes: 0 },
        header: () => undefined,
        output: (bytes) => this.#hear(text.decode(bytes)),
        close: () => undefined,
      })
      this.#session.input(new TextEncoder().encode(`${id} ${request}\n`))
    }
    for (let ms = 0; ms < withinMs && !this.#answers.has(id); ms += 5) await this.#world.pass(5)
    return this.#answers.get(id)
  }

  #hear(text: string): void {
    this.#text += text
    const lines = this.#text.split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      const [id = '', ...rest] = line.split(' ')
      this.#answers.set(id, rest.join(' '))
    }
  }
}
