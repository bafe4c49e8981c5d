// Scenarios of the library in containers: the same files, the same expectations, the same
// expected.log, line by line, as in processes and in virtual time. A kill is Docker's, a hang its
// pause, a cut a network that is gone. Afterwards nothing of a run is there, whatever ended it.

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { realClock } from '#env/real.ts'
import { ComposeWorld } from '#scenarios/compose/compose-world.ts'
import { docker, linesOf } from '#scenarios/compose/docker.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import { runScenario } from '#scenarios/run.ts'
import { repositoryRoot } from '../tidy/source-file.ts'

const library = join(repositoryRoot, 'scenarios/library')
/** A build of the image included. */
const runMsMax = 300_000

async function runFor(name: string) {
  const home = mkdtempSync(join(tmpdir(), `godwit-${name}-`))
  const cluster = new ClusterFolder(home, name)
  const world = new ComposeWorld({ folder: cluster })
  try {
    const folder = openScenarioFolder(join(library, name))
    const result = await runScenario(folder, { world, clock: realClock })
    if (result.kind !== 'run' || result.why.length > 0) tellLogs(cluster.logs)
    return result
  } finally {
    await world.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

/** Of a run that did not go well: a second try may, and then nobody would know why this one not. */
function tellLogs(logs: string): void {
  for (const file of readdirSync(logs))
    console.error(`---- ${file}\n${readFileSync(join(logs, file), 'utf8')}`)
}

/** Names of all that runs in containers have made. */
async function whatIsThere(): Promise<string[]> {
  const label = ['--filter', 'label=godwit.run']
  const texts = await Promise.all([
    docker(['ps', '--all', ...label, '--format', '{{.Names}}']),
    docker(['network', 'ls', ...label, '--format', '{{.Name}}']),
    docker(['volume', 'ls', ...label, '--format', '{{.Name}}']),
  ])
  return texts.flatMap(linesOf)
}

describe('in containers', { timeout: runMsMax }, () => {
  test.each(['split-brain', 'source-dies', 'two-persons'])('%s', async (name) => {
    const result = await runFor(name)
    if (result.kind !== 'run') throw new Error(`it is ${JSON.stringify(result)}`)
    expect(result.why).toEqual([])
    expect(result.expectedLog).toBe('matches')
    expect(result.report.writesLost).toBe(0)
    expect(await whatIsThere()).toEqual([])
  })

  test.each([
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const)('a run that %s ends leaves nothing behind', async (signal, code) => {
    const args = ['bin/godwit.mjs', 'scenario', 'run', 'scenarios/library/tour']
    const image = `godwit:${process.env.TAG ?? 'dev'}` // the runs above have built it
    const run = spawn(process.execPath, [...args, '--world', 'compose', '--image', image], {
      ...{ cwd: repositoryRoot, stdio: ['ignore', 'ignore', 'pipe'] },
    })
    const ended = new Promise((resolve) => run.once('exit', resolve))
    await new Promise<void>((resolve) => {
      run.stderr.on('data', (text) => /the cluster stands/.test(String(text)) && resolve())
    })
    expect((await whatIsThere()).length).toBeGreaterThan(5)
    run.kill(signal)
    expect(await ended).toBe(code)
    await expect.poll(whatIsThere, { timeout: 90_000 }).toEqual([])
  })
})
