// godwit template key | trust | distrust | trusted: with which key you sign files of templates, and
// whose files a cluster lets in. Not here: the files (template-file.ts), where the key is
// (../template-file/own-key.ts).

import type { Command } from 'commander'
import { keyPattern, keyText } from '#proto/templates/file.ts'
import type { TemplateKeyView } from '#proto/templates/messages.ts'
import { Name } from '#proto/vm-spec.ts'
import type { Cli } from '../cli.ts'
import { dayTimeText } from '../columns.ts'
import { withTemplates } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { textOrJson, withExamples } from '../help.ts'
import { type Column, tableText } from '../table.ts'
import { ensureKey } from '../template-file/own-key.ts'

export function addTemplateKeys(parent: Command, cli: Cli): void {
  const key = parent
    .command('key')
    .description('print the key that you sign with; it is made when there is none')
    .action(() => cli.terminal.write(keyText(ensureKey(cli.home).publicKey)))
  withExamples(key, [['godwit template key', 'tell it those who are to trust your templates']])
  addTrust(parent, cli)
  addDistrust(parent, cli)
  addTrusted(parent, cli)
}

function addTrust(parent: Command, cli: Cli): void {
  const trust = parent
    .command('trust <name> <key>')
    .description('let in templates that this key has signed, under a name for people')
    .action((name: string, key: string, _options: object, self: Command) =>
      withTemplates(cli, self, async (templates) => {
        const wrong = Name.safeParse(name).error?.issues[0]?.message
        if (wrong !== undefined) throw new CommandError(exitCode.usage, `\`${name}\`: ${wrong}`)
        if (!keyPattern.test(key))
          throw new CommandError(exitCode.usage, `\`${key}\` is no key: see godwit template key`)
        await templates.trust(name, key)
        cli.terminal.write(`templates of ${name} are let in`)
      }),
    )
  const key = `gwk_${'0123456789abcdef'.repeat(4)}`
  withExamples(trust, [[`godwit template trust ann ${key}`, 'what ann has signed']])
}

function addDistrust(parent: Command, cli: Cli): void {
  const distrust = parent
    .command('distrust <name...>')
    .description('let in no more of what these keys have signed; what is here stays')
    .action((names: string[], _options: object, self: Command) =>
      withTemplates(cli, self, async (templates) => {
        for (const name of names) {
          await templates.distrust(name)
          cli.terminal.write(`templates of ${name} are not let in any more`)
        }
      }),
    )
  withExamples(distrust, [['godwit template distrust ann', 'her key was lost']])
}

const columns: readonly Column<TemplateKeyView>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'KEY', text: ({ key }) => key },
  { title: 'SINCE', text: ({ addedWallMs }) => dayTimeText(addedWallMs) },
  { title: 'BY', text: ({ by }) => by ?? '-' },
]

function addTrusted(parent: Command, cli: Cli): void {
  const trusted = parent
    .command('trusted')
    .description('whose templates are let in')
    .addOption(textOrJson())
    .action(({ output }: { readonly output: string }, self: Command) =>
      withTemplates(cli, self, async (templates) => {
        const keys = await templates.keys()
        if (output === 'json') cli.terminal.data(JSON.stringify(keys, null, 2))
        else if (keys.length === 0) cli.terminal.note('Nobody yet: godwit template trust')
        else cli.terminal.write(tableText(columns, keys, cli.terminal.paint))
      }),
    )
  withExamples(trusted, [['godwit template trusted', 'by name, with their keys']])
}
