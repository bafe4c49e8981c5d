// godwit scenario check and schema: what can be known of a scenario without running it.
// Running is tried with the library itself (test/scenarios/).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { godwit, temporaryHome } from './rehearsal.ts'

const tour = fileURLToPath(new URL('../../scenarios/library/tour', import.meta.url))

describe('scenario check', () => {
  test('says what a sound scenario shows', async () => {
    const { code, out } = await godwit(['scenario', 'check', tour])
    expect(code).toBe(0)
    expect(out).toMatch(/tour: \S/)
  })

  test('points at mistakes, and ends with 2', async () => {
    const folder = join(temporaryHome(), 'lame')
    mkdirSync(folder)
    writeFileSync(join(folder, 'README.md'), '# lame\n')
    writeFileSync(join(folder, 'scenario.yaml'), 'name: lame\nabout: x\nclutser: {}\n')
    const { code, notes } = await godwit(['scenario', 'check', folder])
    expect(code).toBe(2)
    expect(notes).toContain(
      'lame/scenario.yaml:3:1: unknown key `clutser`; did you mean `cluster`?',
    )
  })

  test('of a folder that is none says so', async () => {
    const { code, notes } = await godwit('scenario check /nowhere/at/all')
    expect(code).toBe(2)
    expect(notes).toContain('there is no such file')
  })
})

test('scenario run of a scenario with mistakes starts nothing, and ends with 2', async () => {
  const { code, notes } = await godwit('scenario run /nowhere/at/all')
  expect(code).toBe(2)
  expect(notes).toContain('/nowhere/at/all/scenario.yaml:1:1')
})

test('scenario new begins one that runs, explain tells it, and nothing is overwritten', async () => {
  const folder = join(temporaryHome(), 'my-outage')
  expect((await godwit(['scenario', 'new', folder])).code).toBe(0)
  const run = await godwit(['scenario', 'run', folder, '--world', 'sim', '--update'])
  expect(run.notes).toContain('expected.log is written.')
  expect(run.code).toBe(0)
  expect((await godwit(['scenario', 'run', folder, '--world', 'sim'])).code).toBe(0)
  const { out } = await godwit(['scenario', 'explain', folder])
  expect(out).toContain('2. kill node a (SIGKILL)')
  expect(out).toContain('no acknowledged write of shop is lost')
  const again = await godwit(['scenario', 'new', folder])
  expect(again.code).toBe(2)
  expect(again.notes).toContain('is there already')
})

