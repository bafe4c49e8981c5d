// The keeper's process: `agent` of tools/container.mjs where there is a laboratory. Flags are the
// agent's own. Serves the laboratory, enrols with it again and again, and ends with its agent.
// Not here: what it is told (keeper.ts).

import { z } from 'zod'
import { FaultError, fault } from '#proto/faults.ts'
import { AgentProcess } from './agent-process.ts'
import { serveAsked } from './asked.ts'
import { tokenOfContainer } from './container-token.ts'
import { Keeper } from './keeper.ts'
import { askOver, enrolEveryMs, KeeperRequest, keeperPort } from './keeper-wire.ts'

const flags = process.argv.slice(2)
const flag = (name: string): string => flags[flags.lastIndexOf(`--${name}`) + 1] ?? ''
const placeOf = (url: string) => {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

const token = tokenOfContainer()
const agent = new AgentProcess(flags, (code) => process.exit(code))
const keeper = await Keeper.open(agent, placeOf(flag('listen')), placeOf(flag('coordinator')))
await serveAsked(keeperPort, token, async ({ method, path, body }) => {
  if (path === '/vms') return askAgent()
  if (method === 'GET') return keeper.view
  const { data, error } = KeeperRequest.safeParse(body)
  if (!data) throw new FaultError(fault('bad-request', z.prettifyError(error)))
  return keeper.take(data)
})

async function askAgent(): Promise<unknown> {
  const url = `http://127.0.0.1:${flag('metrics-port')}/vms`
  const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) })
  const reports = z.array(z.looseObject({})).parse(await answer.json())
  return reports.map(({ vmId, epoch, state }) => ({ vmId, epoch, state }))
}

/** The laboratory may come later, or again: it is told for as long as this process lives. */
async function enrol(): Promise<void> {
  const laboratory = process.env.GODWIT_LABORATORY ?? ''
  await askOver(new URL('keepers', laboratory).href, token, { id: flag('node') }).catch(() => {})
  setTimeout(() => void enrol(), enrolEveryMs)
}

/** Docker stops the container: the agent leaves in order, and then this process ends with it. */
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.on(name, () => {
    agent.signal('SIGCONT')
    agent.signal(name)
    if (!agent.isRunning) process.exit(0)
  })
await keeper.start()
void enrol()
