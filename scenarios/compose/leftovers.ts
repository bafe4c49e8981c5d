// What a run in containers has made and what becomes of it: everything has the run's label, so that
// it can be taken away whole, by whoever is there. That is the world's own stop(); where its
// process died before it could, the reaper, a small shell that waits for that death; and where both
// are gone (the machine was switched off), the next run, and `godwit doctor` tells of it.
// Not here: which labels there are (container-plan.ts). POSIX shell only.

import { spawn } from 'node:child_process'
import { hostname } from 'node:os'
import { identityOf, isAlive } from '../local/process-identity.ts'
import { launcherLabel, runLabel } from './container-plan.ts'
import { type Docker, linesOf } from './docker.ts'

/** Says which process answers for a run: on which machine, its number, when it began. */
export function launcherOf(pid: number): string {
  const began = identityOf(pid)?.startedAt ?? ''
  return [hostname(), String(pid), began].map(encodeURIComponent).join('/')
}

/** Of a launcher on another machine nobody here knows: it is left alone. */
function hasEnded(launcher: string): boolean {
  const [machine, pid, startedAt] = launcher.split('/').map(decodeURIComponent)
  if (machine !== hostname() || startedAt === undefined) return false
  return !isAlive({ pid: Number(pid), startedAt })
}

/** Runs whose launcher has ended and whose containers, networks or volumes are still there. */
export async function forsakenRuns(ask: Docker): Promise<string[]> {
  const format = `{{.Label "${runLabel}"}} {{.Label "${launcherLabel}"}}`
  const list = (args: readonly string[]) =>
    ask([...args, '--filter', `label=${launcherLabel}`, '--format', format])
  const texts = await Promise.all([
    list(['ps', '--all']),
    list(['network', 'ls']),
    list(['volume', 'ls']),
  ])
  const rows = texts.flatMap(linesOf).map((line) => line.split(' '))
  const forsaken = rows.filter(([, launcher = '']) => hasEnded(launcher)).map(([run = '']) => run)
  return [...new Set(forsaken)]
}

const ofRun = (run: string) => ['--filter', `label=${runLabel}=${run}`]

/** Takes away all of a run. @returns what is still there */
export async function removeRun(ask: Docker, run: string): Promise<string[]> {
  const containers = linesOf(await ask(['ps', '--all', '--quiet', ...ofRun(run)]))
  if (containers.length > 0) await tried(ask, ['rm', '--force', '--volumes', ...containers])
  const networks = linesOf(await ask(['network', 'ls', '--quiet', ...ofRun(run)]))
  if (networks.length > 0) await tried(ask, ['network', 'rm', ...networks])
  const volumes = linesOf(await ask(['volume', 'ls', '--quiet', ...ofRun(run)]))
  if (volumes.length > 0) await tried(ask, ['volume', 'rm', ...volumes])
  return leftOf(ask, run)
}

/** Names of what there is of a run. */
async function leftOf(ask: Docker, run: string): Promise<string[]> {
  const names = (args: readonly string[], format: string) =>
    ask([...args, ...ofRun(run), '--format', format]).then(linesOf)
  const left = await Promise.all([
    names(['ps', '--all'], 'container {{.Names}}'),
    names(['network', 'ls'], 'network {{.Name}}'),
    names(['volume', 'ls'], 'volume {{.Name}}'),
  ])
  return left.flat()
}

/** What could not be taken away is told by name, by whoever looks afterwards. */
const tried = (ask: Docker, args: readonly string[]): Promise<unknown> => ask(args).catch(() => {})

const script = `
read -r word && exit 0
label=$1
containers=$(docker ps -aq --filter "label=$label")
[ -z "$containers" ] || docker rm -fv $containers
networks=$(docker network ls -q --filter "label=$label")
[ -z "$networks" ] || docker network rm $networks
volumes=$(docker volume ls -q --filter "label=$label")
[ -z "$volumes" ] || docker volume rm $volumes
`

/** Takes the run away when this process ends without having said that it did so itself. */
export class ContainerReaper {
  readonly #shell

  constructor(run: string) {
    this.#shell = spawn('/bin/sh', ['-c', script, 'reaper', `${runLabel}=${run}`], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#shell.stdin.on('error', () => {})
    this.#shell.on('error', () => {})
    this.#shell.unref()
    ;(this.#shell.stdin as { unref?: () => void }).unref?.()
  }

  /** To be called when all is taken away. */
  dismiss(): void {
    this.#shell.stdin.end('done\n')
  }
}
