// A password as a person types it: without an echo on a terminal, a line of stdin elsewhere. Never
// an argument: a process list is no place for a secret.

import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Terminal } from './terminal.ts'

/** One line; empty when the input ends before. */
export async function askSecret(terminal: Terminal, prompt: string): Promise<string> {
  const isTyped = process.stdin.isTTY === true
  if (isTyped) process.stderr.write(prompt)
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silence, terminal: isTyped })
  const line = await new Promise<string>((resolve) => {
    lines.once('line', resolve)
    lines.once('close', () => resolve(''))
  })
  lines.close()
  if (isTyped) terminal.note('')
  return line
}
