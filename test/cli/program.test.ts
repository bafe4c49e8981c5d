// The godwit command as a whole: help, exit codes, which cluster is meant, and docs/cli.md.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { Interrupts } from '#cli/cli.ts'
import { commandGroups } from '#cli/command-groups.ts'
import { cliDocument } from '#cli/document.ts'
import { knownNames } from '#cli/known-names.ts'
import { buildProgram } from '#cli/program.ts'
import { realClock } from '#env/real.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { identityOf } from '#scenarios/local/process-identity.ts'
import { clusterView, nodeView } from '../coordinator-double/views.ts'
import { coordinatorWith, godwit, RememberingTerminal, temporaryHome } from './rehearsal.ts'

const program = buildProgram({
  terminal: new RememberingTerminal(),
  clock: realClock,
  home: '/nowhere',
  interrupts: new Interrupts(),
})
const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
const pathOf = (command: Command): string[] =>
  command.parent ? [...pathOf(command.parent), command.name()] : []

describe('help', () => {
  const commands = leaves(program).map((command) => pathOf(command).join(' '))
  test.each(commands.filter((name) => name !== 'help' && name !== 'complete'))(
    'of `%s` shows examples',
    async (name) => {
      const { code, out } = await godwit(`${name} --help`)
      expect(code).toBe(0)
      expect(out).toMatch(/\nExamples:\n {2}\S/)
    },
  )

  test('has every command under a heading, and nothing under it that there is not', () => {
    const grouped = Object.values(commandGroups).flat()
    const besides = ['completion', 'complete', 'help']
    const names = program.commands.map((command) => command.name())
    expect(names.filter((name) => !besides.includes(name)).sort()).toEqual([...grouped].sort())
  })

  test('lists the exit codes', async () => {
    expect((await godwit('--help')).out).toContain('130  Ctrl-C')
  })
})

test('docs/cli.md is what --help says (node cli/document.ts writes it)', () => {
  const file = fileURLToPath(new URL('../../docs/cli.md', import.meta.url))
  expect(readFileSync(file, 'utf8')).toBe(cliDocument(program))
})

describe('a command line that makes no sense', () => {
  test.each([
    ['mgirate kv', 'Did you mean migrate?'],
    ['migrate', "missing required argument 'vm'"],
    ['nodes -o xml', 'Allowed choices are table, wide, json, yaml'],
    ['clone kv --count many', 'Write a whole number.'],
    ['clone kv --count 0', 'Write a whole number from 1 to 256.'],
    ['up --nodes 1.5', 'Write a whole number.'],
    ['up --port 99999', 'Write a whole number from 0 to 65535.'],
    ['--api http://127.0.0.1:9 run x --memory 5000', '--memory: at most 3072'],
    ['migrate kv --streams 999', "'--streams <n>' argument '999' is invalid"],
    ['migrate kv --downtime 2m', 'Write a number from 1 to 60000.'],
    ['node evacuate n1 --downtime 0', 'Write a number from 1 to 60000.'],
    ['migrate kv --rounds 0', 'Write a whole number from 1 to 1000.'],
    ['balloon kv 0', 'Write a whole number from 1 to 3072.'],
    ['share kv --for 31d', 'like 30m, 1h or 30d: that at most.'],
    ['token create --scope see --for 0s', 'like 30m, 1h or 366d: that at most.'],
    ['up --fresh --cluster ../elsewhere', 'Use a-z, 0-9 and -'],
    ['up --fresh --cluster=', 'Use a-z, 0-9 and -'],
    ['down --cluster My_Lab', 'Use a-z, 0-9 and -'],
    ['up --fresh --cluster images', 'neither `images` nor `reports`'],
    ['--api nonsense vms', '--api: `nonsense` is no URL like http://127.0.0.1:7070'],
  ])('%s', async (line, words) => {
    const { code, notes } = await godwit(line)
    expect(code).toBe(2)
    expect(notes).toContain(words)
  })
})

