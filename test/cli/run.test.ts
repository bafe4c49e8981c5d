// godwit run, and one word to a VM: requests, waits, and files with mistakes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Interrupts } from '#cli/cli.ts'
import { readVms } from '#cli/vm-file.ts'
import { busyCluster } from '../coordinator-double/views.ts'
import { coordinatorWith, godwit, RememberingTerminal, temporaryHome } from './rehearsal.ts'

describe('godwit run', () => {
  test('asks for what the options say, and waits until it runs', async () => {
    const double = await coordinatorWith(busyCluster())
    const words = ['run', 'kv', '--args', 'workload=kv', '--disk', '16', '--cap', '50', '--no-ha']
    const run = await godwit([...words, '--node', 'n2'], { double })
    expect(double.asked[0]?.body).toEqual({
      id: 'kv',
      spec: { args: 'workload=kv', diskMib: 16, cpuCapPercent: 50, ha: false },
      startOn: 'n2',
    })
    expect(run).toMatchObject({ code: 0, out: 'kv is running on n2' })
  })

  test('gives a VM the RAM and the way of booting that its image wants, unless told others', async () => {
    const double = await coordinatorWith(busyCluster())
    const home = temporaryHome()
    const kernel = join(home, 'a.elf')
    writeFileSync(kernel, 'abc')
    await godwit(`image add bare --kernel ${kernel} --entry machine --memory 48`, { home })
    await godwit('run kv --image bare', { double, home })
    await godwit('run kv --image bare --memory 64 --boot paravirtualised', { double, home })
    expect(double.asked.map(({ body }) => body)).toMatchObject([
      { spec: { image: 'bare', memoryMib: 48, boot: 'unmodified' } },
      { spec: { image: 'bare', memoryMib: 64, boot: 'paravirtualised' } },
    ])
  })

  test('pins a VM only when told to, and only to a node', async () => {
    const double = await coordinatorWith(busyCluster())
    await godwit('run kv --node n2 --pin', { double })
    expect(double.asked[0]?.body).toMatchObject({ id: 'kv', nodeId: 'n2' })
    const nowhere = await godwit('run kv --pin', { double })
    expect(nowhere).toMatchObject({ code: 2, notes: expect.stringContaining('--node') })
  })

  test('starts all VMs of a file', async () => {
    const double = await coordinatorWith(busyCluster())
    const file = join(temporaryHome(), 'vms.yaml')
    writeFileSync(file, 'vms:\n  - id: a\n    memory: 8MiB\n  - id: b\n    node: n1\n')
    const run = await godwit(['run', '-f', file], { double })
    expect(run.out).toBe('a is running on n2\nb is running on n2')
  })

  test('keeps the VMs of a file running as their policies say', () => {
    const text = 'id: a\npolicy: { restarts: 3, after: [db], checkpoint: 5s }\n'
    expect(readVms(text, 'f')).toMatchObject({
      requests: [{ id: 'a', policy: { restarts: 3, after: ['db'], checkpointMs: 5000 } }],
    })
    expect(readVms('id: a\nmemory: 1MiB\n', 'f')).toEqual({
      mistakes: ['f:2:9: memory: a VM has 4MiB to 3072MiB'],
    })
  })

  test.each([
    ['Kv', '`Kv`: use 1-63 of a-z, 0-9 and -'],
    ['kv --memory 1', '--memory: '],
    ['kv --cap 101', '--cap: '],
  ])('refuses `run %s` in the words of the command line', async (words, notes) => {
    const run = await godwit(`run ${words}`, { double: await coordinatorWith(busyCluster()) })
    expect(run.code).toBe(2)
    expect(run.notes).toContain(notes)
  })

  test('needs a name or a file, and only one of them', async () => {
    const double = await coordinatorWith(busyCluster())
    expect(await godwit('run', { double })).toMatchObject({ code: 2 })
    expect(await godwit('run a -f b.yaml', { double })).toMatchObject({ code: 2 })
    const missing = await godwit('run -f nowhere.yaml', { double })
    expect(missing).toMatchObject({ code: 2 })
    expect(missing.notes).toContain('nowhere.yaml')
  })
})

describe('a file of VMs', () => {
  test('may be one VM, a list, or the vms of a scenario, in YAML or JSON', () => {
    const ids = (text: string) => {
      const read = readVms(text, 'f')
      return 'requests' in read ? read.requests.map(({ id }) => id) : read.mistakes
    }
    expect(ids('id: a')).toEqual(['a'])
    expect(ids('- id: a\n- id: b')).toEqual(['a', 'b'])
    expect(ids('{"vms": [{"id": "a"}]}')).toEqual(['a'])
  })

  test('with mistakes is told line and column, and what was meant', () => {
    const text = '- id: a\n  memroy: 8MiB\n- id: b\n  memory: 8\n- id: c\n  start: later\n'
    expect(readVms(text, 'vms.yaml')).toEqual({
      mistakes: [
        'vms.yaml:2:3: unknown key `memroy`; did you mean `memory`?',
        'vms.yaml:4:11: memory: write a size with its unit: 16MiB or 1GiB',
        expect.stringMatching(/^vms.yaml:6:3: unknown key `start`; known: id, image/),
      ],
    })
  })
})

describe('one word to a VM', () => {
  test.each([
    ['pause shop', 'shop is paused by an operator'],
    ['resume proof', 'proof is running'],
    ['stop shop proof', 'shop is stopped\nproof is stopped'],
    ['start archive', 'archive is running'],
    ['rm archive', 'archive is removed'],
    ['rm -f archive shop', 'archive is removed\nshop is stopped\nshop is removed'],
    ['balloon shop 8', 'shop is asked to make do with 8 MiB'],
  ])('%s', async (line, out) => {
    const double = await coordinatorWith(busyCluster())
    expect(await godwit(line, { double })).toMatchObject({ code: 0, out })
  })

  test('one that still runs is not removed, and the way is told', async () => {
    const double = await coordinatorWith(busyCluster())
    const { code, notes } = await godwit('rm shop', { double })
    expect([code, notes]).toEqual([
      1,
      'shop is running; remove needs it stopped: godwit rm -f shop stops it first',
    ])
  })
})

test('a showcase ends by Ctrl-C with 130, and says how to be rid of what it has started', async () => {
  const double = await coordinatorWith(busyCluster())
  const terminal = new RememberingTerminal()
  const interrupts = new Interrupts()
  const run = godwit('showcase', { double, terminal, interrupts })
  await expect.poll(() => terminal.written).toContain('desk is started')
  interrupts.interrupt()
  const { code, notes } = await run
  expect(code).toBe(130)
  expect(notes).toBe('Its VMs stay; to end them: godwit rm --force shop press proof desk')
})
