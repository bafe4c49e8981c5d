// godwit ha status | set | cluster | arm | disarm, godwit rule ls | set | rm, godwit why: how VMs
// are kept running, which of them belong where, and why one is where it is. All of it counts at
// once. Not here: what it does (docs/high-availability.md).

import { type Command, InvalidArgumentError, Option } from 'commander'
import { HaPolicy, type HaPolicyChange, type HaSettingsChange, haRuleKinds } from '#proto/ha.ts'
import { type RulePart, ruleKeys, ruleOf } from '#scenarios/language/high-availability.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { haText, rulesText, whyText } from '../ha-text.ts'
import { textOrJson, wholeBetween, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import {
  changeOf,
  list,
  type PolicyOptions,
  policyText,
  unsaid,
  withPolicyOptions,
} from '../policy-options.ts'
import { toComeTexts } from '../vms-to-come.ts'
import { addGroup } from './group.ts'
import { addPower } from './power.ts'

interface Printed {
  readonly output: 'text' | 'json'
}

/** How VMs are kept running, where, and on how few nodes. */
export function addHaCommands(program: Command, cli: Cli): void {
  addHa(program, cli)
  addGroup(program, cli)
  addRule(program, cli)
  addWhy(program, cli)
  addPower(program, cli)
}

function addHa(program: Command, cli: Cli): void {
  const ha = program.command('ha').description('how VMs are kept running: high availability')
  addStatus(ha, cli)
  addSet(ha, cli)
  addCluster(ha, cli)
  addArm(ha, cli)
}

function addStatus(parent: Command, cli: Cli): void {
  const status = parent
    .command('status')
    .description('settings, spare capacity, and what is not as a rule says')
    .addOption(textOrJson())
    .action((options: Printed, self: Command) =>
      withApi(cli, self, async (api) => {
        const [view, vms] = [await api.ha(), await api.vms()]
        if (options.output === 'json') writeJson(cli.terminal, view)
        else cli.terminal.write(haText(view, vms, cli.terminal.paint))
      }),
    )
  withExamples(status, [['godwit ha status', 'how many nodes may fail now']])
}

interface TakesBack {
  readonly takeBack?: HaPolicyChange
}

function addSet(parent: Command, cli: Cli): void {
  const set = withPolicyOptions(
    parent
      .command('set <vm...>')
      .description('how a VM is kept running; what is not named stays as it is')
      .option('--take-back <parts>', 'as its group says, or nobody: priority,lock', unsaid),
  ).action((vms: string[], options: PolicyOptions & TakesBack, self: Command) => {
    const change = { ...options.takeBack, ...changeOf(options, self) }
    if (Object.keys(change).length === 0)
      throw new CommandError(exitCode.usage, 'Say what to change: see --help')
    return withApi(cli, self, async (api) => {
      for (const vm of vms) {
        const { policy } = await api.setPolicy(vm, change)
        cli.terminal.write(`${vm}: ${policyText(policy ?? HaPolicy.parse({}))}`)
      }
    })
  })
  withExamples(set, [
    ['godwit ha set db --priority 200 --restarts 3', 'first, and again after a crash'],
    ['godwit ha set web --after db', 'web starts when db runs; or --after group:stores'],
    ['godwit ha set db --lock', 'while somebody works on it'],
    ['godwit ha set db --take-back lock,priority', 'what its group says counts again'],
    ['godwit ha set db --isolation pause', 'cut off, it stands still and goes on where it was'],
    ['godwit ha set db --protection continuous', 'another node keeps it as it is, all the time'],
    ['godwit ha set web --protection checkpoint --every 10000', 'or as it was every ten seconds'],
  ])
}

function addCluster(parent: Command, cli: Cli): void {
  const cluster = parent
    .command('cluster')
    .description('settings of the whole cluster')
    .option('--tolerate <n>', 'so many nodes may fail: admission control', wholeBetween(0, 16))
    .addOption(
      new Option('--admission <how>', 'what would break that promise').choices(['refuse', 'warn']),
    )
    .addOption(
      new Option('--shutdown <what>', 'VMs of a node that shuts down in good order').choices([
        'fail-over',
        'freeze',
        'migrate',
      ]),
    )
    .action((options: HaSettingsChange, self: Command) => {
      if (Object.keys(options).length === 0)
        throw new CommandError(exitCode.usage, 'Say what to change: see --help')
      return withApi(cli, self, async (api) => {
        const view = await api.setHa(options)
        cli.terminal.write(haText(view, await api.vms(), cli.terminal.paint))
      })
    })
  withExamples(cluster, [
    ['godwit ha cluster --tolerate 1', 'refuse what would leave no room for a node that fails'],
    ['godwit ha cluster --shutdown freeze', 'VMs wait for a node that reboots'],
  ])
}

function addArm(parent: Command, cli: Cli): void {
  const switched = (name: 'arm' | 'disarm', about: string, told: string) => {
    const command = parent
      .command(name)
      .description(about)
      .action((_options: object, self: Command) =>
        withApi(cli, self, async (api) => {
          await api.setHa({ armed: name === 'arm' })
          cli.terminal.write(told)
        }),
      )
    withExamples(command, [[`godwit ha ${name}`, about]])
  }
  switched('arm', 'restart and move VMs by itself again', 'High availability is armed.')
  switched(
    'disarm',
    'restart and move nothing by itself; leases and fences go on',
    'High availability is disarmed: godwit ha arm ends that.',
  )
}

function addRule(program: Command, cli: Cli): void {
  const rule = program.command('rule').description('which VMs belong where')
  const ls = rule
    .command('ls')
    .description('the rules, and what is not as they say')
    .addOption(textOrJson())
    .action((options: Printed, self: Command) =>
      withApi(cli, self, async (api) => {
        const { rules } = await api.ha()
        if (options.output === 'json') writeJson(cli.terminal, rules)
        else if (rules.length === 0) cli.terminal.note('There are no rules.')
        else cli.terminal.write(rulesText(rules, cli.terminal.paint))
      }),
    )
  withExamples(ls, [['godwit rule ls', 'and whether they are kept']])
  addRuleSet(rule, cli)
  const rm = rule
    .command('rm <name...>')
    .description('drop rules; VMs stay where they are')
    .action((names: string[], _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        for (const name of names) {
          await api.dropRule(name)
          cli.terminal.write(`rule ${name} is dropped`)
        }
      }),
    )
  withExamples(rm, [['godwit rule rm web-apart', 'they may share a node from now on']])
}

