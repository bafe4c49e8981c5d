// Real agent processes, real guests, real pages, under a coordinator that the test plays.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realTransport } from '#env/real.ts'
import { fault } from '#proto/faults.ts'
import { asEpoch, asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import type { MigrationParams, VmEvent } from '#proto/messages.ts'
import { type AgentProcess, startAgent } from './agent-process.ts'
import { CoordinatorDouble, eventually, params, vmOrder } from './coordinator-double.ts'
import { PeerDouble } from './peer-double.ts'

let coordinator: CoordinatorDouble
let address: string
let disks: string
let agents: AgentProcess[]

beforeEach(async () => {
  disks = mkdtempSync(join(tmpdir(), 'godwit-node-'))
  coordinator = new CoordinatorDouble()
  address = await coordinator.start()
  agents = []
})

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.kill()))
  await coordinator.stop()
  rmSync(disks, { recursive: true, force: true })
})

async function joined(node: string, ...flags: string[]): Promise<AgentProcess> {
  const agent = await startAgent(node, address, disks, flags)
  agents.push(agent)
  await eventually(`${node} to join`, () => coordinator.nodes.has(node))
  return agent
}

const events = (vmId: string, event: VmEvent['event']) =>
  coordinator.heard.filter(
    (message) => message.t === 'vm-event' && message.vmId === vmId && message.event === event,
  )

const boot = (node: string, name: string, args: string, spec = {}) =>
  coordinator.command(node, {
    t: 'start',
    ...vmOrder(name, 1, { args, memoryMib: 16, ...spec }),
  })

interface Move {
  readonly epoch?: number
  readonly params?: Partial<MigrationParams>
}

const migrate = (name: string, from: string, to: string, { epoch = 1, params: given }: Move) =>
  coordinator.send(from, {
    t: 'migrate',
    vmId: asVmId(name),
    epoch: asEpoch(epoch),
    nextEpoch: asEpoch(epoch + 1),
    migrationId: asMigrationId(`m-${name}-${epoch}`),
    destination: {
      nodeId: coordinator.node(to).nodeId,
      address: coordinator.node(to).peerAddress,
    },
    params: params(given),
  })

const printed = (vmId: string) => coordinator.consoles.get(vmId) ?? ''

test('a guest is started, talks on its console, and is measured', async () => {
  await joined('a')
  expect(await boot('a', 'vm1', 'workload=cpu load=40')).not.toHaveProperty('fault')
  coordinator.listen('a', 'vm1', 1)
  await eventually('the banner', () => printed('vm1').includes('ready'))
  coordinator.type('a', 'vm1', 1, 'q1 ping\n')
  await eventually('the answer', () => printed('vm1').includes('q1 pong'))
  const load = await eventually('a load', () => {
    const seen = coordinator.report('a', 'vm1')?.load
    return seen && seen.mips > 0 && seen.cpuGotPercent > 0 ? seen : undefined
  })
  expect(load.touchedBytes).toBeGreaterThan(0)
  const metrics = await (await fetch(agents[0]?.metricsUrl() ?? '')).text()
  expect(metrics).toMatch(/godwit_node_vms\{state="running"\} 1/)
})

test('a guest that rewrites memory migrates: hashes equal, console whole, one copy', async () => {
  await joined('a')
  await joined('b')
  await boot('a', 'vm1', 'workload=check mib=4 rate=500')
  coordinator.listen('a', 'vm1', 1)
  await eventually('a round of checks', () => printed('vm1').includes('check ok'))
  const command = migrate('vm1', 'a', 'b', { params: { verify: 'full' } })
  const result = await eventually('the end of the migration', () => coordinator.resultOf(command))
  expect(result.fault).toBeUndefined()
  expect(result.record?.hash).toMatch(/^[0-9a-f]{16}$/)
  expect(result.record?.rounds.length).toBeGreaterThan(0)
  await eventually('the copy at a to be gone', () => coordinator.report('a', 'vm1') === undefined)
  await eventually('b to run it', () => coordinator.report('b', 'vm1')?.state === 'running')
  expect(coordinator.report('b', 'vm1')?.epoch).toBe(2)
  expect(events('vm1', 'running')).toHaveLength(2)
  const before = printed('vm1').length
  coordinator.listen('b', 'vm1', 2)
  await eventually('more checks at b', () => /check ok/.test(printed('vm1').slice(before)))
  expect(printed('vm1')).not.toMatch(/BAD|<gap>/)
  expect(printed('vm1').match(/ready/g)).toHaveLength(1)
  coordinator.type('b', 'vm1', 2, 'q2 ping\n')
  await eventually('an answer from b', () => printed('vm1').includes('q2 pong'))
})

