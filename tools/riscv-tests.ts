// npm run riscv-tests: runs test programs that own the machine, such as the official RISC-V ones,
// on both execution engines, and tells which of them passed. A folder stands for the ELF files in
// it, folders below it included. Exit codes: 0 all passed, 1 some did not, 2 wrong flags.

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { isElf } from '#engine/elf.ts'
import { type Engine, type Trial, tried } from './test-programs/trial.ts'

const usage = `usage: npm run riscv-tests -- [flags] FILE-OR-FOLDER...
  --engine E    interpreter, translator, or both (both)
  --memory N    MiB of RAM (16)
  --most N      million instructions after which a program is given up (100)
  --output      show what each program wrote to its console
  --signatures FOLDER   write there what lies between begin_signature and end_signature at the end
                of each program that has them, as PROGRAM.ENGINE.signature
`
const flags = {
  engine: { type: 'string', default: 'both' },
  memory: { type: 'string', default: '16' },
  most: { type: 'string', default: '100' },
  output: { type: 'boolean', default: false },
  signatures: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

const all: readonly Engine[] = ['interpreter', 'translator']

function enginesOf(name: string): readonly Engine[] {
  const engines = name === 'both' ? all : all.filter((engine) => engine === name)
  if (engines.length === 0) throw new Error(`There is no engine ${name}.`)
  return engines
}

function numberOf(name: string, value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} is a number from 1 on.`)
  return number
}

function programsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile() && isElf(readFileSync(file).subarray(0, 4)))
}

function tell(file: string, engine: Engine, trial: Trial, showsOutput: boolean): void {
  const { end, detail, retired, output } = trial
  const words = end === 'passed' ? `${retired} instructions` : detail
  console.log(`${end.padEnd(11)}  ${engine.padEnd(11)}  ${file}  ${words}`)
  if (output !== '' && (showsOutput || end !== 'passed')) console.log(output.trimEnd())
}

function keepSignature(folder: string | undefined, name: string, { signature }: Trial): void {
  if (folder === undefined || signature === undefined) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, name), signature)
}

function main(): void {
  const { values, positionals } = parseArgs({ options: flags, allowPositionals: true })
  if (values.help) return void process.stdout.write(usage)
  if (positionals.length === 0) throw new Error('Which programs?')
  const engines = enginesOf(values.engine)
  const ramBytes = numberOf('memory', values.memory) * 1024 * 1024
  const instructionsMax = numberOf('most', values.most) * 1e6
  const files = positionals.flatMap(programsIn)
  const passed = Object.fromEntries(all.map((engine) => [engine, 0])) as Record<Engine, number>
  for (const file of files) {
    const elf = new Uint8Array(readFileSync(file))
    for (const engine of engines) {
      const trial = tried({ elf, engine, ramBytes, instructionsMax })
      tell(file, engine, trial, values.output)
      if (trial.end === 'passed') passed[engine]++
      keepSignature(values.signatures, `${basename(file)}.${engine}.signature`, trial)
    }
  }
  for (const engine of engines)
    console.log(`${engine}: ${passed[engine]} of ${files.length} passed`)
  const isWhole = files.length > 0 && engines.every((engine) => passed[engine] === files.length)
  process.exitCode = isWhole ? 0 : 1
}

try {
  main()
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : thrown}\n${usage}`)
  process.exitCode = 2
}