function nodeList(text: string): string[] {
  const nodes = list(text)
  for (const node of nodes) {
    const read = ruleKeys.nodes.safeParse([node])
    if (!read.success)
      throw new InvalidArgumentError(`\`${node}\`: ${read.error.issues[0]?.message}`)
  }
  return nodes
}

const idsOf = async (rows: Promise<readonly { readonly id: string }[]>): Promise<string[]> =>
  (await rows).map(({ id }) => id)

interface RuleOptions {
  readonly vms: string[]
  readonly nodes?: string[]
  readonly strict?: boolean
}

function addRuleSet(parent: Command, cli: Cli): void {
  const set = parent
    .command('set <name>')
    .description('set a rule, or change it; VMs that are where they should not be move')
    .addOption(
      new Option('--kind <kind>', 'what it is about').choices(haRuleKinds).makeOptionMandatory(),
    )
    .requiredOption('--vms <vms>', 'the VMs it binds: a,b or group:web', list)
    .option('--nodes <nodes>', 'of node-affinity, with priorities: n1:2,n2:1', nodeList)
    .option('--strict', 'never broken (the default for VMs)')
    .option('--no-strict', 'kept where that is possible (the default for nodes)')
    .action((name: string, options: RuleOptions & { kind: RulePart['kind'] }, self: Command) => {
      const { kind, vms, nodes } = options
      const isSaid = self.getOptionValueSource('strict') === 'cli'
      if (kind === 'node-affinity' && !nodes)
        throw new CommandError(exitCode.usage, 'node-affinity needs --nodes, e.g. --nodes n1:2,n2')
      const strict = isSaid ? options.strict : undefined
      return withApi(cli, self, async (api) => {
        const { rules, groups } = await api.setRule(ruleOf({ name, kind, vms, nodes, strict }))
        const own = rules.filter(({ rule }) => rule.name === name)
        cli.terminal.write(rulesText(own, cli.terminal.paint))
        const known = { vms: await idsOf(api.vms()), groups: groups.map((group) => group.name) }
        for (const text of toComeTexts(vms, known)) cli.terminal.note(text)
      })
    })
  withExamples(set, [
    ['godwit rule set web-apart --kind keep-apart --vms web-1,web-2', 'never on one node'],
    ['godwit rule set app --kind keep-together --vms web,cache', 'always on one node'],
    [
      'godwit rule set fast --kind node-affinity --vms db --nodes n1:2,n2:1',
      'n1, else n2, else any',
    ],
  ])
}

function addWhy(program: Command, cli: Cli): void {
  const why = program
    .command('why <vm>')
    .description('why a VM is where it is, or nowhere, and what would have to change')
    .addOption(textOrJson())
    .action((vm: string, options: Printed, self: Command) =>
      withApi(cli, self, async (api) => {
        const view = await api.why(vm)
        if (options.output === 'json') writeJson(cli.terminal, view)
        else cli.terminal.write(whyText(view, cli.terminal.paint))
      }),
    )
  withExamples(why, [['godwit why web-1', 'each node, and what stands against it']])
}
