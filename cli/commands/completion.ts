// godwit completion bash|zsh|fish|powershell: what a shell needs to complete commands, options,
// names of the cluster, scenarios, images and files. The script calls us back (`godwit complete --
// …`) with what has been typed. Not here: which names there are, and where (known-names.ts).

import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { withExamples } from '../help.ts'
import { imagesOf } from '../image/image-folder.ts'
import { type KnownNames, kindOf, type NameKind } from '../known-names.ts'
import { libraryNames } from '../scenario-library.ts'

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

/**
 * Whoever reads it twice in one shell need not hear that its constants are there already. Where we
 * do not forbid it, it completes by files.
 */
export const scriptForBash = (script: string): string =>
  withoutBashCompletion.trimStart() +
  script.replace(/^readonly (?=\w+=)/gm, '').replace(/^complete -F/m, 'complete -o default -F')

/** What the package says last when it lets no shell offer files, and what when it does. */
const [noFiles, files] = [':4', ':0']

/** Last of all: it reads the commands that there are. */
export function addCompletion(program: Command, cli: Cli, names: KnownNames): void {
  const completion = tab(program, { completionCommandName: 'completion' })
  let mayBeFile = false
  const offerOf = (kind: NameKind) => (add: (name: string, about: string) => void) => {
    mayBeFile = kind === 'files' || kind === 'scenarios'
    for (const name of namesOfKind(kind, cli, names)) add(name, '')
  }
  for (const [path, command] of commandsBelow(program)) {
    const known = completion.commands.get(path)
    for (const argument of command.registeredArguments) {
      const kind = kindOf(path, argument.name())
      if (kind) known?.argument(argument.name(), offerOf(kind), argument.variadic)
    }
    for (const { long, flags } of command.options) {
      const [, word = ''] = /[<[](\w+)/.exec(flags) ?? []
      const kind = kindOf(`${path} ${long}`, word)
      const option = known?.options.get(long?.slice(2) ?? '')
      if (kind && option) option.handler = offerOf(kind)
    }
  }
  hookOutput(program, 'complete', (text) => (text === noFiles && mayBeFile ? files : text))
  const script = hookOutput(program, 'completion', (text, shell) =>
    shell === 'bash' ? scriptForBash(text) : text,
  )
  withExamples(script.description('print a completion script for a shell'), [
    ['source <(godwit completion bash)', 'for this shell; put it into ~/.bashrc for all'],
    ['godwit completion zsh > ~/.zfunc/_godwit', 'a folder of $fpath'],
    ['godwit completion fish | source', 'likewise'],
  ])
}

function namesOfKind(kind: NameKind, cli: Cli, names: KnownNames): readonly string[] {
  if (kind === 'files') return []
  if (kind === 'scenarios') return libraryNames()
  if (kind === 'images')
    return imagesOf(cli)
      .list()
      .map(({ name }) => name)
  return names[kind]
}

/** `scenario run`: a command of a command. */
function commandsBelow(command: Command, path: readonly string[] = []): [string, Command][] {
  return command.commands.flatMap((one): [string, Command][] => {
    const own = [...path, one.name()]
    return [[own.join(' '), one], ...commandsBelow(one, own)]
  })
}

/** What the package prints for this command goes through here. */
function hookOutput(
  program: Command,
  name: string,
  change: (text: string, shell: string | undefined) => string,
): Command {
  const command = program.commands.find((each) => each.name() === name)
  if (!command) throw new Error(`there is no command ${name}`)
  const { log } = console
  command.hook('preAction', (_, { args: [shell] }) => {
    console.log = (text: string) => log(change(text, shell))
  })
  command.hook('postAction', () => {
    console.log = log
  })
  return command
}
