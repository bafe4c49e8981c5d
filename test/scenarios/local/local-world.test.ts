// The launcher of the local world against small doubles of its programs: starts, cuts, deaths, and
// the clean end.
import { readFileSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { asNodeId } from '#proto/ids.ts'
import { askControl } from '#scenarios/local/control.ts'
import { identityOf } from '#scenarios/local/process-identity.ts'
import { clusterOf } from './cluster-of-doubles.ts'
import { callPeer, newWorld } from './launcher.ts'

const n1 = asNodeId('n1')
const n2 = asNodeId('n2')

async function phases(world: ReturnType<typeof newWorld>['world']) {
  const nodes = await world.api.nodes()
  return Object.fromEntries(nodes.map((node) => [node.id, node.phase]))
}
const eventually = { timeout: 45_000, interval: 50 }

describe('a local cluster', () => {
  test('starts, shows its processes, and leaves none of them behind', async () => {
    const { world, folder } = newWorld()
    await world.startCluster(clusterOf('n1', 'n2'))
    expect(await phases(world)).toEqual({ n1: 'online', n2: 'online' })
    expect(world.processes().map(({ id, state }) => `${id} ${state}`)).toEqual([
      'coordinator running',
      'n1 running',
      'n2 running',
    ])
    const pids = world.processes().map(({ pid }) => pid)
    expect(await world.stop()).toEqual([])
    expect(pids.map((pid) => identityOf(pid))).toEqual([undefined, undefined, undefined])
    expect(folder.runningState()).toBeUndefined()
    expect(await world.stop()).toEqual([])
  })

  test('keeps its token out of every argument list', async () => {
    const { world, folder } = newWorld()
    await world.startCluster(clusterOf('n1'))
    const token = readFileSync(folder.tokenFile, 'utf8')
    expect(token).toMatch(/^[0-9a-f]{48}$/)
    expect(statSync(folder.tokenFile).mode & 0o077).toBe(0)
    for (const { pid } of world.processes())
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(token)
  })

  test('that cannot start says why, in the words of the process that could not', async () => {
    const { world } = newWorld()
    await expect(world.startCluster(clusterOf('n1', 'broken'))).rejects.toThrow(
      /node broken ended at once \(exit code 7\)[\s\S]*cannot find its disk/,
    )
    expect(await world.stop()).toEqual([])
  })

  test('kills by force what does not end when asked', async () => {
    const { world } = newWorld()
    await world.startCluster(clusterOf('deaf'))
    expect(await world.stop()).toEqual([])
    expect(world.processes().at(-1)).toMatchObject({
      id: 'deaf',
      state: 'exited',
      ending: 'SIGKILL',
    })
  })
})

describe('a node', () => {
  test('that is killed is seen to end, and starts again under its name', async () => {
    const ends: string[] = []
    const { world, folder } = newWorld((id, how) => ends.push(`${id}: ${how}`))
    await world.startCluster(clusterOf('n1', 'n2'))
    await world.killNode(n1)
    expect(world.processes()[1]).toMatchObject({ id: 'n1', state: 'exited', ending: 'SIGKILL' })
    await expect.poll(() => ends, eventually).toEqual(['n1: SIGKILL'])
    expect(folder.runningState()?.processes.map((p) => p.running)).toEqual([true, false, true])
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'suspect', n2: 'online' })
    await world.startNode(n1)
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'online', n2: 'online' })
    expect(await callPeer(folder, 'n2', 'n1')).toBe('n1')
    await expect(world.startNode(n1)).rejects.toThrow('runs already')
  })

  test('that hangs is silent for a while, and can still be stopped meanwhile', async () => {
    const { world } = newWorld()
    await world.startCluster(clusterOf('n1', 'n2'))
    await world.hangNode(n1, 1_000)
    expect(world.processes()[1]).toMatchObject({ id: 'n1', state: 'hung' })
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'suspect', n2: 'online' })
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'online', n2: 'online' })
    await world.hangNode(n1, 600_000)
    expect(await world.stop()).toEqual([])
  })

  test('cut from the coordinator still reaches its peers, and comes back when healed', async () => {
    const { world, folder } = newWorld()
    await world.startCluster(clusterOf('n1', 'n2'))
    await world.cutNode(n1, { coordinator: true, peers: false })
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'suspect', n2: 'online' })
    expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
    expect(await callPeer(folder, 'n2', 'n1')).toBe('n1')
    await world.healNode(n1)
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'online', n2: 'online' })
  })

  test('cut from its peers neither calls nor is called, while the others go on', async () => {
    const { world, folder } = newWorld()
    await world.startCluster(clusterOf('n1', 'n2', 'n3'))
    expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
    await world.cutNode(n2, { coordinator: false, peers: true })
    expect(
      await Promise.all([
        callPeer(folder, 'n1', 'n2'),
        callPeer(folder, 'n2', 'n1'),
        callPeer(folder, 'n1', 'n3'),
      ]),
    ).toEqual(['silence', 'silence', 'n3'])
    expect(await phases(world)).toEqual({ n1: 'online', n2: 'online', n3: 'online' })
    await world.healNode(n2)
    expect(await callPeer(folder, 'n2', 'n1')).toBe('n1')
    expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
  })

  test('cut from one other node alone is heard by all others', async () => {
    const { world, folder } = newWorld()
    await world.startCluster(clusterOf('n1', 'n2', 'n3'))
    expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
    world.cutLink(n2, n1)
    expect(
      await Promise.all([
        callPeer(folder, 'n1', 'n2'),
        callPeer(folder, 'n2', 'n1'),
        callPeer(folder, 'n1', 'n3'),
        callPeer(folder, 'n3', 'n2'),
      ]),
    ).toEqual(['silence', 'silence', 'n3', 'n2'])
    expect(world.standing().links).toEqual([{ a: 'n1', b: 'n2' }])
    world.healLink(n1, n2)
    expect(await callPeer(folder, 'n2', 'n1')).toBe('n1')
    expect(world.standing().links).toEqual([])
    world.cutLink(n1, n2)
    await world.healNode(n1)
    expect(await callPeer(folder, 'n1', 'n2')).toBe('n2')
    expect(() => world.cutLink(n1, n1)).toThrow('no link to itself')
  })

  test('that hangs goes on as soon as it may', async () => {
    const { world } = newWorld()
    await world.startCluster(clusterOf('n1', 'n2'))
    await world.hangNode(n1, 600_000)
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'suspect', n2: 'online' })
    world.wakeNode(n1)
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'online', n2: 'online' })
    expect(() => world.wakeNode(n1)).toThrow('does not hang')
  })

  test('nobody knows is refused by name', async () => {
    const { world } = newWorld()
    await world.startCluster(clusterOf('n1'))
    await expect(world.killNode(asNodeId('n9'))).rejects.toThrow(/no node n9; there are: n1/)
  })
})

