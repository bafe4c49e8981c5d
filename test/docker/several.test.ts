// Three coordinators on three members of etcd in containers, as several.env has them: the container
// of the one that leads is killed, another leads, the agents have found it before a lease was over,
// and whoever asks any of them is answered. ETCD names etcd's image, where Debian's package cannot
// be installed into the base image (.ci/docker.sh makes one).
// Not here: why two never decide at once (test/coordinator/etcd/), failovers meanwhile
// (test/cluster/several-coordinators.test.ts).

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  DockerComposeEnvironment,
  getContainerRuntimeClient,
  type StartedDockerComposeEnvironment,
  Wait,
} from 'testcontainers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { realClock } from '#env/real.ts'
import { healthWords } from '#proto/coordinator-place.ts'
import { HttpApiClient } from '#scenarios/api-client.ts'
import { wireTo } from '#scenarios/several-wire.ts'
import { freePorts } from '../coordinator/etcd/real-etcd.ts'
import { repositoryRoot } from '../tidy/source-file.ts'

const patience = { timeout: 60_000, interval: 250 }
const containers = ['coordinator-1', 'coordinator-2-1', 'coordinator-3-1']
const inner = 'node bin/godwit.mjs nodes -o json'.split(' ')

/** As `--env-file several.env` gives it. */
const several = Object.fromEntries(
  readFileSync(join(repositoryRoot, 'several.env'), 'utf8')
    .split('\n')
    .filter((line) => /^\w+=/.test(line))
    .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
)

let environment: StartedDockerComposeEnvironment
let urls: string[]
let api: HttpApiClient

beforeAll(async () => {
  const ports = await freePorts(3)
  urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const published = Object.fromEntries(
    ports.flatMap((port, n) => {
      const end = n === 0 ? '' : `_${n + 1}`
      return [
        [`GODWIT_PORT${end}`, `127.0.0.1:${port}`],
        [`GODWIT_URL${end}`, `http://127.0.0.1:${port}`],
      ]
    }),
  )
  environment = await new DockerComposeEnvironment(repositoryRoot, 'docker-compose.yml')
    .withBuild()
    .withProfiles('ha')
    .withEnvironment({ ...several, ...published, DEMO: '0', NODES: '2' })
    .withDefaultWaitStrategy(Wait.forLogMessage(/\S/))
    .up()
  api = new HttpApiClient(wireTo(urls, realClock))
}, 300_000)
afterAll(() => environment?.down({ removeVolumes: true, timeout: 5_000 }), 60_000)

/** Which of them says that it leads. */
async function leader(): Promise<number | undefined> {
  const says = async (url: string) =>
    (await (await fetch(`${url}/healthz`)).text()) === healthWords.leader
  const leads = await Promise.all(urls.map((url) => says(url).catch(() => false)))
  return leads.includes(true) ? leads.indexOf(true) : undefined
}

test('the leader’s container is killed, and nobody’s lease ends', async () => {
  const online = async () => (await api.nodes()).filter(({ phase }) => phase === 'online').length
  await expect.poll(online, patience).toBe(2)
  await api.run({ id: 'kv', spec: { args: 'workload=kv', memoryMib: 16, diskMib: 8 } })
  await expect.poll(async () => (await api.vm('kv')).phase, patience).toBe('running')

  await expect.poll(leader, patience).toBeDefined()
  const first = (await leader()) ?? -1
  const killed = environment.getContainer(containers[first] ?? '')
  const client = await getContainerRuntimeClient()
  await client.container.getById(killed.getId()).kill({ signal: 'SIGKILL' })
  await expect.poll(leader, patience).toBeDefined()
  expect(await leader()).not.toBe(first)
  await expect.poll(online, patience).toBe(2)
  expect(await api.vm('kv')).toMatchObject({ phase: 'running', recoveries: 0, epoch: 1 })

  // A person is sent on by a follower, and a command in any container finds the way.
  for (const [n, name] of containers.entries()) {
    if (n === first) continue
    const page = await fetch(`${urls[n]}/`)
    expect(new URL(page.url).origin).toBe(urls[(await leader()) ?? -1])
    const { output, exitCode } = await environment.getContainer(name).exec(inner)
    expect({ exitCode, nodes: JSON.parse(output).length }).toEqual({ exitCode: 0, nodes: 2 })
  }
}, 120_000)
