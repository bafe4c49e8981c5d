// A guest as its console shows it: answers pings, says who it is, and keeps keys on a disk that
// outlives it. The line protocol is that of docs/guest.md; no machine, no time of its own.

export interface FakeDisk {
  readonly values: Map<string, string>
  sequence: number
}

export interface FakeIdentity {
  readonly instanceId: string
  readonly mac: string
  readonly randomSeed: string
}

export class FakeGuest {
  readonly #identity: () => FakeIdentity
  readonly #disk: FakeDisk
  readonly #say: (line: string) => void
  /** For tests that must fail: acknowledges without writing. */
  readonly #forgetful: boolean
  #begun = ''

  constructor(
    identity: () => FakeIdentity,
    disk: FakeDisk,
    forgetful: boolean,
    say: (line: string) => void,
  ) {
    this.#identity = identity
    this.#disk = disk
    this.#forgetful = forgetful
    this.#say = say
  }

  boot(args: string): void {
    const workload = /workload=(\w+)/.exec(args)?.[1] ?? 'cpu'
    this.#say(
      `godwit-guest 1 workload=${workload} ram=16MiB instance=${this.#identity().instanceId} ready`,
    )
  }

  hear(bytes: Uint8Array): void {
    const lines = (this.#begun + new TextDecoder().decode(bytes)).split('\n')
    this.#begun = lines.pop() ?? ''
    for (const line of lines) {
      const [id = '?', ...words] = line.split(' ')
      this.#say(`${id} ${this.#answer(words)}`)
    }
  }

  #answer([verb, key = '', value = '']: string[]): string {
    const { instanceId, mac, randomSeed } = this.#identity()
    switch (verb) {
      case 'ping':
        return 'pong 1'
      case 'id':
        return `id ${instanceId} ${mac} 1 ${randomSeed.slice(0, 16)}`
      case 'put':
        this.#disk.sequence += 1
        if (!this.#forgetful || this.#disk.sequence % 10 !== 0) this.#disk.values.set(key, value)
        return `ok ${this.#disk.sequence}`
      case 'get':
        return this.#disk.values.has(key) ? `value ${this.#disk.values.get(key)}` : 'none'
      default:
        return 'error unknown-request'
    }
  }
}
