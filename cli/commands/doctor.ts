// godwit doctor: what is wrong with this machine, and with the cluster if one runs, each with its
// mend. Exit code 1 when something does not work. Not here: what counts as wrong (diagnosis.ts).

import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, freemem, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { FaultError, faultOf } from '#proto/faults.ts'
import { type ApiClient, HttpApiClient } from '#scenarios/api-client.ts'
import { daemonVersion, docker } from '#scenarios/compose/docker.ts'
import { forsakenRuns } from '#scenarios/compose/leftovers.ts'
import { runningClusters } from '#scenarios/local/cluster-folder.ts'
import type { Cli } from '../cli.ts'
import { connect, type GlobalOptions } from '../connection.ts'
import {
  type AskedPlace,
  clusterFindings,
  type Finding,
  leaderFindings,
  type MachineFacts,
  machineFindings,
  storeFindings,
} from '../diagnosis.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { textOrJson, withExamples } from '../help.ts'
import { imagesOf } from '../image/image-folder.ts'
import { writeJson } from '../json-output.ts'
import type { Paint } from '../terminal.ts'

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const apiUrl = 'http://127.0.0.1:7070'

async function portOwner(): Promise<MachineFacts['portOwner']> {
  try {
    const answer = await fetch(`${apiUrl}/healthz`, { signal: AbortSignal.timeout(1000) })
    await answer.text()
    await new HttpApiClient(apiUrl).nodes()
    return 'godwit'
  } catch (thrown) {
    // One with accounts does not answer to strangers.
    if (faultOf(thrown).code === 'bad-token') return 'godwit'
    const cause = thrown instanceof Error ? (thrown.cause as { code?: string } | undefined) : {}
    return cause?.code === 'ECONNREFUSED' ? undefined : 'other'
  }
}

async function factsOf(cli: Cli): Promise<MachineFacts> {
  const { engines } = JSON.parse(readFileSync(file('package.json'), 'utf8')) as {
    readonly engines: { readonly node: string }
  }
  const cores = availableParallelism()
  return {
    nodeVersion: process.versions.node,
    nodeWanted: engines.node,
    ...{ cores, freeMib: Math.round(freemem() / (1 << 20)) },
    loadPerCore: (loadavg()[0] ?? 0) / cores,
    hasCore: existsSync(file('engine/cpu/core.wasm')),
    hasPage: existsSync(file('dashboard/dist/index.html')),
    hasDebian: imagesOf(cli).find('debian') !== undefined,
    ...(await containerFacts()),
    portOwner: await portOwner(),
  }
}

async function containerFacts(): Promise<Pick<MachineFacts, 'docker' | 'forsakenRuns'>> {
  const version = await daemonVersion().catch(() => undefined)
  if (version === undefined) return { docker: undefined, forsakenRuns: [] }
  return { docker: version, forsakenRuns: await forsakenRuns(docker).catch(() => []) }
}

const marks: Readonly<Record<Finding['is'], readonly [string, Paint]>> = {
  good: ['✓', 'green'],
  odd: ['!', 'yellow'],
  bad: ['✗', 'red'],
}

function show(cli: Cli, title: string, findings: readonly Finding[]): void {
  const lines = findings.map(({ is, what, mend }) => {
    const [mark, paint] = marks[is]
    return `  ${cli.terminal.paint(paint, mark)} ${what}${mend ? `: ${mend}` : ''}`
  })
  cli.terminal.write([cli.terminal.paint('bold', title), ...lines].join('\n'))
}

/** Only who runs the cluster sees it, and coordinators of old have no word for it. */
async function lookAtStore(api: ApiClient): Promise<Finding[]> {
  try {
    return storeFindings(await api.store())
  } catch (thrown) {
    if (['not-allowed', 'bad-request'].includes(faultOf(thrown).code)) return []
    throw thrown
  }
}

const answerMsMax = 1000

/** The other coordinators that are known to this cluster: each says whether it is there. */
async function askOthers(api: ApiClient): Promise<AskedPlace[]> {
  const places = await api.coordinators()
  return Promise.all(
    places.map(async (place) => {
      const signal = AbortSignal.timeout(answerMsMax)
      const answer = await fetch(`${place.address}/healthz`, { signal }).catch(() => undefined)
      return { ...place, said: await answer?.text().catch(() => undefined) }
    }),
  )
}

/** Of the cluster that is meant, or that runs here; undefined: there is none. */
async function lookAtCluster(cli: Cli, options: GlobalOptions): Promise<Finding[] | undefined> {
  const isNamed = options.api !== undefined || options.cluster !== undefined
  if (!isNamed && runningClusters(cli.home).length === 0) return undefined
  const api = connect(cli, options)
  try {
    const view = await api.cluster()
    const found = clusterFindings(view, await api.ha())
    const leading = view.leader ? leaderFindings(view, await askOthers(api)) : []
    return [...found, ...leading, ...(await lookAtStore(api))]
  } catch (thrown) {
    // What is wrong is what was asked for; the rest of it is worth knowing all the same.
    if (thrown instanceof FaultError) return [{ is: 'bad', what: thrown.fault.message }]
    throw thrown
  }
}

export function addDoctor(program: Command, cli: Cli): void {
  const doctor = program
    .command('doctor')
    .description('what is wrong with this machine or the cluster, and what to do about it')
    .addOption(textOrJson())
    .action(async ({ output }: { readonly output: string }, self: Command) => {
      const machine = machineFindings(await factsOf(cli))
      const cluster = await lookAtCluster(cli, self.optsWithGlobals<GlobalOptions>())
      if (output === 'json') writeJson(cli.terminal, { machine, cluster })
      else {
        show(cli, 'This machine', machine)
        if (cluster) show(cli, 'The cluster', cluster)
        else cli.terminal.note('No cluster runs here.')
      }
      if ([...machine, ...(cluster ?? [])].some(({ is }) => is === 'bad'))
        throw new CommandError(exitCode.failed, '')
    })
  withExamples(doctor, [
    ['godwit doctor', 'before you ask somebody'],
    ['godwit doctor --api http://10.0.0.5:7070 -o json', 'of a cluster elsewhere, as data'],
  ])
}
