// The library, before it is run: every folder is whole, every scenario is free of mistakes, every
// expected.log is of the scenario beside it, and docs/scenarios.md knows all that the language can
// say.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readScenario } from '#scenarios/language/scenario.ts'
import { expectationSentence, stepSentence } from '#scenarios/language/sentences.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import { readFolder } from '#scenarios/run.ts'
import { type JsonSchema, scenarioJsonSchema } from '#scenarios/schema.ts'

const library = fileURLToPath(new URL('../../scenarios/library', import.meta.url))
const names = readdirSync(library)

describe.each(names)('%s', (name) => {
  const folder = openScenarioFolder(`${library}/${name}`)

  test('has no mistake', async () => {
    expect(await readFolder(folder)).not.toHaveProperty('mistakes')
  })

  test('says what, why, and what should happen', async () => {
    const readme = (await folder.read('README.md')) ?? ''
    expect(readme).toMatch(new RegExp(`^# ${name}\n`))
    for (const part of ['**What.**', '**Why.**', '**What should happen.**'])
      expect(readme).toContain(part)
  })

  test('has an expected.log of its own steps and expectations, all met', async () => {
    const read = await readFolder(folder)
    if ('mistakes' in read) throw new Error('it has mistakes')
    const { about, timeline, expectations } = read.scenario
    const log = ((await folder.read('expected.log')) ?? '').split('\n')
    expect(log[0]).toBe(`${name}: ${about}`)
    const steps = timeline.map((step, i) => `  ${i + 1}. ${stepSentence(step)}: done`)
    const held = expectations.map((item) => `  ${expectationSentence(item)}: held`)
    expect(log.filter((line) => /^ {2}\d+\. /.test(line))).toEqual(steps)
    expect(log).toEqual(expect.arrayContaining(held))
    const judged = log.slice(0, log.indexOf('at the end:'))
    const isBad = (line: string) => /: (broken|not-judged|failed|not-reached)/.test(line)
    expect(judged.filter(isBad)).toEqual([])
  })
})

describe('docs/scenarios.md', () => {
  const page = readFileSync(new URL('../../docs/scenarios.md', import.meta.url), 'utf8')
  const { properties } = scenarioJsonSchema()
  const rowOf = (word: string) => page.split('\n').find((line) => line.startsWith(`| \`${word}\``))
  const keysOf = (option: JsonSchema) => Object.keys(option.properties ?? {})
  const triggers = ['at', 'after', 'when', 'label', 'within', 'hold', 'as', 'refused']

  /** What its examples leave out. */
  const stage = {
    name: 'stage',
    about: 'What is said where an example says nothing.',
    cluster: { nodes: [{ id: 'a' }] },
    vms: [{ id: 'desk', args: 'workload=desktop', screen: '320x240' }, { id: 'hall' }],
    persons: [{ id: 'anna', role: 'operator' }],
    timeline: [{ do: 'wait', for: '1s' }],
    expectations: [{ expect: 'single-copy' }],
  }
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, block], n) => ({ n, block }))

  test.each(examples)('has no mistake in its example $n', ({ block = '' }) => {
    const whole = JSON.stringify({ ...stage, ...parse(block) })
    expect(readScenario(whole, 'example')).not.toHaveProperty('mistakes')
  })

  test.each([
    ['timeline', 'do'],
    ['expectations', 'expect'],
  ])('knows every key of every item of %s', (list, kind) => {
    for (const option of properties?.[list]?.items?.oneOf ?? []) {
      const word = String(option.properties?.[kind]?.const)
      const row = rowOf(word) ?? page.split('\n').find((line) => line.includes(`\`${word}\``)) ?? ''
      const keys = keysOf(option).filter((key) => key !== kind && !triggers.includes(key))
      expect([word, ...keys].filter((key) => !row.includes(`\`${key}\``))).toEqual([])
    }
  })

  test('knows every key of what stands there before', () => {
    const lists = ['vms', 'groups', 'rules', 'persons', 'clients', 'typists']
    const parts = [properties?.cluster, ...lists.map((list) => properties?.[list]?.items)]
    const keys = parts.flatMap((part) => keysOf(part ?? {}))
    expect(keys.filter((key) => !page.includes(`\`${key}`))).toEqual([])
  })

  test('knows who may ask for a step', () => {
    const steps = properties?.timeline?.items?.oneOf ?? []
    const asked = steps.filter(({ properties: keys }) => keys?.as && keys.refused)
    const words = asked.map(({ properties: keys }) => `\`${keys?.do?.const}\``)
    const [, sentence = ''] = /^Who asks\.(.*?)\n\n/ms.exec(page) ?? []
    expect(words.filter((word) => !sentence.includes(word))).toEqual([])
    expect(sentence).toMatch(/`as`.*`refused`/s)
  })

  test('has an example without a mistake', async () => {
    const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(page) ?? []
    const texts = { 'README.md': '', 'scenario.yaml': yaml, 'expected.log': '' }
    const folder = {
      name: 'short-flight',
      pathOf: (file: string) => file,
      read: async (file: keyof typeof texts) => texts[file],
      write: async () => {},
    }
    expect(await readFolder(folder)).not.toHaveProperty('mistakes')
  })
})
