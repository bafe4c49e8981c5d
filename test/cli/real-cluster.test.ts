// The godwit command as a person uses it: bin/godwit.mjs in processes of its own, with a real
// cluster behind it.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { isAlive } from '#scenarios/local/process-identity.ts'

const bin = fileURLToPath(new URL('../../bin/godwit.mjs', import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'godwit-real-'))
const env = { ...process.env, GODWIT_HOME: home, NO_COLOR: '1' }
const eventually = { timeout: 90_000, interval: 200 }

interface Ended {
  readonly code: number
  readonly out: string
  readonly notes: string
}

function godwit(words: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...words], { env }, (error, out, notes) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, notes }),
    )
    child.stdin?.end(input)
  })
}
/** What kv says to a line; nothing, when it is still booting: what is typed then is nobody's. */
const typed = (line: string) => async () =>
  (await godwit(['console', 'kv', '--no-replay'], `${line}\n`)).out
const vms = async () => JSON.parse((await godwit(['vms', '-o', 'json'])).out)

beforeAll(async () => {
  const up = await godwit(['up', '--nodes', '2', '--port', '0', '--detach'])
  expect(up).toMatchObject({ code: 0, notes: '' })
})
afterAll(async () => {
  await godwit(['down'])
  rmSync(home, { recursive: true, force: true })
})

describe('a cluster that was started with --detach', () => {
  test('runs a guest that answers, moves it, clones it, and keeps its writes when its node is killed', async () => {
    const run = ['run', 'kv', '--args', 'workload=kv', '--disk', '4', '--memory', '16']
    expect(await godwit([...run, '--node', 'n1'])).toMatchObject({
      code: 0,
      out: 'kv is running on n1\n',
    })
    expect(await typed('1 put colour red')()).toContain('1 ok 1')
    const moved = await godwit(['migrate', 'kv', 'n2', '--verify', 'full'])
    expect(moved).toMatchObject({ code: 0 })
    expect(moved.out).toMatch(/kv n1 → n2 {2}done: .*hash [0-9a-f]{16}/)
    expect(await godwit(['clone', 'kv', '--to', 'n1'])).toMatchObject({ code: 0 })

    expect(await godwit(['kill', 'n2'])).toMatchObject({ code: 0, out: 'n2 is killed\n' })
    await expect.poll(vms, eventually).toMatchObject([
      { id: 'kv', phase: 'running', nodeId: 'n1', recoveries: 1 },
      { id: 'kv-1', phase: 'running', nodeId: 'n1', recoveries: 0 },
    ])
    await expect.poll(typed('2 get colour'), eventually).toContain('2 value red')
    expect((await godwit(['logs', 'coordinator'])).out).toContain('node-fenced')

    expect(await godwit(['revive', 'n2'])).toMatchObject({ code: 0, out: 'n2 is started again\n' })
    expect((await godwit(['cut', 'n9'])).notes).toContain('has no node `n9`; did you mean `n1`')
  }, 240_000)

  test('is maintained node by node, and stops at the first that does not go well', async () => {
    const roll = ['node', 'roll', 'n1', 'n2', '--cluster', 'default', '--exec']
    // What is run has no alias of its person's shell, nor the words behind `node roll`.
    const work = 'godwit kill $GODWIT_NODE && godwit revive $GODWIT_NODE'
    const told = 'echo worked on $GODWIT_NODE of $GODWIT_CLUSTER'
    const done = await godwit([...roll, `${work} && ${told}`, '-o', 'json'])
    expect(done).toMatchObject({ code: 0 })
    expect(JSON.parse(done.out)).toMatchObject([{ node: 'n1' }, { node: 'n2' }])
    expect(done.notes).toMatch(/worked on n1 of default\n.*worked on n2 of default\n/s)
    expect(await vms()).toMatchObject([{ recoveries: 1 }, { recoveries: 0 }])

    const failed = await godwit([...roll, 'exit 3'])
    expect(failed).toMatchObject({ code: 1, out: '' })
    expect(failed.notes).toContain('n1 is still in maintenance: the command exits 3')
    expect(failed.notes).toContain('godwit node return n1, then go on with: godwit node roll n2')
    expect((await godwit([...roll, 'true'])).notes).toContain('n1 is in maintenance already')
    expect((await godwit(['node', 'roll', 'n3', '--exec', 'true'])).notes).toContain('no node `n3`')
    expect(await godwit(['node', 'return', 'n1'])).toMatchObject({ code: 0 })
  }, 240_000)

  test('is not started twice', async () => {
    const again = await godwit(['up', '-d'])
    expect(again).toMatchObject({ code: 1 })
    expect(again.notes).toContain('runs already')
  })

  test('leaves no process behind when it goes down', async () => {
    const state = new ClusterFolder(home, 'default').runningState()
    expect(state?.processes).toHaveLength(3)
    expect(await godwit(['down'])).toMatchObject({ code: 0, out: 'Cluster `default` is down.\n' })
    expect(state?.processes.filter(({ identity }) => isAlive(identity))).toEqual([])
    expect(await godwit(['nodes'])).toMatchObject({ code: 3 })
  })
})

