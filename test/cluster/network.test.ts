// Two Debian guests on two agents, as they come: each finds its address by itself, they ping each
// other, and go on through migrations of either and a cut of the way between them. The image is the
// one that `godwit image pull debian` has built on this machine; without it there is nothing to
// boot.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { realClock } from '#env/real.ts'
import { asNodeId } from '#proto/ids.ts'
import { ipv4OfMac } from '#proto/network-address.ts'
import { GuestLine } from '#scenarios/guest-line.ts'
import { type Cluster, nodesOf, pulledImages, startCluster } from './cluster.ts'

const image = join(pulledImages, 'debian')
const isPulled = existsSync(image)
if (!isPulled) console.warn(`Skipped: ${image} is not there. Pull it: godwit image pull debian`)

const waitMsMax = 120_000

/** A guest's shell: what is typed into it, and what it has said since it was opened. */
class Shell {
  readonly lines: string[] = []
  readonly #line: GuestLine
  #marks = 0

  constructor(cluster: Cluster, vmId: string) {
    this.#line = new GuestLine(cluster.api, realClock, vmId, true, {
      onOpen: () => {},
      onLine: (text) => this.lines.push(text),
    })
    onTestFinished(() => this.#line.close())
  }

  type(command: string): void {
    this.#line.say(command)
  }

  /** Waits for a line from `from` on, and returns it. */
  async hears(pattern: RegExp, from = 0): Promise<string> {
    const found = () => this.lines.slice(from).find((line) => pattern.test(line))
    await expect.poll(found, { timeout: waitMsMax, interval: 100 }).toBeDefined()
    return found() ?? ''
  }

  /** Types it when the shell is there, and waits until it has been done. */
  async does(command: string): Promise<void> {
    const mark = `done-${this.#marks++}`
    // Split, so that the echo of the command is not the answer.
    this.type(`${command}; echo do''ne-${mark.slice(5)}`)
    await this.hears(new RegExp(`^${mark}`))
  }

  get pings(): number {
    return this.lines.filter((line) => /^\d+ bytes from/.test(line)).length
  }
}

/** A ping is answered that was sent after now. */
async function pingsAgain(shell: Shell): Promise<void> {
  const before = shell.pings
  await expect.poll(() => shell.pings, { timeout: waitMsMax }).toBeGreaterThan(before + 3)
}

/** For a while nothing is answered. */
async function pingsNoMore(shell: Shell): Promise<void> {
  const answersIn = async (ms: number) => {
    const before = shell.pings
    await sleep(ms)
    return shell.pings - before
  }
  await expect.poll(() => answersIn(1500), { timeout: waitMsMax }).toBe(0)
}

// skipped: without the image there is no Linux to boot (see above)
test.skipIf(!isPulled)(
  'Debian guests ping each other wherever they are, and go on when moved',
  {
    timeout: 4 * waitMsMax,
  },
  async () => {
    const cluster = await startCluster(nodesOf('n1', 'n2'))
    const { api, world } = cluster
    const spec = { image: 'debian', memoryMib: 128 }
    await api.run({ id: 'a', spec, startOn: 'n1' })
    await api.run({ id: 'b', spec, startOn: 'n2' })
    const [a, b] = [new Shell(cluster, 'a'), new Shell(cluster, 'b')]
    const address = ipv4OfMac((await api.vm('b')).identity.mac)
    await Promise.all([a, b].map((shell) => shell.hears(/Enter 'help'/)))
    const waitForAddress = 'until ip -4 addr show eth0 | grep -q "inet 10"; do sleep 1; done'
    await Promise.all([a, b].map((shell) => shell.does(waitForAddress)))
    await b.does('until [ "$(hostname)" = b ]; do sleep 1; done; ip -4 addr show eth0')
    expect(b.lines.join('\n')).toContain(`inet ${address}/8`)

    a.type(`ping -i 0.2 ${address}`)
    await pingsAgain(a)
    for (const [vmId, to] of [
      ['b', 'n1'],
      ['b', 'n2'],
      ['a', 'n2'],
      ['a', 'n1'],
    ] as const) {
      const { id } = await api.migrate(vmId, { to })
      expect(await cluster.ended(id)).toMatchObject({ phase: 'done' })
      await pingsAgain(a)
    }

    await world.cutNode(asNodeId('n2'), { coordinator: false, peers: true })
    await pingsNoMore(a)
    await world.healNode(asNodeId('n2'))
    await pingsAgain(a)
    expect(cluster.doubles).toEqual([])
  },
)