test('a key-value store keeps every acknowledged write while it moves there and back', async () => {
  await joined('a')
  await joined('b')
  const disk = { diskMib: 1 }
  const layers = ['vm1-0.layer']
  await coordinator.command('a', {
    t: 'start',
    ...vmOrder('vm1', 1, { args: 'workload=kv', memoryMib: 8, ...disk }, layers),
  })
  coordinator.listen('a', 'vm1', 1)
  await eventually('the banner', () => printed('vm1').includes('ready'))
  const put = async (node: string, epoch: number, n: number) => {
    coordinator.type(node, 'vm1', epoch, `p${n} put key${n} value${n}\n`)
    await eventually(`write ${n}`, () => printed('vm1').includes(`p${n} ok`))
  }
  await put('a', 1, 1)
  for (const [hop, from, to] of [
    [1, 'a', 'b'],
    [2, 'b', 'a'],
  ] as const) {
    const command = migrate('vm1', from, to, { epoch: hop, params: { verify: 'full' } })
    const result = await eventually('the migration', () => coordinator.resultOf(command))
    expect(result.fault).toBeUndefined()
    coordinator.listen(to, 'vm1', hop + 1)
    await put(to, hop + 1, hop + 1)
  }
  coordinator.type('a', 'vm1', 3, 'g1 get key1\ng2 get key2\ng3 get key3\n')
  for (const n of [1, 2, 3])
    await eventually(`key${n}`, () => printed('vm1').includes(`g${n} value value${n}`))
})

test.each(['a', 'b'])(
  'a running guest is cloned three times, to %s: each clone is somebody else',
  async (to) => {
    await joined('a')
    await joined('b')
    await coordinator.command('a', {
      t: 'start',
      ...vmOrder('parent', 1, { args: 'workload=kv', memoryMib: 8, diskMib: 1 }, ['parent-0']),
    })
    coordinator.listen('a', 'parent', 1)
    await eventually('the banner', () => printed('parent').includes('ready'))
    coordinator.type('a', 'parent', 1, 'p1 put color green\n')
    await eventually('the write', () => printed('parent').includes('p1 ok'))
    const names = ['clone-1', 'clone-2', 'clone-3']
    const result = await coordinator.command('a', {
      t: 'clone',
      vmId: asVmId('parent'),
      epoch: asEpoch(1),
      migrationId: asMigrationId('c1'),
      destination: { nodeId: asNodeId(to), address: coordinator.node(to).peerAddress },
      parentDisk: { sizeBytes: 1 << 20, layers: ['parent-0', 'parent-1'] },
      clones: names.map((name, n) =>
        vmOrder(name, 2 + n, { args: 'workload=kv', memoryMib: 8, diskMib: 1 }, ['parent-0', name]),
      ),
      params: params({ verify: 'full' }),
    })
    expect(result.fault).toBeUndefined()
    expect(result.record?.downtimeMs).toBeGreaterThan(0)
    const said = new Set<string>()
    for (const [n, name] of names.entries()) {
      await eventually(name, () => coordinator.report(to, name)?.state === 'running')
      coordinator.listen(to, name, 2 + n)
      await eventually('the offset', () => coordinator.inputAccepted.has(name))
      coordinator.type(to, name, 2 + n, `q get color\ni id\n`)
      await eventually('the same memory', () => printed(name).includes('q value green'))
      said.add(await eventually('an id', () => /i id (\S+)/.exec(printed(name))?.[1]))
    }
    coordinator.type('a', 'parent', 1, 'p2 put color red\ni id\n')
    said.add(await eventually('its id', () => /i id (\S+)/.exec(printed('parent'))?.[1]))
    expect(said.size).toBe(4)
    coordinator.type(to, 'clone-1', 2, 'r get color\n')
    await eventually('its own disk', () => printed('clone-1').includes('r value green'))
  },
)

test('a destination killed while it receives leaves the VM running at the source', async () => {
  await joined('a')
  const b = await joined('b')
  await boot('a', 'vm1', 'workload=dirty wss=2 rate=500 fill=8')
  coordinator.listen('a', 'vm1', 1)
  const slowly = { params: { bandwidthBytesPerSecMax: 2_000_000 } }
  const command = migrate('vm1', 'a', 'b', slowly)
  await eventually('pages on their way', () => coordinator.report('b', 'vm1')?.state === 'incoming')
  await b.kill()
  const result = await eventually('the end', () => coordinator.resultOf(command))
  expect(result.fault?.code).toBe('link-lost')
  const before = printed('vm1').length
  await eventually('the guest to go on', () =>
    printed('vm1').slice(before).includes('dirty writes'),
  )
  expect(coordinator.report('a', 'vm1')).toMatchObject({ state: 'running', epoch: 1 })
})

