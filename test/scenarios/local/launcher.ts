// What the tests of the local world share: a world whose programs are the doubles, in a folder of
// its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { doubles } from './cluster-of-doubles.ts'

export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'godwit-test-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

export function newWorld(onEnd?: (id: string, how: string) => void) {
  const folder = new ClusterFolder(temporaryHome(), 'test')
  const world = new LocalWorld({
    folder,
    programs: doubles,
    graceMs: 1_000,
    ...(onEnd ? { onEnd } : {}),
  })
  onTestFinished(async () => {
    await world.stop()
  })
  return { world, folder }
}

/** Where an agent's metrics port answers, as its log says. */
export function metricsUrlOf(folder: ClusterFolder, id: string): string {
  const urls = [...readFileSync(folder.logFile(id), 'utf8').matchAll(/metrics on (\S+)\/metrics/g)]
  return urls.at(-1)?.[1] ?? ''
}

/**
 * Lets one agent call another at the address it advertises: the answer, or `silence` after a
 * second.
 */
export async function callPeer(folder: ClusterFolder, from: string, to: string): Promise<string> {
  const address = await (await fetch(`${metricsUrlOf(folder, to)}/self`)).text()
  const answer = await fetch(`${metricsUrlOf(folder, from)}/call?peer=${address}`)
  return answer.text()
}
