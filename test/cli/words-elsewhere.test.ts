// Words of other tools: each answer is a command that there is.

import { expect, test } from 'vitest'
import { Interrupts } from '#cli/cli.ts'
import { buildProgram } from '#cli/program.ts'
import { wordsBelow, wordsElsewhere } from '#cli/words-elsewhere.ts'
import { realClock } from '#env/real.ts'
import { godwit, RememberingTerminal, temporaryHome } from './rehearsal.ts'

const program = buildProgram({
  terminal: new RememberingTerminal(),
  clock: realClock,
  home: temporaryHome,
  interrupts: new Interrupts(),
} as never)

test('what is answered are commands of ours, and no word is one of ours', () => {
  const ours = program.commands.flatMap((one) => [one.name(), ...one.aliases()])
  for (const [word, answer] of Object.entries(wordsElsewhere)) {
    expect(ours).not.toContain(word)
    for (const line of answer.split(' && ')) {
      const [, verb, next] = line.split(' ')
      if (verb === '--version') continue
      expect(ours).toContain(verb)
      const inner = program.commands.find((one) => one.name() === verb)?.commands ?? []
      if (inner.length > 0) expect(inner.map((one) => one.name())).toContain(next)
    }
  }
})

test('so are the words below a command', async () => {
  for (const [words, answer] of Object.entries(wordsBelow)) {
    const [command = '', word = ''] = words.split(' ')
    const [, verb, next] = answer.split(' ')
    const inner = program.commands.find((one) => one.name() === command)?.commands ?? []
    const names = inner.flatMap((one) => [one.name(), ...one.aliases()])
    expect(verb).toBe(command)
    expect(names).toContain(next)
    expect(names).not.toContain(word)
  }
  const { notes } = await godwit('snapshot take kv')
  expect(notes).toContain('here it is `godwit snapshot create VM`')
  expect(notes).not.toContain('Did you mean')
})

test('somebody who types such a word is told ours, and no other that resembles it', async () => {
  const { code, notes } = await godwit('drain n1')
  expect(code).toBe(2)
  expect(notes).toContain("unknown command 'drain': here it is `godwit node evacuate NODE`")
  const { notes: list } = await godwit('list')
  expect(list).toContain('`godwit vms`')
  expect(list).not.toContain('Did you mean')
  const { notes: slip } = await godwit('migrat kv')
  expect(slip).toContain('Did you mean migrate?')
})
