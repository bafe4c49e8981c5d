// Every `godwit …` line in a shell block of a document, or in one without a language, is a command
// that there is, with options that it has. What it does is not tried here.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { Interrupts } from '#cli/cli.ts'
import { buildProgram } from '#cli/program.ts'
import { realClock } from '#env/real.ts'
import { RememberingTerminal } from './rehearsal.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const files = ['README.md', ...readdirSync(`${root}docs`).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md') && name !== 'docs/cli.md',
)

/** Each command of a line, without its comment, which may stand behind two spaces alone. */
function commandsOf(line: string): string[][] {
  const [code = ''] = line.replace(/^\$ /, '').split(/\s#\s|\s{2,}/)
  return code
    .split('&&')
    .map((part) =>
      part
        .replace(/'[^']*'|"[^"]*"/g, 'X')
        .trim()
        .split(/\s+/),
    )
    .filter(([word]) => word === 'godwit')
    .map(([, ...words]) => words)
}

const blocks = (text: string): string[] =>
  [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, language = '', block = '']) =>
    ['', 'sh'].includes(language) ? block.split('\n') : [],
  )

/** Whole commands in the cells of tables. */
const cells = (text: string): string[] =>
  [...text.matchAll(/^\|.*$/gm)].flatMap(([row]) =>
    [...row.matchAll(/`(godwit [^`]+)`/g)].map(([, line = '']) => line),
  )

function mistakeIn(program: Command, words: readonly string[]): string | undefined {
  let command = program
  const rest = [...words]
  for (let word = rest[0]; word !== undefined && !word.startsWith('-'); word = rest[0]) {
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word))
    if (!next) break
    command = next
    rest.shift()
  }
  if (command === program || command.commands.length > 0)
    return `there is no command ${words.join(' ')}`
  const known = [...command.options, ...program.options].flatMap(({ short, long }) => [short, long])
  const unknown = rest.find((word) => word.startsWith('-') && !known.includes(word))
  return unknown && `${command.name()} has no ${unknown}`
}

test.each(files)('%s', (name) => {
  const terminal = new RememberingTerminal()
  const cli = { terminal, clock: realClock, home: '/nowhere', interrupts: new Interrupts() }
  const program = buildProgram(cli)
  const text = readFileSync(`${root}${name}`, 'utf8')
  const mistakes = [...blocks(text), ...cells(text)].flatMap((line) =>
    commandsOf(line).flatMap((words) => {
      const mistake = mistakeIn(program, words)
      return mistake ? [`${line}: ${mistake}`] : []
    }),
  )
  expect(mistakes).toEqual([])
})