describe('the line that runs it again', () => {
  const lineOf = async (...args: string[]) => {
    const reports = join(temporaryHome(), 'reports')
    await godwit(['scenario', 'run', ...args, '--world', 'sim', '--reports', reports])
    const [page = ''] = readdirSync(reports).filter((file) => file.endsWith('.html'))
    return /<code>(.*)<\/code>/.exec(readFileSync(join(reports, page), 'utf8'))?.[1]
  }

  test('has the seed that was asked for, and the name that the library has', async () => {
    expect(await lineOf('short-hiccup', '--seed', '7')).toBe(
      'godwit scenario run short-hiccup --world sim --seed 7',
    )
    expect(await lineOf('short-hiccup')).toBe('godwit scenario run short-hiccup --world sim')
  })

  test('is one that a shell understands, and runs it once', async () => {
    const folder = join(temporaryHome(), 'my tests', 'often')
    await godwit(['scenario', 'new', folder])
    const file = join(folder, 'scenario.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace('cluster:', 'repetitions: 3\ncluster:'))
    expect(await lineOf(folder, '--repeat', '1')).toBe(
      `godwit scenario run '${relative(process.cwd(), folder)}' --world sim --repeat 1`,
    )
  })
})

test('of several scenarios none runs when one has mistakes, or is counted', async () => {
  const folder = join(temporaryHome(), 'lame')
  await godwit(['scenario', 'new', folder])
  writeFileSync(join(folder, 'scenario.yaml'), 'name: lame\nabout: x\n')
  const { code, out, notes } = await godwit([
    ...['scenario', 'run', 'short-hiccup', folder, '--world', 'sim'],
  ])
  expect([code, out]).toEqual([2, ''])
  expect(notes).toContain('`cluster` is missing')
})

test('a run that is not as its expected.log says has failed in its page and in JUnit XML', async () => {
  const reports = join(temporaryHome(), 'reports')
  const folder = join(temporaryHome(), 'mine')
  await godwit(['scenario', 'new', folder])
  const { code, out } = await godwit([
    ...['scenario', 'run', folder, '--world', 'sim', '--reports', reports],
  ])
  expect(code).toBe(4)
  expect(out).toContain('failed: 6 of 7 expectations held')
  expect(readFileSync(join(reports, 'mine.html'), 'utf8')).toContain('✗ failed: 6 of 7')
  expect(readFileSync(join(reports, 'junit.xml'), 'utf8')).toContain('failures="1"')
})

test('the data say which Godwit ran it where, and how again; report compare tells it', async () => {
  const reports = join(temporaryHome(), 'reports')
  const run = 'scenario run short-hiccup --world sim --seed 3 -o json'.split(' ')
  const { out } = await godwit([...run, '--reports', reports])
  const file = join(reports, 'short-hiccup.json')
  const how = { version: expect.stringMatching(/^\d/), world: 'sim' }
  for (const text of [out, readFileSync(file, 'utf8')])
    expect(JSON.parse(text)).toMatchObject({
      ...{ ...how, replay: 'godwit scenario run short-hiccup --world sim --seed 3' },
    })
  const compared = await godwit(['report', 'compare', file, file])
  expect(compared.out).toMatch(/before short-hiccup, seed 3, world sim, Godwit \d.*: passed/)
})

test('demo lists the library, plays one by name, and knows what was meant', async () => {
  const { out } = await godwit('demo')
  expect(out.split('\n').length).toBeGreaterThan(40)
  expect(out).toContain('The first flight.')
  expect((await godwit('demo short-hiccup --world sim')).out).toContain('passed:')
  const wrong = await godwit('demo toru')
  expect([wrong.code, wrong.notes]).toEqual([2, 'There is no demo `toru`; did you mean `tour`?'])
})

describe('a scenario by name', () => {
  test('is found in the library: run, check, explain', async () => {
    expect((await godwit('scenario run short-hiccup --world sim')).out).toContain('passed:')
    expect((await godwit('scenario check tour')).out).toMatch(/scenarios\/library\/tour: \S/)
    expect((await godwit('scenario explain home-again')).out).toContain('home-again')
  })

  test('that is none names the nearest, and how to see them all', async () => {
    const { code, notes } = await godwit('scenario run falover --world sim')
    expect(code).toBe(2)
    expect(notes).toContain('neither as a folder here nor in the library; did you mean `failover`?')
    expect(notes).toContain('godwit scenario list')
  })

  test('before anything runs: the second name is looked at first', async () => {
    const { code, out } = await godwit('scenario run short-hiccup nowhere-at-all --world sim')
    expect([code, out]).toEqual([2, ''])
  })

  test('is listed, for people and as data', async () => {
    const { out } = await godwit('scenario list')
    expect(out).toMatch(/^failover +\S/m)
    const listed = JSON.parse((await godwit('scenario list -o json')).out)
    expect(listed).toContainEqual({ name: 'tour', about: expect.stringContaining('first flight') })
  })

  test('is completed', async () => {
    const words = async (line: string) => {
      const written: string[] = []
      const log = vi.spyOn(console, 'log').mockImplementation((text) => void written.push(text))
      await godwit(['complete', '--', ...line.split(' ')]).finally(() => log.mockRestore())
      return written.map((text) => text.split('\t')[0])
    }
    expect(await words('scenario run fail')).toEqual(
      expect.arrayContaining(['failover', 'failover-storm']),
    )
    expect(await words('demo tou')).toContain('tour')
    expect(await words('scenario explain ')).toContain('tour')
  })
})

test('scenario run without a folder says what to name', async () => {
  const { code, notes } = await godwit('scenario run')
  expect(code).toBe(2)
  expect(notes).toContain('--all')
})

test('scenario schema is JSON Schema', async () => {
  const { out } = await godwit('scenario schema')
  expect(JSON.parse(out)).toMatchObject({ title: 'Godwit scenario', type: 'object' })
})

test('whoever names the file of a scenario means its folder', async () => {
  const folder = join(temporaryHome(), 'story')
  await godwit(['scenario', 'new', folder])
  const checked = await godwit(['scenario', 'check', join(folder, 'scenario.yaml')])
  expect(checked).toMatchObject({ code: 0, notes: '' })
})
