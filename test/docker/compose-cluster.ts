// The cluster of docker-compose.yml under test: started by testcontainers, asked over its API,
// broken by Docker itself (SIGKILL, network disconnect).
// What agents hold is asked inside their containers, so that an answer comes past every cut: a node
// that is off the network still has to tell the truth about what it runs.

import {
  DockerComposeEnvironment,
  getContainerRuntimeClient,
  type StartedDockerComposeEnvironment,
  type StartedTestContainer,
  Wait,
} from 'testcontainers'
import { z } from 'zod'
import { VmReport } from '#proto/messages.ts'
import { HttpApiClient } from '#scenarios/api-client.ts'
import { repositoryRoot } from '../tidy/source-file.ts'

/** One agent's copy of a VM. */
export interface Copy {
  readonly nodeId: string
  readonly vmId: string
  readonly epoch: number
  readonly state: z.infer<typeof VmReport>['state']
}

/** Runs inside an agent's container: prints what its metrics port says that it holds. */
const askAgent = `
  fetch('http://127.0.0.1:9100/vms', { signal: AbortSignal.timeout(2000) })
    .then((answer) => answer.text())
    .then((text) => process.stdout.write(text), () => process.exit(1))`

export class ComposeCluster {
  /** Where the page and the API are, from this machine. */
  readonly address: string
  readonly api: HttpApiClient
  readonly #environment: StartedDockerComposeEnvironment
  readonly #nodes: Map<string, StartedTestContainer>
  readonly #dead = new Set<string>()

  static async start(nodeIds: readonly string[]): Promise<ComposeCluster> {
    const environment = await new DockerComposeEnvironment(repositoryRoot, 'docker-compose.yml')
      .withBuild()
      .withEnvironment({
        GODWIT_PORT: '127.0.0.1:0',
        NODES: String(nodeIds.length),
        DEMO: '0',
        REBALANCE: 'off', // so that where each VM is has one cause: the test
      })
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .up()
    return new ComposeCluster(environment, nodeIds)
  }

  private constructor(environment: StartedDockerComposeEnvironment, nodeIds: readonly string[]) {
    const coordinator = environment.getContainer('coordinator-1')
    this.address = `http://${coordinator.getHost()}:${coordinator.getMappedPort(7070)}`
    this.api = new HttpApiClient(this.address)
    this.#environment = environment
    this.#nodes = new Map(nodeIds.map((id) => [id, environment.getContainer(id)]))
  }

  async onlineNodes(): Promise<string[]> {
    const nodes = await this.api.nodes()
    return nodes.filter((node) => node.phase === 'online').map((node) => node.id as string)
  }

  /** What every agent that lives says it holds; one that does not answer holds nothing we know. */
  async copies(): Promise<Copy[]> {
    const living = [...this.#nodes].filter(([id]) => !this.#dead.has(id))
    const answers = await Promise.all(living.map(([id, container]) => copiesOf(id, container)))
    return answers.flat()
  }

  /** What a program (JavaScript) prints that runs inside a node's container, as its agent does. */
  async inside(nodeId: string, program: string): Promise<string> {
    return (await this.#container(nodeId).exec(['node', '-e', program])).output.trim()
  }

  /** SIGKILL; Docker does not restart what a person killed. */
  async kill(nodeId: string): Promise<void> {
    const client = await getContainerRuntimeClient()
    this.#dead.add(nodeId)
    await client.container.getById(this.#container(nodeId).getId()).kill({ signal: 'SIGKILL' })
  }

  /** Off every network, and back: returns what heals it. */
  async cut(nodeId: string): Promise<() => Promise<void>> {
    const container = this.#container(nodeId)
    const client = await getContainerRuntimeClient()
    const [name = ''] = container.getNetworkNames()
    const network = client.network.getById(container.getNetworkId(name))
    await network.disconnect({ Container: container.getId(), Force: true })
    return async () => void (await network.connect({ Container: container.getId() }))
  }

  async logs(container: string): Promise<string> {
    const stream = await this.#environment.getContainer(container).logs({ tail: 40 })
    const lines: string[] = []
    stream.on('data', (line: Buffer | string) => lines.push(String(line)))
    await new Promise((done) => stream.once('end', done))
    return lines.join('')
  }

  async down(): Promise<void> {
    await this.#environment.down({ removeVolumes: true, timeout: 5_000 })
  }

  #container(nodeId: string): StartedTestContainer {
    const container = this.#nodes.get(nodeId)
    if (container === undefined) throw new Error(`no container is called ${nodeId}`)
    return container
  }
}

async function copiesOf(nodeId: string, container: StartedTestContainer): Promise<Copy[]> {
  const { exitCode, stdout } = await container.exec(['node', '-e', askAgent])
  if (exitCode !== 0) return []
  const reports = z.array(VmReport).parse(JSON.parse(stdout))
  return reports.map(({ vmId, epoch, state }) => ({ nodeId, vmId, epoch, state }))
}
