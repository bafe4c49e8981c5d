// What monitoring/ gives to Prometheus and Grafana: it names only metrics that there are, its
// alerts fire when they must, and every expression of the dashboard returns something from a real
// Prometheus that asks a real cluster. Without Debian's package `prometheus` (with promtool) the
// latter two are skipped.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { nodesOf, startCluster } from '../cluster/cluster.ts'
import { repositoryRoot } from '../tidy/source-file.ts'

const folder = join(repositoryRoot, 'monitoring')
const text = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8')
const isHere = spawnSync('promtool', ['--version']).status === 0
const skipped = isHere ? '' : ' (skipped: there is no Prometheus here)'

const Alerts = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })),
})
const Dashboard = z.object({
  panels: z.array(
    z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).default([]) }),
  ),
})

const alerts = Alerts.parse(parse(text('alerts.yml'))).groups.flatMap(({ rules }) => rules)
const panels = readdirSync(join(folder, 'grafana/dashboards')).flatMap(
  (name) => Dashboard.parse(JSON.parse(text('grafana/dashboards', name))).panels,
)
const expressions = panels.flatMap(({ title, targets }) =>
  targets.map(({ expr }) => ({ title, expr })),
)

/** A cluster of two nodes that has run, migrated and cloned something, and where to ask it. */
async function usedCluster(): Promise<{ coordinator: string; nodes: string[] }> {
  const cluster = await startCluster(nodesOf('left', 'right'))
  await cluster.api.run({ id: 'vm', spec: { memoryMib: 16 }, startOn: 'left' })
  await cluster.runsOnce('vm')
  await expect.poll(async () => (await cluster.api.vm('vm')).load, wait).toBeDefined() // a forecast
  await cluster.api.migrate('vm', { to: 'right' })
  await expect.poll(async () => (await cluster.api.vm('vm')).nodeId, wait).toBe('right')
  await expect.poll(async () => (await cluster.api.vm('vm')).phase, wait).toBe('running')
  const logs = await Promise.all(cluster.nodes.map((id) => cluster.world.logs(id)))
  const nodes = logs.map((log) => /metrics on http:\/\/(\S+:\d+)/.exec(log)?.[1] ?? '')
  expect(nodes).not.toContain('')
  return { coordinator: new URL(cluster.world.pageUrl ?? '').host, nodes }
}
const wait = { timeout: 60_000 }

const metricsOf = async (host: string) => (await fetch(`http://${host}/metrics`)).text()

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

/** Prometheus with our configuration, but for where it asks. Returns its address. */
async function startPrometheus(jobs: Record<'coordinator' | 'node', string[]>): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'godwit-prometheus-'))
  const config = z.record(z.string(), z.unknown()).parse(parse(text('prometheus.yml')))
  const scrapes = Object.entries(jobs).map(([job, targets]) => ({
    ...{ job_name: job, static_configs: [{ targets }] },
  }))
  const file = join(home, 'prometheus.yml')
  const global = { scrape_interval: '1s', evaluation_interval: '1s' }
  const rules = [join(folder, 'alerts.yml')]
  writeFileSync(
    file,
    JSON.stringify({ ...config, global, rule_files: rules, scrape_configs: scrapes }),
  )
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [
      ...[`--config.file=${file}`, `--storage.tsdb.path=${join(home, 'data')}`],
      `--web.listen-address=${address}`,
    ],
    { stdio: 'ignore' },
  )
  onTestFinished(async () => {
    child.kill()
    if (child.exitCode === null) await once(child, 'exit')
    rmSync(home, { recursive: true, force: true })
  })
  return `http://${address}`
}

const Answer = z.object({ data: z.object({ result: z.array(z.unknown()) }) })

/** How many series an expression returns now; none as long as Prometheus does not answer. */
async function samples(address: string, expr: string): Promise<number> {
  const query = new URLSearchParams({ query: expr })
  const answer = await fetch(`${address}/api/v1/query?${query}`).catch(() => undefined)
  return answer?.ok ? Answer.parse(await answer.json()).data.result.length : 0
}

