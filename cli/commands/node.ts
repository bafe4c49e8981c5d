// godwit node evacuate | return | fence | roll: a node goes into maintenance and its VMs leave, by
// migrations; it takes VMs again; and it surely runs nothing any more. The first shows how far it
// is until nothing is left that can leave.

import type { Command } from 'commander'
import type { MigrationParams } from '#proto/messages.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { evacuationLine, evacuationOutcome } from '../evacuation-text.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { followEvacuation } from '../follow-evacuation.ts'
import { downtime, whenStuck, withExamples } from '../help.ts'
import { addRoll } from './roll.ts'

interface EvacuateOptions {
  readonly whenStuck?: MigrationParams['whenStuck']
  readonly downtime?: number
  readonly wait: boolean
}

export function addNode(program: Command, cli: Cli): void {
  const node = program.command('node').description('take a node out of service, and back')
  addEvacuate(node, cli)
  addReturn(node, cli)
  addFence(node, cli)
  addRoll(node, cli)
}

function addEvacuate(parent: Command, cli: Cli): void {
  const evacuate = parent
    .command('evacuate <node>')
    .description('move all its VMs to other nodes; nothing is placed there until it returns')
    .addOption(downtime('pause each VM for at most about so long'))
    .addOption(whenStuck())
    .option('--no-wait', 'return as soon as the coordinator has accepted it')
    .action((id: string, options: EvacuateOptions, self: Command) =>
      withApi(cli, self, async (api) => {
        const { whenStuck, downtime } = options
        const params = {
          ...(whenStuck ? { whenStuck } : {}),
          ...(downtime ? { downtimeMsMax: downtime } : {}),
        }
        const accepted = await api.evacuate(id, params)
        if (options.wait) await showEvacuation(cli, api, id)
        else cli.terminal.note(evacuationLine(accepted))
      }),
    )
  withExamples(evacuate, [
    ['godwit node evacuate n1', 'before it is switched off; shows how far it is'],
    ['godwit node return n1', 'when it is back'],
  ])
}

async function showEvacuation(cli: Cli, api: ApiClient, id: string): Promise<void> {
  const node = await followEvacuation(cli, api, id)
  for (const line of evacuationOutcome(node)) cli.terminal.write(line)
  if ((node.evacuation?.stuck.length ?? 0) > 0) throw new CommandError(exitCode.failed, '')
}

function addReturn(parent: Command, cli: Cli): void {
  const back = parent
    .command('return <node>')
    .description('end its maintenance: it takes VMs again')
    .action((id: string, _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        await api.returnNode(id)
        cli.terminal.note(`${id} takes VMs again.`)
      }),
    )
  withExamples(back, [
    [
      'godwit node return n1',
      'the VMs that left come back (godwit ha set VM --no-failback: they stay)',
    ],
  ])
}

function addFence(parent: Command, cli: Cli): void {
  const fence = parent
    .command('fence <node>')
    .description('make sure that it runs nothing, so that its VMs start elsewhere at once')
    .option('--off', 'it is off, and you have seen that; else the fence device ends it')
    .action((id: string, { off = false }: { readonly off?: boolean }, self: Command) =>
      withApi(cli, self, async (api) => {
        await api.fence(id, off)
        const said = await follow(
          cli,
          api,
          ({ nodes }) => {
            const phase = nodes.find((one) => one.id === id)?.phase
            return phase === 'fenced' ? `${id} is fenced: its VMs start elsewhere` : undefined
          },
          { onInterrupt: `see: godwit nodes` },
        )
        cli.terminal.write(said)
      }),
    )
  withExamples(fence, [
    ['godwit node fence n1 --off', 'you have pulled its plug: do not wait for its lease'],
    ['godwit node fence n1', 'by the fence device of the coordinator (--fence)'],
  ])
}
