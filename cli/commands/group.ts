// godwit group ls | set | rm: VMs that are declared about together, by one policy and under one
// name in rules and in the order of starts. Not here: what it does (docs/high-availability.md).

import type { Command } from 'commander'
import { type HaGroup, saidAfter } from '#proto/ha.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { groupsText } from '../ha-text.ts'
import { textOrJson, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import { changeOf, list, type PolicyOptions, withPolicyOptions } from '../policy-options.ts'
import { toComeTexts } from '../vms-to-come.ts'

interface GroupOptions extends PolicyOptions {
  readonly vms?: string[]
}

export function addGroup(program: Command, cli: Cli): void {
  const group = program.command('group').description('VMs that are declared about together')
  const ls = group
    .command('ls')
    .description('the groups, who is in them, and what is declared of them')
    .addOption(textOrJson())
    .action((options: { readonly output: 'text' | 'json' }, self: Command) =>
      withApi(cli, self, async (api) => {
        const { groups } = await api.ha()
        if (options.output === 'json') writeJson(cli.terminal, groups)
        else if (groups.length === 0) cli.terminal.note('There are no groups.')
        else cli.terminal.write(groupsText(groups, cli.terminal.paint))
      }),
    )
  withExamples(ls, [['godwit group ls', 'who is in which']])
  addGroupSet(group, cli)
  const rm = group
    .command('rm <name...>')
    .description('drop groups; their VMs stay, each with what was said of itself')
    .action((names: string[], _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        for (const name of names) {
          await api.dropGroup(name)
          cli.terminal.write(`group ${name} is dropped`)
        }
      }),
    )
  withExamples(rm, [['godwit group rm web', 'nothing is declared of all of them any more']])
}

function addGroupSet(parent: Command, cli: Cli): void {
  const set = withPolicyOptions(
    parent
      .command('set <name>')
      .description('set a group, or change it; what is not named stays as it is')
      .option('--vms <vms>', 'who is in it, from now on: a,b; they may come later', list),
  ).action((name: string, options: GroupOptions, self: Command) =>
    withApi(cli, self, async (api) => {
      const before = (await api.ha()).groups.find((one) => one.name === name)
      const { groups } = await api.setGroup(changed(name, before, options, self))
      const own = groups.filter((one) => one.name === name)
      cli.terminal.write(groupsText(own, cli.terminal.paint))
      const vms = (await api.vms()).map(({ id }) => id)
      const texts = toComeTexts(options.vms ?? [], { vms, groups: [] })
      for (const text of texts) cli.terminal.note(text)
    }),
  )
  withExamples(set, [
    ['godwit group set stores --vms db-1,db-2 --priority 200', 'both come first'],
    ['godwit group set web --vms web-1,web-2 --after group:stores', 'and then the web'],
    ['godwit rule set apart --kind keep-apart --vms group:stores', 'on different nodes'],
  ])
}

/** What is said, over what was said before; `--relocations default`: nothing of it. */
function changed(
  name: string,
  before: HaGroup | undefined,
  options: GroupOptions,
  self: Command,
): HaGroup {
  const policy = saidAfter(before?.policy ?? {}, changeOf(options, self))
  return { name, vms: options.vms ?? before?.vms ?? [], policy }
}
