// Where there is no Docker, or it refuses: a sentence that says what to do. Whether containers of a
// run are what a scenario wants is tried with a daemon, in test/docker/.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asNodeId } from '#proto/ids.ts'
import { ComposeWorld } from '#scenarios/compose/compose-world.ts'
import { docker } from '#scenarios/compose/docker.ts'
import { forsakenRuns, launcherOf } from '#scenarios/compose/leftovers.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'

const path = process.env.PATH
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-docker-'))
})
afterEach(() => {
  process.env.PATH = path
  rmSync(folder, { recursive: true })
})

/** The machine's `docker` from now on: a shell script. */
function stage(script: string): void {
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'docker'), 0o755)
  process.env.PATH = `${folder}:${path}`
}

describe('a refusal names the mend', () => {
  test('where the command is missing', async () => {
    process.env.PATH = folder
    await expect(docker(['ps'])).rejects.toThrow('install Docker, or use another world')
  })

  test.each([
    ['Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?', /start it/],
    ['permission denied while trying to connect to the Docker daemon socket', /group `docker`/],
    ['No such container: x', /docker ps: No such container: x/],
  ])('%s', async (said, mend) => {
    stage(`echo '${said}' >&2; exit 1`)
    await expect(docker(['ps'])).rejects.toThrow(mend)
  })
})

const node = { id: asNodeId('a'), cores: 1, mipsPerCore: 0, memoryMib: 64 }
const spec = { nodes: [node], leaseMs: 2500, heartbeatMs: 250, marginMs: 500, rebalance: false }

test('what containers cannot do is said before anything is asked of Docker', async () => {
  const asked: string[] = []
  const ask = async (args: readonly string[]) => {
    asked.push(args.join(' '))
    return ''
  }
  const world = new ComposeWorld({ folder: new ClusterFolder(folder, 'x'), ask })
  const start = world.startCluster({ ...spec, fenceAfterMs: 1000 })
  await expect(start).rejects.toThrow('no fence device')
  expect(asked).toEqual([])
  expect(await world.stop()).toEqual([])
})

test('runs whose process has ended are forsaken; those of a living one and of elsewhere are not', async () => {
  const gone = launcherOf(process.pid).replace(/[^/]*$/, 'before')
  const rows: Readonly<Record<string, string>> = {
    ps: `1-aa ${launcherOf(process.pid)}\n2-bb ${gone}\n2-bb ${gone}\n`,
    network: `3-cc ${gone}\n4-dd other-machine/1/1\n`,
    volume: '',
  }
  expect(await forsakenRuns(async ([what = '']) => rows[what] ?? '')).toEqual(['2-bb', '3-cc'])
})