describe('the launcher', () => {
  test('does what another shell asks of it, if that shell knows the token', async () => {
    const { world, folder } = newWorld()
    await world.startCluster(clusterOf('n1', 'n2'))
    const url = folder.runningState()?.controlUrl ?? ''
    const ask = (request: Parameters<typeof askControl>[2], token = folder.readToken()) =>
      askControl(url, token, request)
    await ask({ do: 'cut', id: 'n1', coordinator: true, peers: false })
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'suspect', n2: 'online' })
    await ask({ do: 'heal', id: 'n1' })
    await ask({ do: 'kill', id: 'n2' })
    expect(world.standing().nodes).toMatchObject([
      { id: 'n1', process: 'running', cut: { coordinator: false, peers: false } },
      { id: 'n2', process: 'exited' },
    ])
    await ask({ do: 'revive', id: 'n2' })
    await expect.poll(() => phases(world), eventually).toEqual({ n1: 'online', n2: 'online' })
    await world.killCoordinator()
    await ask({ do: 'revive', id: 'coordinator' })
    await ask({ do: 'hang', id: 'n1', forMs: 1_000 })
    expect(world.processes()[1]?.state).toBe('hung')

    await expect(ask({ do: 'revive', id: 'n2' })).rejects.toThrow('runs already')
    await expect(ask({ do: 'heal', id: 'n1' }, 'guessed')).rejects.toThrow('token')
    await expect(ask({ do: 'hang', id: 'n1', forMs: -1 })).rejects.toThrow('forMs')
  })
})

test('a killed coordinator comes back at the same address with the same data', async () => {
  const { world, folder } = newWorld()
  await world.startCluster(clusterOf('n1'))
  const { api } = world
  await world.killCoordinator()
  await expect(api.nodes()).rejects.toThrow('did not answer')
  await world.restartCoordinator()
  await expect.poll(() => phases(world), eventually).toEqual({ n1: 'online' })
  expect(await api.nodes()).toHaveLength(1)
  expect(readFileSync(folder.database, 'utf8')).toBe('started\nstarted\n')
  await expect(world.restartCoordinator()).rejects.toThrow('runs already')
})
