// The agent process: flags, threads, files, ports and signals. A shell: no decision is taken here.
// Prints one line when it is ready: `agent NODE listening on ws://host:port`. SIGTERM and SIGINT
// stop it in order. Not here: what a node does (agent.ts), what a flag means (flags.ts).

import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import type { LargePages } from '#engine/memory/large-blocks.ts'
import type { PcpuMessage, PcpuStart } from '#engine/vm-config.ts'
import type { Clock, Disk } from '#env/env.ts'
import { hostMemory } from '#env/real/host-memory.ts'
import { readSharedFile } from '#env/real/shared-file.ts'
import { honourBranchHints } from '#env/real/wasm-flags.ts'
import {
  Credentials,
  openFolderDisk,
  realClock,
  realEnv,
  realRandom,
  realTracer,
  sha256,
} from '#env/real.ts'
import { asNodeId } from '#proto/ids.ts'
import { mebibyte } from '#proto/units.ts'
import { Agent } from './agent.ts'
import { readSettings, type Settings, usage } from './flags.ts'
import { imageReader } from './images.ts'
import { warmUpSwitchover } from './migration/warm-up.ts'
import { PcpuHandle, type PcpuThread } from './pcpu-handle.ts'
import { RamPool, ramPoolLimits } from './ram-pool.ts'
import { LaboratoryBench } from './shell/laboratory-bench.ts'
import { SnapshotStore } from './snapshots/snapshot-store.ts'
import { Vmm } from './vmm.ts'

const usageExitCode = 2
/** Scrapers and health checks are few. */
const metricsConnectionsMax = 100

// V8 counts page frames as garbage of a tiny heap, and marks that heap anew every 30 MB: a third of
// a migration's CPU time went there. With this flag they count against the limit of all memory, as
// they should.
setFlagsFromString('--external-memory-accounted-in-global-limit')
honourBranchHints()

async function main(): Promise<void> {
  const argv = process.argv.slice(2)
  if (argv.includes('--help')) {
    console.log(usage)
    return
  }
  const settings = readSettings(argv, process.env)
  if ('wrong' in settings) {
    console.error(settings.wrong)
    process.exitCode = usageExitCode
    return
  }
  const token = await tokenOf(settings)
  const bench = settings.isLaboratory ? new LaboratoryBench(token) : undefined
  const { agent, close } = await makeAgent(settings, token, bench)
  const address = await agent.start()
  const metricsPort = await serveMetrics(agent, settings, bench)
  stopOnSignals(agent, close)
  console.log(`agent ${settings.node} listening on ${address}${metricsPort}`)
  warmUpSwitchover()
}

async function tokenOf({ tokenFile, token }: Settings): Promise<string> {
  if (tokenFile === undefined) return token ?? ''
  return (await readFile(tokenFile, 'utf8')).trim()
}

/** `close`: what it had to tell of itself is told. */
async function makeAgent(settings: Settings, token: string, bench: LaboratoryBench | undefined) {
  mkdirSync(settings.disks, { recursive: true })
  const compiling = readFile(coreWasmUrl).then((bytes) => WebAssembly.compile(bytes))
  const [module, host] = await Promise.all([compiling, hostMemory()])
  const runUntilMs = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)
  const clock = bench?.clock ?? realClock
  const pool = new RamPool(clock, ramPoolLimits(settings.memoryMib * mebibyte), host?.giveBack)
  const memory = memoryFrom(pool, module, host?.large)
  // What comes along is small, and a URL; what was pulled may be large.
  const read = (at: URL | string) =>
    at instanceof URL ? readFile(at) : readSharedFile(at, host?.large)
  const image = imageReader(read, settings.images)
  let agent: Agent | undefined
  const pcpus = makePcpus(settings, { module, runUntilMs, ...bench?.forThreads }, () => agent)
  const { node, cores, mips, memoryMib, migrationBytesPerSecMax } = settings
  const { coordinators, listen, certs } = settings
  const store = (folder: string) =>
    bench?.breakable(openFolderDisk(folder)) ?? openFolderDisk(folder)
  const credentials = certs === undefined ? undefined : new Credentials(certs, node)
  const advertise = credentials ? namedAddress(settings) : settings.advertise
  const name = `agent-${node}`
  const env = realEnv(name, settings.logLevel, credentials)
  const tracer = await realTracer(name, env.log)
  agent = new Agent({
    ...{ token, coordinators, listen, advertise },
    nodeId: asNodeId(node),
    incarnation: randomUUID(),
    pid: process.pid,
    capacity: { cores, mipsPerCore: mips, memoryMib },
    migrationBytesPerSecMax,
    env: { ...env, clock, tracer },
    runUntilMs: new Float64Array(runUntilMs),
    processMemoryMib: () => process.memoryUsage.rss() / mebibyte,
    // Unprotected VMs too: the cluster has given this node's place to another process.
    replaced: ({ message }) => {
      console.error(message)
      void agent?.stop().then(() => process.exit(1))
    },
    layers: store(settings.disks),
    snapshots: snapshotsOn(store(`${settings.disks}/snapshots`), clock),
    vmm: new Vmm({ pcpus, ...memory, image }),
  })
  return { agent, close: async () => tracer?.close() }
}

