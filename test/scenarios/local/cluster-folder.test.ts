// How another shell finds a cluster that runs, and is not fooled by one that does not.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  ClusterFolder,
  type ClusterState,
  runningClusters,
} from '#scenarios/local/cluster-folder.ts'
import { identityOf, isAlive, signal } from '#scenarios/local/process-identity.ts'
import { temporaryHome } from './launcher.ts'

const self = identityOf(process.pid)
const stateOf = (cluster: string, launcher = self): ClusterState => ({
  cluster,
  apiUrl: 'http://127.0.0.1:1',
  controlUrl: 'http://127.0.0.1:2',
  launcher: launcher ?? { pid: -1, startedAt: '' },
  processes: [],
})

test('every running cluster is found by name', () => {
  const home = temporaryHome()
  expect(runningClusters(join(home, 'not-there'))).toEqual([])
  for (const name of ['tern', 'godwit']) {
    const folder = new ClusterFolder(home, name)
    folder.prepare()
    folder.writeState(stateOf(name))
  }
  expect(runningClusters(home).map(({ cluster }) => cluster)).toEqual(['godwit', 'tern'])
})

test('a state file of a process that is gone is stale, although its pid is in use again', () => {
  const home = temporaryHome()
  const folder = new ClusterFolder(home, 'old')
  folder.prepare()
  folder.writeState(stateOf('old', { pid: process.pid, startedAt: 'at another time' }))
  expect(runningClusters(home)).toEqual([])
  expect(existsSync(join(folder.path, 'cluster.json'))).toBe(false)
})

test('a state file that nobody can read is removed, not believed', () => {
  const home = temporaryHome()
  mkdirSync(join(home, 'torn'))
  writeFileSync(join(home, 'torn', 'cluster.json'), '{"cluster":')
  expect(new ClusterFolder(home, 'torn').runningState()).toBeUndefined()
})

test('a signal reaches the process that was meant, or nobody', () => {
  expect(self && isAlive(self)).toBe(true)
  const stranger = { pid: process.pid, startedAt: 'at another time' }
  expect(isAlive(stranger)).toBe(false)
  expect(signal(stranger, 'SIGKILL')).toBe(false)
})