test('Ctrl-C ends a cluster in order, with exit code 130', async () => {
  const words = [bin, 'up', '--nodes', '1', '--port', '0', '--cluster', 'short']
  const up = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  up.stdout.on('data', (bytes) => {
    said += bytes
  })
  await expect.poll(() => said, eventually).toContain('Ctrl-C')
  const processes = new ClusterFolder(home, 'short').runningState()?.processes ?? []
  expect(processes).toHaveLength(2)
  const ended = new Promise((resolve) => up.once('exit', resolve))
  up.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(processes.filter(({ identity }) => isAlive(identity))).toEqual([])
})

test('Ctrl-C before a detached cluster is up leaves nothing of it', async () => {
  const words = [bin, 'up', '-d', '--nodes', '1', '--port', '0', '--cluster', 'rash']
  const up = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = Promise.all([text(up.stderr), new Promise((resolve) => up.once('exit', resolve))])
  const folder = new ClusterFolder(home, 'rash')
  await expect.poll(() => existsSync(folder.logFile('launcher')), eventually).toBe(true)
  up.kill('SIGINT')
  expect(await ended).toEqual(['It is stopped.\n', 130])
  expect(folder.runningState()).toBeUndefined()
  expect(existsSync(folder.database)).toBe(false)
})

/** The Node that came with Debian, when there is one beside ours. */
const systemNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path))

// skipped: where the machine has no Node of its own there is nothing to try
const systemNodeTest = systemNode === undefined ? test.skip : test

systemNodeTest.each([
  ['SIGTERM', 130],
  ['SIGKILL', null],
] as const)(
  'by the Node of the machine: a cluster ends when its command gets %s',
  async (signal, code) => {
    const words = [bin, 'up', '--nodes', '1', '--port', '0', '--cluster', 'old']
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    const up = spawn(systemNode ?? '', words, { env, stdio: [...stdio] })
    let said = ''
    up.stdout?.on('data', (bytes) => {
      said += bytes
    })
    await expect.poll(() => said, eventually).toContain('Ctrl-C')
    const state = new ClusterFolder(home, 'old').runningState()
    const all = [state?.launcher, ...(state?.processes.map(({ identity }) => identity) ?? [])]
    const living = () => all.filter((identity) => identity && isAlive(identity)).length
    expect(living()).toBe(3)
    const ended = new Promise((resolve) => up.once('exit', resolve))
    up.kill(signal)
    expect(await ended).toBe(code)
    await expect.poll(living, eventually).toBe(0)
  },
)

systemNodeTest('by the Node of the machine: exit codes come through', async () => {
  const child = spawn(systemNode ?? '', [bin, 'vms', '--cluster', 'nowhere'], { env })
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(3)
})
