// The commands of `godwit --help` in groups, so that whoever reads them for the first time finds a
// task and not an alphabet. Not here: the commands (commands/), the order within a group, which is
// that in which they are added (program.ts).

import type { Command } from 'commander'

/** Heading → the commands under it. */
export const commandGroups: Readonly<Record<string, readonly string[]>> = {
  'A cluster:': ['up', 'down', 'nodes', 'events', 'top', 'logs', 'doctor', 'showcase'],
  'VMs:': [
    ...['run', 'vms', 'why', 'pause', 'resume', 'stop', 'start', 'balloon', 'rm', 'console'],
    ...['screen', 'image'],
  ],
  'Moving VMs:': [
    ...['relocate', 'migrate', 'migrations', 'cancel', 'post-copy', 'rebalance', 'heat-map'],
  ],
  'Copies of VMs:': ['clone', 'template', 'snapshot', 'disk'],
  'How VMs are kept running:': ['node', 'ha', 'group', 'rule', 'power'],
  'Who may do what:': ['user', 'login', 'logout', 'whoami', 'token', 'share', 'give', 'certs'],
  'Breaking things on purpose:': ['kill', 'revive', 'hang', 'cut', 'heal', 'chaos'],
  'Stories, run and measured:': ['scenario', 'report', 'demo', 'experiment'],
}

/** All that is in no group stands under the last heading. */
export const lastGroup = 'Besides:'

export function groupCommands(program: Command): void {
  for (const [heading, names] of Object.entries(commandGroups))
    for (const command of program.commands)
      if (names.includes(command.name())) command.helpGroup(heading)
}