test('a migration that is cancelled leaves nothing at the destination', async () => {
  await joined('a')
  await joined('b')
  await boot('a', 'vm1', 'workload=dirty wss=2 rate=500 fill=8')
  const slowly = { params: { bandwidthBytesPerSecMax: 2_000_000 } }
  const command = migrate('vm1', 'a', 'b', slowly)
  await eventually('pages on their way', () => coordinator.report('b', 'vm1')?.state === 'incoming')
  const cancelled = await coordinator.command('a', {
    t: 'cancel-migration',
    migrationId: asMigrationId('m-vm1-1'),
  })
  expect(cancelled.fault).toBeUndefined()
  expect(coordinator.resultOf(command)?.fault?.code).toBe('cancelled')
  await eventually('b to discard it', () => coordinator.report('b', 'vm1') === undefined)
  const again = migrate('vm1', 'a', 'b', {})
  const result = await eventually('a second try', () => coordinator.resultOf(again))
  expect(result.fault).toBeUndefined()
})

test('a node whose lease runs out stops its protected VM itself, and says so later', async () => {
  coordinator.leaseMs = 400
  await joined('a')
  await boot('a', 'protected', 'workload=cpu load=10', { memoryMib: 8 })
  await boot('a', 'free', 'workload=cpu load=10', { memoryMib: 8, ha: false })
  coordinator.acknowledges = false
  await eventually('the protected VM to go', () => {
    const reports = coordinator.node('a').reports
    return !reports.some((vm) => vm.vmId === 'protected') && reports.length === 1
  })
  coordinator.acknowledges = true
  const [event] = await eventually('the news', () => {
    const fenced = events('protected', 'fenced')
    return fenced.length > 0 && fenced
  })
  expect(event).toMatchObject({ fault: { code: 'lease-lost' } })
  expect(coordinator.report('a', 'free')?.state).toBe('running')
})

