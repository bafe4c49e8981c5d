// godwit pause | resume | stop | start | rm: one word to one or several VMs, and the wait until it
// is so. And godwit balloon, of which only the guest knows when it is done.

import type { Command } from 'commander'
import type { ClusterView } from '#proto/api.ts'
import { faultOf } from '#proto/faults.ts'
import { mayAct, type VmPhase, vmPhaseSentences } from '#proto/state.ts'
import { memoryMibMax } from '#proto/vm-spec.ts'
import type { ApiClient, VmVerb } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { wholeBetween, withExamples } from '../help.ts'
import { inMib } from '../units.ts'

interface VerbText {
  readonly about: string
  /** The phase in which it has been done. */
  readonly goal: VmPhase
  readonly example: readonly [line: string, what: string]
}

const verbTexts: Record<VmVerb, VerbText> = {
  pause: {
    about: 'stop its vCPU; its memory stays where it is',
    goal: 'paused',
    example: ['godwit pause kv', 'kv stands still until `godwit resume kv`'],
  },
  resume: {
    about: 'let a paused VM go on',
    goal: 'running',
    example: ['godwit resume kv', 'kv goes on with its next instruction'],
  },
  stop: {
    about: 'switch it off; only its disk is kept',
    goal: 'stopped',
    example: ['godwit stop kv web', 'both, as if their power was cut'],
  },
  start: {
    about: 'boot a stopped or failed VM from its disk',
    goal: 'running',
    example: ['godwit start kv', 'where placement puts it'],
  },
}

/**
 * Any of these is done in well under a second; later something is wrong, and the phase tells more
 * than waiting.
 */
const goalMsMax = 30_000

interface VerbOptions {
  readonly wait: boolean
}

export function addVmActions(program: Command, cli: Cli): void {
  for (const verb of Object.keys(verbTexts) as VmVerb[]) {
    const { about, goal, example } = verbTexts[verb]
    const command = program
      .command(`${verb} <vm...>`)
      .description(about)
      .option('--no-wait', 'return as soon as the coordinator has accepted it')
      .action((vms: string[], options: VerbOptions, self: Command) =>
        withApi(cli, self, async (api) => {
          for (const vm of vms) {
            await api.act(vm, verb)
            if (options.wait) await reach(cli, api, vm, goal)
          }
        }),
      )
    withExamples(command, [example])
  }
  addBalloon(program, cli)
  addRemove(program, cli)
}

function addBalloon(program: Command, cli: Cli): void {
  const balloon = program
    .command('balloon <vm>')
    .argument('<mib>', 'what it may hold', inMib(wholeBetween(1, memoryMibMax)))
    .description('leave a running guest so much of its memory; it gives up the rest as it can')
    .action((vm: string, mib: number, _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        await api.balloon(vm, mib)
        cli.terminal.write(`${vm} is asked to make do with ${mib} MiB`)
        cli.terminal.note('What it holds: MEMORY in `godwit vms`')
      }),
    )
  withExamples(balloon, [
    ['godwit balloon deb 96', 'Linux gives up all but 96 MiB: less to migrate'],
    ['godwit balloon deb 256', 'what it gave up is its own again'],
  ])
}

function addRemove(program: Command, cli: Cli): void {
  const remove = program
    .command('rm <vm...>')
    .description('forget a stopped VM and its disk')
    .option('-f, --force', 'stop it first, if it runs')
    .action((vms: string[], { force }: { readonly force?: boolean }, self: Command) =>
      withApi(cli, self, async (api) => {
        for (const vm of vms) {
          if (force) await stopFirst(cli, api, vm)
          await removeNow(api, vm)
          cli.terminal.write(`${vm} is removed`)
        }
      }),
    )
  withExamples(remove, [
    ['godwit stop kv && godwit rm kv', 'a VM must be stopped before'],
    ['godwit rm -f kv web', 'both, whatever they do'],
  ])
}

async function stopFirst(cli: Cli, api: ApiClient, vm: string): Promise<void> {
  const { phase } = await api.vm(vm)
  if (mayAct('remove', phase)) return
  await api.act(vm, 'stop')
  await reach(cli, api, vm, 'stopped')
}

async function removeNow(api: ApiClient, vm: string): Promise<void> {
  try {
    await api.remove(vm)
  } catch (thrown) {
    const { code, message } = faultOf(thrown)
    if (code !== 'wrong-state') throw thrown
    const mend = `godwit rm -f ${vm} stops it first`
    throw new CommandError(exitCode.failed, `${message}: ${mend}`)
  }
}

async function reach(cli: Cli, api: ApiClient, vm: string, goal: VmPhase): Promise<void> {
  const look = ({ vms }: ClusterView) =>
    vms.find(({ id, phase }) => id === vm && (phase === goal || phase === 'failed'))
  const reached = await follow(cli, api, look, {
    onInterrupt: `${vm} goes on without you; see: godwit vms`,
    late: {
      ms: goalMsMax,
      message: `${vm} is not ${goal} yet after 30 s; see: godwit vms -o wide`,
    },
  })
  if (reached.phase !== goal)
    throw new CommandError(exitCode.failed, `${vm} failed: ${reached.fault?.message ?? ''}`)
  cli.terminal.write(`${vm} ${vmPhaseSentences[goal]}`)
}
