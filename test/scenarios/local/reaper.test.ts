// No process of a cluster outlives its launcher, even one that is killed and cannot stop anything.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { identityOf } from '#scenarios/local/process-identity.ts'
import { Reaper } from '#scenarios/local/reaper.ts'
import { temporaryHome } from './launcher.ts'

const launcher = fileURLToPath(new URL('doubles/launcher.ts', import.meta.url))
const eventually = { timeout: 45_000, interval: 20 }

test('a launcher that is killed takes its cluster with it, the hung node too', async () => {
  const home = temporaryHome()
  const child = spawn(process.execPath, [launcher, home], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await expect.poll(() => said, eventually).toMatch(/pids .*\n/)
  const pids = said.trim().replace('pids ', '').split(',').map(Number)
  expect(pids).toHaveLength(3)
  expect(new ClusterFolder(home, 'orphans').runningState()).toBeDefined()

  child.kill('SIGKILL')
  await expect.poll(() => pids.filter((pid) => identityOf(pid)), eventually).toEqual([])
  expect(new ClusterFolder(home, 'orphans').runningState()).toBeUndefined()
})

test('the reaper kills what it watches when its pipe ends, and spares what it was told to forget', async () => {
  const reaper = new Reaper()
  const sleepers = [1, 2, 3].map(() => spawn('sleep', ['60']))
  const [first, second, third] = sleepers.map((sleeper) => sleeper.pid ?? 0)
  onTestFinished(() => {
    for (const sleeper of sleepers) sleeper.kill('SIGKILL')
  })
  for (const pid of [first, second, third]) reaper.watch(pid ?? 0)
  reaper.forget(second ?? 0)
  await reaper.close()
  await expect.poll(() => identityOf(first ?? 0), eventually).toBeUndefined()
  await expect.poll(() => identityOf(third ?? 0), eventually).toBeUndefined()
  expect(identityOf(second ?? 0)).toBeDefined()
})
