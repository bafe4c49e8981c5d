// godwit completion bash|zsh|fish|powershell: what a shell needs to complete commands, options,
// VMs, nodes and scenarios. The script calls us back (`godwit complete -- …`) with what has been typed.

import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { connect, type GlobalOptions } from '../connection.ts'
import { withExamples } from '../help.ts'
import { libraryNames } from '../scenario-library.ts'

/** Command → which names each of its arguments is completed by. */
const argumentNames: Readonly<Record<string, readonly ('vms' | 'nodes' | 'scenarios')[]>> = {
  migrate: ['vms', 'nodes'],
  relocate: ['vms', 'nodes'],
  clone: ['vms'],
  pause: ['vms'],
  resume: ['vms'],
  stop: ['vms'],
  start: ['vms'],
  balloon: ['vms'],
  rm: ['vms'],
  console: ['vms'],
  screen: ['vms'],
  why: ['vms'],
  share: ['vms'],
  give: ['vms'],
  'ha set': ['vms'],
  'disk show': ['vms'],
  'disk merge': ['vms'],
  'snapshot create': ['vms'],
  'snapshot list': ['vms'],
  'snapshot tree': ['vms'],
  'snapshot restore': ['vms'],
  'snapshot switch': ['vms'],
  'snapshot diff': ['vms'],
  'snapshot rm': ['vms'],
  'template create': ['vms'],
  'node evacuate': ['nodes'],
  'node return': ['nodes'],
  'node fence': ['nodes'],
  'node roll': ['nodes'],
  kill: ['nodes'],
  revive: ['nodes'],
  hang: ['nodes'],
  cut: ['nodes'],
  heal: ['nodes'],
  logs: ['nodes'],
  'scenario run': ['scenarios'],
  'scenario check': ['scenarios'],
  'scenario explain': ['scenarios'],
  demo: ['scenarios'],
}

/**
 * The script for bash asks bash-completion for the words of the line, which is not everywhere: as
 * well as can be without. Our words have neither `=` nor `:` in them.
 */
const withoutBashCompletion = `
type _get_comp_words_by_ref >/dev/null 2>&1 || _get_comp_words_by_ref() {
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD - 1]}
  words=("\${COMP_WORDS[@]}")
  cword=$COMP_CWORD
}
`

/** And whoever reads it twice in one shell need not hear that its constants are there already. */
export const scriptForBash = (script: string): string =>
  withoutBashCompletion.trimStart() + script.replace(/^readonly (?=\w+=)/gm, '')

export interface ClusterNames {
  readonly vms: readonly string[]
  readonly nodes: readonly string[]
}

const noNames: ClusterNames = { vms: [], nodes: [] }
/** A person waits for a completion: rather none than late. */
const namesMsMax = 400

/**
 * The names of the cluster that is meant, if it answers at once. @param typed the words so far
 */
export async function namesOfCluster(cli: Cli, typed: readonly string[]): Promise<ClusterNames> {
  const names = namesOf(cli, whichIsMeant(typed)).catch(() => noNames)
  const late = new Promise<ClusterNames>((resolve) => {
    cli.clock.wakeAt(cli.clock.nowMs() + namesMsMax, () => resolve(noNames))
  })
  return Promise.race([names, late])
}

async function namesOf(cli: Cli, which: GlobalOptions): Promise<ClusterNames> {
  const { vms, nodes } = await connect(cli, which).cluster()
  return { vms: vms.map(({ id }) => id), nodes: nodes.map(({ id }) => id) }
}

/** As it will be when the line is complete: by its words, else by the environment. */
function whichIsMeant(typed: readonly string[]): GlobalOptions {
  const { GODWIT_API, GODWIT_CA, GODWIT_CLUSTER } = process.env
  const said = (option: string, variable?: string) => {
    const at = typed.lastIndexOf(option)
    const joined = typed.findLast((word) => word.startsWith(`${option}=`))
    return joined?.slice(option.length + 1) ?? (at < 0 ? variable : typed[at + 1])
  }
  const [api, ca] = [said('--api', GODWIT_API), said('--ca', GODWIT_CA)]
  const cluster = said('--cluster', GODWIT_CLUSTER)
  return { ...(api && { api }), ...(ca && { ca }), ...(cluster && { cluster }) }
}

/** Last of all: it reads the commands that there are. */
export function addCompletion(program: Command, names: ClusterNames): void {
  const completion = tab(program, { completionCommandName: 'completion' })
  for (const [name, kinds] of Object.entries(argumentNames)) {
    const texts = commandAt(program, name)?.registeredArguments
    for (const [i, kind] of kinds.entries()) {
      const argument = texts?.[i]
      if (!argument) continue
      const offer = (add: (name: string, about: string) => void) => {
        for (const known of kind === 'scenarios' ? libraryNames() : names[kind]) add(known, '')
      }
      completion.commands.get(name)?.argument(argument.name(), offer, argument.variadic)
    }
  }
  const command = program.commands.find((each) => each.name() === 'completion')
  if (!command) return
  // The package prints the script; what it prints for bash goes through here.
  const { log } = console
  command.hook('preAction', (_, { args: [shell] }) => {
    if (shell === 'bash') console.log = (script: string) => log(scriptForBash(script))
  })
  command.hook('postAction', () => {
    console.log = log
  })
  withExamples(command.description('print a completion script for a shell'), [
    ['source <(godwit completion bash)', 'for this shell; put it into ~/.bashrc for all'],
    ['godwit completion zsh > ~/.zfunc/_godwit', 'a folder of $fpath'],
    ['godwit completion fish | source', 'likewise'],
  ])
}

/** `scenario run`: a command of a command. */
function commandAt(program: Command, path: string): Command | undefined {
  let at: Command | undefined = program
  for (const word of path.split(' ')) at = at?.commands.find((one) => one.name() === word)
  return at
}
