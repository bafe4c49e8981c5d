// godwit node roll: nodes are maintained one after the other while their VMs go on elsewhere. Each
// is emptied, worked on by a command, and takes VMs again before the next one's turn. Whatever
// fails ends the round, and leaves that node in maintenance. Times in ms.

import { spawn } from 'node:child_process'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import type { NodeView } from '#proto/api.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { msText } from '#proto/quantity.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import { hasEnded } from '#scenarios/runner/stage.ts'
import type { Cli } from '../cli.ts'
import { type GlobalOptions, withApi } from '../connection.ts'
import { evacuationOutcome } from '../evacuation-text.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { followEvacuation } from '../follow-evacuation.ts'
import { textOrJson, whenStuck, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'

interface RollOptions {
  readonly exec: string
  /** For what is run. */
  readonly env: NodeJS.ProcessEnv
  readonly whenStuck: MigrationParams['whenStuck']
  readonly output: 'text' | 'json'
}

interface Maintained {
  readonly node: string
  /** They left, and may come back. */
  readonly vms: number
  readonly emptyMs: number
  /** Until the command had ended, and then until the node was online. */
  readonly commandMs: number
  readonly onlineMs: number
}

/** So soon VMs are on their way back to a node that has returned, if they go. */
const returnMs = 1000

export function addRoll(parent: Command, cli: Cli): void {
  const roll = parent
    .command('roll [nodes...]')
    .description('maintain nodes one after the other: empty it, run a command, take it back')
    .requiredOption('--exec <command>', 'done to each when it is empty; $GODWIT_NODE is its name')
    .addOption(whenStuck())
    .addOption(textOrJson('how to print what was done'))
    .action((names: string[], options: RollOptions, self: Command) =>
      withApi(cli, self, (api) =>
        rollAll(cli, api, names, { ...options, env: sameCommand(self.optsWithGlobals()) }),
      ),
    )
  withExamples(roll, [
    ["godwit node roll --exec 'ssh $GODWIT_NODE reboot-and-wait'", 'all nodes that are online'],
    ["godwit node roll n2 n3 --exec './upgrade.sh'", 'these, in this order'],
  ])
}

/** What is run finds this `godwit`, for which a person may have an alias only, and its cluster. */
function sameCommand({ api, ca, cluster }: GlobalOptions): NodeJS.ProcessEnv {
  const folder = fileURLToPath(new URL('../../bin', import.meta.url))
  return {
    ...process.env,
    PATH: [folder, process.env.PATH].join(delimiter),
    ...(api !== undefined && { GODWIT_API: api }),
    ...(ca !== undefined && { GODWIT_CA: ca }),
    ...(cluster !== undefined && { GODWIT_CLUSTER: cluster }),
  }
}

async function rollAll(
  cli: Cli,
  api: ApiClient,
  names: readonly string[],
  options: RollOptions,
): Promise<void> {
  const ids = wanted(await api.nodes(), names)
  const done: Maintained[] = []
  for (const [at, id] of ids.entries()) {
    const rest = ids.slice(at + 1)
    try {
      done.push(await rollOne(cli, api, id, options))
    } catch (thrown) {
      throw thrown instanceof CommandError ? withTheWayOn(thrown, id, rest) : thrown
    }
    await comeBack(cli, api, id)
    const last = done.at(-1)
    if (last && options.output === 'text') cli.terminal.write(maintainedText(last))
  }
  if (options.output === 'json') writeJson(cli.terminal, done)
}

/** The named nodes, or all that are in service; never one that somebody else is at work on. */
function wanted(nodes: readonly NodeView[], names: readonly string[]): string[] {
  const inService = ({ phase, evacuation }: NodeView) => phase === 'online' && !evacuation
  if (names.length === 0) return nodes.filter(inService).map(({ id }) => id)
  for (const name of names) {
    const node = nodes.find(({ id }) => id === name)
    if (!node) throw new FaultError(fault('unknown-node', `There is no node \`${name}\`.`))
    if (inService(node)) continue
    const how = node.evacuation ? 'in maintenance already' : node.phase
    throw new CommandError(exitCode.failed, `${name} is ${how}: nothing was begun`)
  }
  return [...new Set(names)]
}

async function rollOne(
  cli: Cli,
  api: ApiClient,
  id: string,
  { exec, env, whenStuck }: RollOptions,
): Promise<Maintained> {
  const { clock } = cli
  await api.evacuate(id, { whenStuck })
  const node = await followEvacuation(cli, api, id)
  const { evacuation } = node
  if (!evacuation) throw new CommandError(exitCode.failed, 'somebody else has taken it back')
  if (evacuation.left > 0)
    throw new CommandError(exitCode.failed, evacuationOutcome(node).join('\n'))
  const emptyAtMs = clock.nowMs()
  await workOn(cli, exec, { ...env, GODWIT_NODE: id })
  const workedAtMs = clock.nowMs()
  const onInterrupt = 'it was not online yet'
  await follow(cli, api, (view) => isOnline(view.nodes, id), { onInterrupt })
  const onlineMs = clock.nowMs() - workedAtMs
  await api.returnNode(id)
  const { total: vms, forMs: emptyMs } = evacuation
  return { node: id, vms, emptyMs, commandMs: workedAtMs - emptyAtMs, onlineMs }
}

const isOnline = (nodes: readonly NodeView[], id: string): true | undefined =>
  nodes.some((node) => node.id === id && node.phase === 'online') || undefined

/** Its words go to stderr: stdout is for results. Ctrl-C ends all that it has started. */
function workOn(cli: Cli, command: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('sh', ['-c', command], { env, detached: true, stdio: ['ignore', 2, 2] })
  const signal = cli.interrupts.handle()
  const interrupt = () => void (child.pid && process.kill(-child.pid, 'SIGTERM'))
  signal.addEventListener('abort', interrupt, { once: true })
  return new Promise<void>((resolve, reject) => {
    const fail = (why: string) =>
      signal.aborted
        ? reject(new CommandError(exitCode.interrupted, 'you interrupted the command'))
        : reject(new CommandError(exitCode.failed, why))
    child.once('error', ({ message }) => fail(message))
    child.once('exit', (code, by) =>
      code === 0 ? resolve() : fail(`the command ${by ? `was ended by ${by}` : `exits ${code}`}`),
    )
  }).finally(() => signal.removeEventListener('abort', interrupt))
}

/** The next node's turn is when those that go back have gone. */
async function comeBack(cli: Cli, api: ApiClient, id: string): Promise<void> {
  const { clock } = cli
  await new Promise<void>((resolve) => clock.wakeAt(clock.nowMs() + returnMs, resolve))
  const onInterrupt = `${id} is back in service; it was the last`
  await follow(cli, api, (view) => view.migrations.every(hasEnded) || undefined, { onInterrupt })
}

function withTheWayOn({ code, message }: CommandError, id: string, rest: string[]): CommandError {
  const next =
    rest.length > 0 ? `, then go on with: godwit node roll ${rest.join(' ')} --exec …` : ''
  const advice = `When ${id} is well: godwit node return ${id}${next}`
  return new CommandError(code, `${id} is still in maintenance: ${message}\n${advice}`)
}

function maintainedText({ node, vms, emptyMs, commandMs, onlineMs }: Maintained): string {
  const left = `${vms} ${vms === 1 ? 'VM' : 'VMs'} left in ${msText(emptyMs)}`
  return `${node}: ${left}, the command took ${msText(commandMs)}, online ${msText(onlineMs)} later`
}
