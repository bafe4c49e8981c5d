// Claim: pre-copy over loopback moves a guest at 30 % or more of a plain socket's speed, and an
// idle guest stands still for at most 30 ms. Measured with two agent processes, a 256 MiB guest
// filled with incompressible bytes, and as peer a node:net socket between two processes that sends
// the same bytes from memory, in the same run. Prints total time, downtime and MB/s (10^6 bytes).
// Best and worst of several migrations, there and back.
// Run: node bench/migration.ts [migrations]

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import type { MigrationRecord } from '#proto/messages.ts'
import { mebibyte } from '#proto/units.ts'
import { type AgentProcess, startAgent } from '../test/node-agent/agent-process.ts'
import {
  CoordinatorDouble,
  eventually,
  params,
  vmOrder,
} from '../test/node-agent/coordinator-double.ts'

const memoryMib = 256
const fillMib = 236
const chunkBytes = mebibyte
const minutes = 60_000

interface Workload {
  readonly name: string
  readonly args: string
}
const workloads: readonly Workload[] = [
  { name: 'idle', args: `workload=dirty wss=1 rate=1 fill=${fillMib}` },
  {
    name: 'dirtying 8 MB/s over 8 MiB',
    args: `workload=dirty wss=8 rate=2000 fill=${fillMib - 8}`,
  },
]

async function main(migrations: number): Promise<void> {
  const socketMbPerSec = Math.max(await socketSpeed(), await socketSpeed())
  console.log(`plain socket, ${memoryMib} MiB: ${socketMbPerSec.toFixed(0)} MB/s`)
  for (const workload of workloads) {
    const records = await migrateOften(workload, migrations)
    for (const [n, record] of records.entries()) console.log(`  ${n + 1}: ${line(record)}`)
    const speed = Math.max(...records.map(mbPerSec))
    const downtimes = records.map(({ downtimeMs }) => downtimeMs).sort((a, b) => a - b)
    const median = downtimes[downtimes.length >> 1] ?? 0
    console.log(
      `${workload.name}: best ${speed.toFixed(0)} MB/s = ` +
        `${((100 * speed) / socketMbPerSec).toFixed(0)} % of the socket; ` +
        `downtime median ${median.toFixed(1)} ms, worst ${downtimes.at(-1)?.toFixed(1)} ms`,
    )
  }
}

const mbPerSec = ({ bytes, totalMs }: MigrationRecord): number => bytes / totalMs / 1000

const line = (record: MigrationRecord): string =>
  `${record.totalMs.toFixed(0)} ms in all, ${record.downtimeMs.toFixed(1)} ms down, ` +
  `${record.rounds.length} rounds, ${(record.bytes / 1e6).toFixed(0)} MB, ` +
  `${mbPerSec(record).toFixed(0)} MB/s, hash ${record.hash}`

async function migrateOften(workload: Workload, times: number): Promise<MigrationRecord[]> {
  const disks = mkdtempSync(join(tmpdir(), 'godwit-bench-'))
  const coordinator = new CoordinatorDouble()
  coordinator.leaseMs = minutes
  const address = await coordinator.start()
  const agents: AgentProcess[] = []
  try {
    for (const node of ['a', 'b']) agents.push(await startAgent(node, address, disks))
    await eventually('two nodes', () => coordinator.nodes.size === 2)
    await bootFilled(coordinator, workload)
    const records: MigrationRecord[] = []
    for (let n = 0; n < times; n++) records.push(await migrateOnce(coordinator, n))
    return records
  } finally {
    for (const agent of agents) await agent.end()
    await coordinator.stop()
    rmSync(disks, { recursive: true, force: true })
  }
}

async function bootFilled(coordinator: CoordinatorDouble, workload: Workload): Promise<void> {
  await coordinator.command('a', {
    t: 'start',
    ...vmOrder('vm', 1, { args: workload.args, memoryMib }),
  })
  coordinator.listen('a', 'vm', 1)
  const isFilled = () => coordinator.consoles.get('vm')?.includes('dirty writes')
  await eventually('the guest to fill its memory', isFilled, minutes)
}

async function migrateOnce(coordinator: CoordinatorDouble, n: number): Promise<MigrationRecord> {
  const [from, to] = n % 2 === 0 ? ['a', 'b'] : ['b', 'a']
  const { nodeId, peerAddress } = coordinator.node(to as string)
  const result = await coordinator.command(from as string, {
    t: 'migrate',
    vmId: asVmId('vm'),
    epoch: asEpoch(n + 1),
    nextEpoch: asEpoch(n + 2),
    migrationId: asMigrationId(`m${n}`),
    destination: { nodeId, address: peerAddress },
    params: params(),
  })
  if (result.fault || !result.record) throw new Error(result.fault?.message ?? 'no record')
  return result.record
}

/** MB/s of one plain socket between two processes. */
async function socketSpeed(): Promise<number> {
  const child = spawn(process.execPath, [new URL(import.meta.url).pathname, 'socket-sink'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = await once(child.stdout, 'data')
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  const chunk = Buffer.alloc(chunkBytes, 0xa5)
  const startMs = performance.now()
  for (let sent = 0; sent < memoryMib; sent++) if (!socket.write(chunk)) await once(socket, 'drain')
  await once(socket, 'data') // The sink says when it has all.
  const ms = performance.now() - startMs
  socket.destroy()
  await once(child, 'exit')
  return (memoryMib * chunkBytes) / ms / 1000
}

async function receiveAll(): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log((server.address() as AddressInfo).port)
  const [socket] = await once(server, 'connection')
  let left = memoryMib * chunkBytes
  socket.on('data', (bytes: Buffer) => {
    left -= bytes.length
    if (left === 0) socket.end('all')
  })
  socket.on('close', () => server.close())
}

if (process.argv[2] === 'socket-sink') await receiveAll()
else await main(Number(process.argv[2] ?? 4))