test('a process that is stopped beyond its lease fences itself when it wakes', async () => {
  coordinator.leaseMs = 400
  const a = await joined('a')
  await boot('a', 'vm1', 'workload=cpu load=10', { memoryMib: 8 })
  a.child.kill('SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 800))
  a.child.kill('SIGCONT')
  await eventually('the news', () => events('vm1', 'fenced').length === 1)
  await eventually('it to be gone', () => coordinator.report('a', 'vm1') === undefined)
})

test('guests do not notice a coordinator that is away for less than a lease', async () => {
  await joined('a')
  await boot('a', 'vm1', 'workload=check mib=2 rate=200')
  coordinator.listen('a', 'vm1', 1)
  await eventually('a round', () => printed('vm1').includes('check ok'))
  const hellos = () => coordinator.heard.filter(({ t }) => t === 'hello').length
  coordinator.cutLinks()
  await eventually('a second hello', () => hellos() === 2)
  expect(coordinator.report('a', 'vm1')).toMatchObject({ state: 'running', epoch: 1 })
  coordinator.listen('a', 'vm1', 1)
  const before = printed('vm1').length
  await eventually('more rounds', () => printed('vm1').slice(before).includes('check ok'))
  expect(printed('vm1')).not.toMatch(/BAD|<gap>/)
})

test('what does not fit is refused by name', async () => {
  await joined('a', '--memory', '24')
  await joined('b', '--memory', '8')
  await boot('a', 'vm1', 'workload=cpu load=5')
  expect((await boot('a', 'vm2', 'workload=cpu load=5')).fault?.code).toBe('no-room')
  expect((await boot('b', 'x', '', { memoryMib: 8, image: 'nope' })).fault?.code).toBe('no-image')
  const refused = migrate('vm1', 'a', 'b', {})
  const result = await eventually('the refusal', () => coordinator.resultOf(refused))
  expect(result.fault?.code).toBe('no-room')
  const stale = { t: 'stop', vmId: asVmId('vm1'), epoch: asEpoch(7) } as const
  expect((await coordinator.command('a', stale)).fault?.code).toBe('stale-epoch')
  expect((await coordinator.command('a', { ...stale, epoch: asEpoch(1) })).fault).toBeUndefined()
  await eventually('it to be gone', () => coordinator.node('a').reports.length === 0)
})

test('garbage on the peer port closes that link and no other', async () => {
  await joined('a')
  await boot('a', 'vm1', 'workload=cpu load=5', { memoryMib: 8 })
  const reasons: string[] = []
  for (const bytes of [
    new Uint8Array([9, 9, 9]),
    new Uint8Array([1, 0xc1, 2]),
    new Uint8Array(5 << 20),
    new Uint8Array(200).fill(2),
  ]) {
    const { peerAddress } = coordinator.node('a')
    const link = await realTransport.connect(peerAddress, { messageBytesMax: 1 << 20 }, 5000)
    const closed = new Promise<string>((resolve) => link.onClose(({ reason }) => resolve(reason)))
    link.send(bytes)
    reasons.push(await closed)
  }
  expect(reasons[0]).toBe('bad-message')
  expect(reasons[1]).toBe('bad-message')
  expect(reasons[3]).toBe('bad-frame')
  expect((await boot('a', 'vm2', 'workload=cpu load=5', { memoryMib: 8 })).fault).toBeUndefined()
})

test('SIGTERM stops the guests, says so, and ends the process in order', async () => {
  const a = await joined('a')
  await boot('a', 'vm1', 'workload=cpu load=5', { memoryMib: 8 })
  expect(await a.end()).toBe(0)
  expect(events('vm1', 'fenced')).toHaveLength(1)
  await eventually('its goodbye', () => coordinator.goodbyes.includes('shutting-down'))
})

test('a process whose place another has taken stops all it runs, protected or not', async () => {
  const a = await joined('a')
  await boot('a', 'vm1', 'workload=cpu load=5', { memoryMib: 8, ha: false })
  coordinator.refusal = fault('name-taken', 'another process is a now')
  coordinator.cutLinks()
  await eventually('its end', () => a.child.exitCode === 1)
  expect(a.output()).toContain('another process is a now')
})

test('a parent whose new layers cannot be opened goes on over those that it had', async () => {
  await joined('a')
  const spec = { args: 'workload=kv', memoryMib: 8, diskMib: 1 }
  await coordinator.command('a', { t: 'start', ...vmOrder('vm1', 1, spec, ['vm1-0']) })
  coordinator.listen('a', 'vm1', 1)
  const layers = ['vm1-0', 'never-made', 'vm1-2']
  const { fault: why } = await coordinator.command('a', {
    t: 'clone',
    ...{ vmId: asVmId('vm1'), epoch: asEpoch(1), migrationId: asMigrationId('c1') },
    destination: { nodeId: asNodeId('a'), address: coordinator.node('a').peerAddress },
    parentDisk: { sizeBytes: 1 << 20, layers },
    clones: [vmOrder('vm2', 2, spec, ['vm1-0', 'never-made', 'vm2'])],
    params: params(),
  })
  expect(why?.message).toContain('never-made')
  coordinator.type('a', 'vm1', 1, '1 put city hobart\n')
  await eventually('a durable write', () => printed('vm1').includes('1 ok'))
  expect(events('vm1', 'crashed')).toEqual([])
  // The last heartbeat may be older than the answer.
  const itsLayers = () => coordinator.report('a', 'vm1')?.disk.layers.join()
  await eventually('the layers that it had', () => itsLayers() === 'vm1-0')
})

test('a source cut off in the switchover waits for a verdict, and runs by it', async () => {
  await joined('a')
  await joined('b')
  await boot('a', 'vm1', 'workload=check mib=2 rate=200')
  coordinator.listen('a', 'vm1', 1)
  await eventually('a round', () => printed('vm1').includes('check ok'))
  const peer = await PeerDouble.listen()
  const command = coordinator.send('a', {
    t: 'migrate',
    ...{ vmId: asVmId('vm1'), epoch: asEpoch(1), nextEpoch: asEpoch(2) },
    migrationId: asMigrationId('m1'),
    destination: { nodeId: asNodeId('x'), address: peer.address },
    params: params(),
  })
  // The double says `prepared` with the source's own hash, hears `run`, and falls silent for ever.
  await eventually('run', () => peer.heard.includes('run'))
  peer.cut()
  await eventually('doubt', () => events('vm1', 'released').length === 1)
  await eventually('released', () => coordinator.report('a', 'vm1')?.state === 'released')
  expect(coordinator.resultOf(command)).toBeUndefined()
  const verdict = await coordinator.command('a', {
    t: 'resolve',
    ...{ vmId: asVmId('vm1'), migrationId: asMigrationId('m1'), verdict: 'run' },
    epoch: asEpoch(3),
  })
  expect(verdict.fault).toBeUndefined()
  expect(coordinator.resultOf(command)?.fault?.code).toBe('link-lost')
  await eventually('it to run', () => coordinator.report('a', 'vm1')?.state === 'running')
  coordinator.listen('a', 'vm1', 3)
  const before = printed('vm1').length
  await eventually('more checks', () => printed('vm1').slice(before).includes('check ok'))
  expect(printed('vm1')).not.toMatch(/BAD|<gap>/)
  await peer.close()
})