const snapshotsOn = (disk: Disk, clock: Clock): SnapshotStore =>
  new SnapshotStore({ disk, ...{ clock, random: realRandom, digest: sha256 } })

const memoryFrom = (pool: RamPool, module: WebAssembly.Module, host: LargePages | undefined) => ({
  createMemory: (ramBytes: number) => {
    const memory = pool.take(ramBytes)
    if (memory) return WasmGuestMemory.on(module, memory, ramBytes, host)
    return WasmGuestMemory.create(module, ramBytes, host)
  },
  recycle: (memory: GuestMemory) => void pool.give(memory.surrender()),
})

type ForAllPcpus = Omit<PcpuStart, 'doorbell' | 'mips' | 'diskFolder'>

/** `agent` hears what they tell, once it is there. */
function makePcpus(
  { cores, mips, disks: diskFolder }: Settings,
  start: ForAllPcpus,
  agent: () => Agent | undefined,
): PcpuHandle[] {
  return Array.from({ length: cores }, (_, index) => {
    const doorbell = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    const thread = spawnPcpu({ ...start, doorbell, mips, diskFolder })
    return new PcpuHandle(index, thread, doorbell, {
      event: (event) => agent()?.hearPcpu(index, event),
      death: (reason) => agent()?.losePcpu(index, reason),
    })
  })
}

/** With its name in it, which who connects there must be shown. */
function namedAddress({ advertise, node }: Settings): string | undefined {
  const url = advertise === undefined ? null : URL.parse(advertise)
  if (!url) return advertise
  url.username = node
  return url.href.replace(/\/$/, '')
}

function spawnPcpu(start: PcpuStart): PcpuThread {
  const worker = new Worker(new URL('./pcpu-worker.ts', import.meta.url))
  worker.postMessage(start)
  let stopping = false
  return {
    post: (requests) => worker.postMessage(requests),
    onMessage: (fn) => void worker.on('message', (message: PcpuMessage) => fn(message)),
    onDeath: (fn) => {
      worker.on('error', (error) => fn(String(error)))
      worker.on('exit', () => (stopping ? undefined : fn('the pCPU thread ended')))
    },
    stop: async () => {
      stopping = true
      await worker.terminate()
    },
  }
}

/** @returns what to add to the ready line */
async function serveMetrics(
  agent: Agent,
  settings: Settings,
  bench: LaboratoryBench | undefined,
): Promise<string> {
  const { metricsPort, metricsHost } = settings
  if (metricsPort === undefined) return ''
  const server = createServer((request, response) => {
    // A page of another site that calls itself by our address gets nothing (DNS rebinding).
    if (!/^(127\.[\d.]+|\[::1\]|localhost|[\d.]+|[^.]+)(:\d+)?$/.test(request.headers.host ?? ''))
      response.writeHead(403).end('ask by an address, not by a name\n')
    else if (request.url === '/healthz') {
      response.writeHead(agent.isHealthy ? 200 : 503).end(agent.isHealthy ? 'ok\n' : 'not joined\n')
    } else if (request.url === '/metrics') {
      agent.metrics.text().then(
        (text) => response.writeHead(200, { 'content-type': agent.metrics.contentType }).end(text),
        (thrown) => response.writeHead(500).end(`${thrown}\n`),
      )
    } else if (request.url === '/vms') {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(agent.copies))
    } else if (bench && request.url === '/laboratory') void bench.take(request, response)
    else response.writeHead(404).end('there are /metrics, /vms and /healthz\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(metricsPort, metricsHost, resolve)
  })
  // Who asks too much is not answered; the guests go on.
  server.maxConnections = metricsConnectionsMax
  server.on('error', (error) => console.error(`metrics: ${error.message}`))
  server.unref()
  return `, metrics on http://${metricsHost}:${(server.address() as AddressInfo).port}/metrics`
}

function stopOnSignals(agent: Agent, close: () => Promise<void>): void {
  let asked = 0
  const stop = () => {
    // Who asks twice does not want to wait for VMs that are moved away.
    const ended = asked++ === 0 ? agent.leave() : agent.stop()
    void ended.then(close).then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

await main()