test('alerts and dashboards name only metrics that there are', { timeout: 240_000 }, async () => {
  const { coordinator, nodes } = await usedCluster()
  const told = await Promise.all([coordinator, ...nodes].map(metricsOf))
  const known = new Set(
    told
      .join('\n')
      .match(/^# TYPE (\S+)/gm)
      ?.map((line) => line.slice(7)),
  )
  const named = [...alerts, ...expressions].flatMap(({ expr }) => expr.match(/godwit_\w+/g) ?? [])
  expect(named.length).toBeGreaterThan(20)
  const ofSeries = (name: string) => name.replace(/_bucket$/, '')
  expect(named.filter((name) => !known.has(ofSeries(name)))).toEqual([])
})

test('of several coordinators, which lead one after the other, a panel shows one cluster', () => {
  const ofOne = [...alerts, ...expressions].filter(
    ({ expr }) =>
      expr.includes('godwit_coordinator_') && !/^\(?(sum|histogram_quantile)\b/.test(expr),
  )
  expect(ofOne).toEqual([])
})

test('the token of a cluster with accounts is where the container of Prometheus has it', () => {
  const [, place] = /credentials_file: (\S+)/.exec(text('prometheus.yml')) ?? []
  const compose = readFileSync(join(repositoryRoot, 'docker-compose.yml'), 'utf8')
  const { services } = parse(compose, { merge: true }) as {
    services: { prometheus: { volumes: string[] } }
  }
  const mounted = services.prometheus.volumes.map((volume) => volume.split(':')[1])
  expect(
    mounted.some((folder) => place?.startsWith(`${folder}/`)),
    place,
  ).toBe(true)
})

test('whoever may be a coordinator in Compose is asked', () => {
  const Services = z.object({
    services: z.record(z.string(), z.object({ command: z.unknown().optional() })),
  })
  const compose = readFileSync(join(repositoryRoot, 'docker-compose.yml'), 'utf8')
  const { services } = Services.parse(parse(compose, { merge: true }))
  const Jobs = z.object({
    scrape_configs: z.array(
      z.object({
        job_name: z.string(),
        dns_sd_configs: z.array(z.object({ names: z.array(z.string()) })),
      }),
    ),
  })
  const asked = Jobs.parse(parse(text('prometheus.yml'))).scrape_configs.flatMap((job) =>
    job.dns_sd_configs.flatMap(({ names }) => names),
  )
  const isAsked = ({ command }: { command?: unknown }) =>
    command === 'coordinator' || command === 'agent'
  const running = Object.entries(services).filter(([, service]) => isAsked(service))
  expect(running.map(([name]) => name).sort()).toEqual(asked.sort())
})

describe.skipIf(!isHere)(`with Prometheus${skipped}`, () => {
  test('its own checker finds nothing, and each alert fires when it must', () => {
    const runs = [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ].map((args) => spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' }))
    expect(runs.filter(({ status }) => status !== 0).map(({ stdout }) => stdout)).toEqual([])
    for (const { alert } of alerts) expect(text('alerts.test.yml')).toContain(alert)
  })

  test('what is told follows its conventions', { timeout: 240_000 }, async () => {
    const { coordinator, nodes } = await usedCluster()
    for (const host of [coordinator, ...nodes]) {
      const input = await metricsOf(host)
      const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        ...{ input, encoding: 'utf8' },
      })
      expect(`${stdout}${stderr}`, host).toBe('')
    }
  })

  test('every expression of the dashboard returns something', { timeout: 300_000 }, async () => {
    const { coordinator, nodes } = await usedCluster()
    const address = await startPrometheus({ coordinator: [coordinator], node: nodes })
    const empty = async () => {
      const counts = await Promise.all(expressions.map(({ expr }) => samples(address, expr)))
      return expressions.filter((_, n) => counts[n] === 0)
    }
    await expect.poll(empty, { timeout: 180_000, interval: 500 }).toEqual([])
    expect(await samples(address, 'up == 1')).toBe(3)
  })
})