describe('which cluster', () => {
  const running = (home: string, name: string, apiUrl: string) => {
    const folder = new ClusterFolder(home, name)
    mkdirSync(folder.path, { recursive: true })
    const launcher = identityOf(process.pid) ?? { pid: -1, startedAt: '' }
    folder.writeState({ cluster: name, apiUrl, controlUrl: '', launcher, processes: [] })
  }

  test('one of this machine: an image that is not here is refused before there is a VM', async () => {
    const double = await coordinatorWith(clusterView())
    const home = temporaryHome()
    running(home, 'only', double.url)
    expect(await godwit('run deb --image debian', { home })).toMatchObject({
      code: 1,
      notes: 'image debian is not on this machine: godwit image pull debian',
    })
    expect((await godwit('run deb --image debain', { home })).notes).toContain('godwit-guest')
    expect(double.orders).toEqual([])
  })

  test('none: says how to start one, with exit code 3', async () => {
    expect(await godwit('vms')).toMatchObject({
      code: 3,
      notes: 'No cluster runs. Start one: godwit up',
    })
  })

  test('one that does not answer is as good as none', async () => {
    const double = await coordinatorWith(clusterView())
    await double.close()
    const run = await godwit('vms', { double })
    expect(run.code).toBe(3)
    expect(run.notes).not.toContain('godwit up')
  })

  test('a local one whose coordinator was killed can be mended', async () => {
    const double = await coordinatorWith(clusterView())
    const home = temporaryHome()
    running(home, 'tern', double.url)
    await double.close()
    const run = await godwit('vms', { home })
    expect(run.code).toBe(3)
    expect(run.notes).toContain('godwit revive coordinator')
  })

  test('of several: the shell completes names of the one that is named, or none', async () => {
    const home = temporaryHome()
    for (const name of ['tern', 'gull']) {
      const view = clusterView({ nodes: [nodeView(`${name}-1`)] })
      running(home, name, (await coordinatorWith(view)).url)
    }
    const terminal = new RememberingTerminal()
    const cli = { terminal, clock: realClock, home, interrupts: new Interrupts() }
    const nodes = async (...typed: string[]) => (await knownNames(cli, typed)).nodes
    expect(await nodes('complete', '--', 'kill', '')).toEqual([])
    expect(await nodes('complete', '--', 'kill', '--cluster', 'gull', '')).toEqual(['gull-1'])
    expect(await nodes('complete', '--', '--cluster=tern', 'kill', '')).toEqual(['tern-1'])
  })

  test('the only one that runs here is meant', async () => {
    const home = temporaryHome()
    running(home, 'tern', (await coordinatorWith(clusterView())).url)
    expect(await godwit('nodes', { home })).toMatchObject({ code: 0 })
  })

  test('of several, one must be named', async () => {
    const home = temporaryHome()
    const { url } = await coordinatorWith(clusterView())
    running(home, 'plover', url)
    running(home, 'tern', url)
    const { code, notes } = await godwit('vms', { home })
    expect(code).toBe(2)
    expect(notes).toContain('plover, tern')
    expect(await godwit('vms --cluster tern', { home })).toMatchObject({ code: 0 })
    expect(await godwit('vms --cluster crane', { home })).toMatchObject({ code: 3 })
  })
})

describe('logs', () => {
  const logged = (home: string, process: string, lines: readonly string[]) => {
    const folder = new ClusterFolder(home, 'default')
    mkdirSync(folder.logs, { recursive: true })
    writeFileSync(join(folder.logs, `${process}.log`), `${lines.join('\n')}\n`)
  }
  const line = (time: string, msg: string) =>
    JSON.stringify({
      level: 'warn',
      time: `2026-11-23T09:00:${time}Z`,
      name: 'x',
      msg,
      nodeId: 'n1',
    })

  test('of all processes are merged by time, also after the end', async () => {
    const home = temporaryHome()
    logged(home, 'n1', [line('01.000', 'first'), '    at a stack trace', line('03.000', 'third')])
    logged(home, 'coordinator', [line('02.000', 'second')])
    const { out } = await godwit('logs', { home })
    expect(out.split('\n').map((each) => each.slice(12).trim())).toEqual([
      'WARN   n1           first nodeId=n1',
      'n1               at a stack trace',
      'WARN   coordinator  second nodeId=n1',
      'WARN   n1           third nodeId=n1',
    ])
    const unknown = await godwit('logs n3', { home })
    expect(unknown.notes).toBe('There is no log of `n3`; did you mean `n1`?')
  })
})
