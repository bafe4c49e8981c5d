// docker-compose.yml without Docker: every service of ours is what the image's entry knows, is
// nobody much and bounded, and is told only what its program reads. What it does is tried in
// test/docker/.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { movingMsMax } from '#node-agent/leaving.ts'
import { isCode, repositoryFiles, repositoryRoot, roomOf } from '../tidy/source-file.ts'

interface Service {
  readonly command?: string | readonly string[]
  readonly image?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: object
  readonly mem_limit?: string
  readonly pids_limit?: number
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly profiles?: readonly string[]
  readonly stop_grace_period?: string
}

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')
const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
}
const ours = Object.entries(services).filter(([, { image }]) => image?.startsWith('godwit:'))
/** They do their work and end, or are watched by a person. */
const jobs = ['showcase', 'chaos', 'linux']
const rooms = ['cli', 'coordinator', 'env', 'node-agent', 'scenarios', 'tools']
const code = repositoryFiles().filter(({ path }) => isCode(path) && rooms.includes(roomOf(path)))
/** A package reads these: the names are OpenTelemetry's. */
const isStandard = (variable: string) => variable.startsWith('OTEL_')
const isRead = (variable: string) =>
  isStandard(variable) || code.some(({ text }) => new RegExp(`\\b${variable}\\b`).test(text))

describe.each(ours)('%s', (name, service) => {
  test('has a role that the image knows', () => {
    const [role = ''] = [service.command ?? ''].flat()
    expect(read('tools/container.mjs')).toMatch(new RegExp(`^ {2}${role}: async`, 'm'))
  })

  test('has no rights, nothing to write to, and bounds', () => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
    expect(service.pids_limit).toBeGreaterThan(0)
    expect(service.mem_limit).toBeDefined()
    expect(service.healthcheck !== undefined).toBe(!jobs.includes(name))
    // Nobody gets Docker's socket, or a folder of the machine.
    for (const volume of service.volumes ?? []) expect(volume).toMatch(/^[a-z]+:/)
  })

  test('is told what somebody reads', () => {
    const unread = Object.keys(service.environment ?? {}).filter((one) => !isRead(one))
    expect(unread).toEqual([])
  })

  test('is published on loopback, if at all', () => {
    for (const port of service.ports ?? []) expect(port).toContain('127.0.0.1:')
  })
})

test('an agent that is stopped may take the time that its VMs need to leave', () => {
  const [, seconds] = /^(\d+)s$/.exec(services.node?.stop_grace_period ?? '') ?? []
  expect(Number(seconds) * 1000).toBeGreaterThan(movingMsMax)
})

test('what people say to Compose is in docs/containers.md', () => {
  const variables = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(([, one]) => one)
  const manual = read('docs/containers.md') + read('docs/monitoring.md')
  const untold = [...new Set(variables)].filter((one) => !manual.includes(`${one}`))
  expect(untold).toEqual([])
  for (const profile of Object.values(services).flatMap(({ profiles = [] }) => profiles))
    expect(manual).toContain(`--profile ${profile}`)
})
