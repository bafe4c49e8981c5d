// QEMU's own pre-copy, as the peer of ours: two processes of its board `virt` on this machine, the
// same guest image, its pages over loopback TCP. Driven by QMP (QEMU documentation, "QEMU Machine
// Protocol Reference", section Migration). Not here: what is compared (../migration.ts).
// Times in ms, sizes in bytes or MiB.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { eventually } from '../../test/node-agent/coordinator-double.ts'
import { kill } from './kill.ts'
import type { GuestToMove, Moved, MoveLimits } from './moved.ts'
import { qemuCommand } from './qemu.ts'

const minutes = 60_000
/** A port and a console each, so that nothing waits for another's. */
interface Machine {
  readonly process: ChildProcess
  readonly qmp: Qmp
  readonly lines: string[]
}

interface MigrationInfo {
  readonly status: string
  readonly 'total-time': number
  readonly downtime?: number
  readonly 'error-desc'?: string
  readonly ram?: { readonly transferred: number; readonly 'dirty-sync-count': number }
}

/** Boots the guest, waits until it has filled its memory, moves it, and asks it how it was. */
export async function moveOnQemu(
  guest: GuestToMove,
  limits: MoveLimits,
  folder: string,
): Promise<Moved> {
  const port = await freePort()
  const machines: Machine[] = []
  try {
    const source = await startMachine(guest, folder, 'source', [])
    machines.push(source)
    await hear(source, 'dirty writes')
    const incoming = ['-incoming', `tcp:127.0.0.1:${port}`]
    const destination = await startMachine(guest, folder, 'destination', incoming)
    machines.push(destination)
    await guest.settle()
    const before = await ask(source, 'before')
    const info = await migrate(source, port, limits)
    const after = await ask(destination, 'after')
    return { ...toldBy(info), ...guest.seen(before, after) }
  } finally {
    for (const { process, qmp } of machines) {
      qmp.close()
      await kill(process)
    }
  }
}

function toldBy(info: MigrationInfo) {
  return {
    totalMs: info['total-time'],
    downtimeMs: info.downtime ?? Number.NaN,
    bytes: info.ram?.transferred ?? 0,
    rounds: info.ram?.['dirty-sync-count'] ?? 0,
  }
}

async function startMachine(
  { image, args, memoryMib }: GuestToMove,
  folder: string,
  name: string,
  more: readonly string[],
): Promise<Machine> {
  const path = join(folder, `${name}.qmp`)
  const qmpFlag = ['-qmp', `unix:${path},server=on,wait=off`, '-append', args]
  const [file = '', ...flags] = qemuCommand({
    kernel: image,
    memoryMib,
    more: [...qmpFlag, ...more],
  })
  const child = spawn(file, flags, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const qmp = await Qmp.open(path)
  return { process: child, qmp, lines }
}

async function migrate(source: Machine, port: number, limits: MoveLimits): Promise<MigrationInfo> {
  await source.qmp.ask('migrate-set-parameters', {
    'max-bandwidth': limits.bandwidthBytesPerSecMax || 2 ** 40,
    'downtime-limit': limits.downtimeMsMax,
  })
  await source.qmp.ask('migrate', { uri: `tcp:127.0.0.1:${port}` })
  const deadline = performance.now() + minutes
  while (performance.now() < deadline) {
    const info = (await source.qmp.ask('query-migrate')) as MigrationInfo
    if (info.status === 'completed') return info
    if (info.status === 'failed') throw new Error(`QEMU's migration failed: ${info['error-desc']}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('QEMU had not migrated after a minute')
}

async function hear(machine: Machine, start: string): Promise<string> {
  const heard = () => machine.lines.find((line) => line.startsWith(start))
  return await eventually(`QEMU's guest to say "${start}"`, heard, minutes)
}

async function ask(machine: Machine, id: string): Promise<string> {
  machine.process.stdin?.write(`${id}-1 stats\n`)
  return await hear(machine, `${id}-1 stats`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** One command after the other; events are passed over. */
class Qmp {
  readonly #socket: Socket
  readonly #answers: ((answer: { return?: unknown; error?: { desc: string } }) => void)[] = []

  static async open(path: string): Promise<Qmp> {
    for (let tries = 0; ; tries++) {
      const socket = connect(path)
      try {
        await once(socket, 'connect')
        const qmp = new Qmp(socket)
        await qmp.ask('qmp_capabilities')
        return qmp
      } catch (thrown) {
        if (tries === 200) throw thrown
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('close', () => {
      for (const answer of this.#answers.splice(0)) answer({ error: { desc: 'it has ended' } })
    })
    createInterface({ input: socket }).on('line', (line) => {
      const said = JSON.parse(line)
      if ('return' in said || 'error' in said) this.#answers.shift()?.(said)
    })
  }

  ask(execute: string, given: Record<string, unknown> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#answers.push(({ return: value, error }) => {
        if (error) reject(new Error(`QEMU refuses ${execute}: ${error.desc}`))
        else resolve(value)
      })
      this.#socket.write(`${JSON.stringify({ execute, arguments: given })}\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
