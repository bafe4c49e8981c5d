// Where a local cluster keeps its things, and how another shell finds a cluster that runs.
//
//   <home>/<cluster>/cluster.json     the state file: who runs, where the API is (no secrets)
//                    token            the secret that agents show, readable by its owner only
//                    operator-secret  whoever can read it is an operator; likewise
//                    coordinator.db   disks/   logs/<process>.log
//   <home>/images/<name>/             images that were pulled, for all clusters
//
// A state file whose launcher is gone is stale: it is removed by whoever looks (process-identity.ts
// says how it is known). Not here: the processes themselves (local-world.ts).

import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { jsonOf } from '#proto/json.ts'
import { Name } from '#proto/vm-spec.ts'
import { isAlive } from './process-identity.ts'

const Identity = z.strictObject({ pid: z.int(), startedAt: z.string() })

export const ClusterState = z.strictObject({
  cluster: Name,
  apiUrl: z.string(),
  /** Whose certificate the API shows; absent: it is plain HTTP. */
  caFile: z.string().optional(),
  /** Where the launcher takes what only it can do (control.ts). */
  controlUrl: z.string(),
  /** The process whose end is the end of the cluster. */
  launcher: Identity,
  processes: z.array(z.strictObject({ id: Name, identity: Identity, running: z.boolean() })),
})
export type ClusterState = z.infer<typeof ClusterState>

/** The folder of all clusters of this machine's user: GODWIT_HOME, or .godwit in the checkout. */
export function clustersHome(env: NodeJS.ProcessEnv = process.env): string {
  return env.GODWIT_HOME ?? fileURLToPath(new URL('../../.godwit', import.meta.url))
}

/** What stands beside the clusters in their home: no cluster is called so. */
export const isTakenInHome = (name: string): boolean => ['images', 'reports'].includes(name)

export class ClusterFolder {
  readonly path: string
  readonly cluster: string
  readonly #home: string

  constructor(home: string, cluster: string) {
    this.cluster = cluster
    this.#home = home
    this.path = join(home, cluster)
  }

  get database(): string {
    return join(this.path, 'coordinator.db')
  }
  get disks(): string {
    return join(this.path, 'disks')
  }
  /** Those of all clusters: `godwit image pull` puts them there. */
  get images(): string {
    return join(this.#home, 'images')
  }
  get tokenFile(): string {
    return join(this.path, 'token')
  }
  get operatorSecretFile(): string {
    return join(this.path, 'operator-secret')
  }
  get certs(): string {
    return join(this.path, 'certs')
  }
  get logs(): string {
    return join(this.path, 'logs')
  }
  get #stateFile(): string {
    return join(this.path, 'cluster.json')
  }

  logFile(processId: string): string {
    return join(this.logs, `${processId}.log`)
  }

  /** Makes the folders, and the secrets when there are none yet. */
  prepare(): void {
    for (const folder of [this.disks, this.logs]) mkdirSync(folder, { recursive: true })
    for (const file of [this.tokenFile, this.operatorSecretFile])
      if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 })
  }

  readToken(): string {
    return readFileSync(this.tokenFile, 'utf8').trim()
  }

  /** Undefined: this user may not read it, and has to log in. */
  readOperatorSecret(): string | undefined {
    return readIfThere(this.operatorSecretFile)?.trim()
  }

  /** Another shell may read at any moment: the file is replaced whole. */
  writeState(state: ClusterState): void {
    const aside = `${this.#stateFile}.new`
    writeFileSync(aside, `${JSON.stringify(state, null, 2)}\n`)
    renameSync(aside, this.#stateFile)
  }

  /** The cluster that runs here. A stale or unreadable state file is removed. */
  runningState(): ClusterState | undefined {
    const text = readIfThere(this.#stateFile)
    if (text === undefined) return undefined
    const state = ClusterState.safeParse(jsonOf(text)).data
    if (state && isAlive(state.launcher)) return state
    this.removeState()
    return undefined
  }

  removeState(): void {
    rmSync(this.#stateFile, { force: true })
  }

  /** Forgets all: disks, logs, the coordinator's memory. */
  removeAll(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Every cluster that runs now, by name. */
export function runningClusters(home: string): ClusterState[] {
  if (!existsSync(home)) return []
  return readdirSync(home)
    .sort()
    .map((cluster) => new ClusterFolder(home, cluster).runningState())
    .filter((state) => state !== undefined)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
