// What is made in the documents is true: outputs say what the commands print now, pictures are
// there, say in words what they show, and are not long out of date; links lead somewhere. Made anew
// by `npm run readme`.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { blocksOf, withBlocks, wordsOfOutput } from '../../tools/readme/blocks.ts'
import { changesSince, pictureNames, schemes } from '../../tools/readme/pictures.ts'
import { madeBlocks } from '../../tools/readme/transcripts.ts'
import { repositoryRoot as root } from '../tidy/source-file.ts'

const names = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]
const documents = new Map(
  names
    .filter((name) => name.endsWith('.md'))
    .map((name) => [name, readFileSync(join(root, name), 'utf8')] as const),
)

describe('made blocks', () => {
  const before = 'a\n<!-- made: one -->\nold\n<!-- end -->\nb\n<!-- made: two -->\n<!-- end -->\n'

  test('are found by name, and written anew without touching the rest', () => {
    expect([...blocksOf(before)]).toEqual([
      ['one', 'old\n'],
      ['two', ''],
    ])
    expect(withBlocks(before, new Map([['one', 'new\n']]))).toBe(before.replace('old', 'new'))
  })

  test('are compared by their words: numbers may differ, nothing else', () => {
    const line = 'kv n1 → n2  done: 3 rounds, 21.1 MB, hash 8327ea1d01a80477'
    expect(wordsOfOutput('kv n1 → n2  done:  4 rounds, 1.1 GB, hash 476d0b06cf08daf0')).toBe(
      wordsOfOutput(line),
    )
    expect(wordsOfOutput(line.replace('done', 'failed'))).not.toBe(wordsOfOutput(line))
  })
})

describe('outputs', () => {
  const found = [...documents].flatMap(([name, text]) =>
    [...blocksOf(text)].map(([block, body]) => ({ name, block, body })),
  )
  test('README.md has some', () => {
    expect(found.map(({ name }) => name)).toContain('README.md')
  })
  test.each(found)('$block in $name', { timeout: 240_000 }, async ({ block, body }) => {
    const made = await madeBlocks([block])
    expect(wordsOfOutput(body)).toBe(wordsOfOutput(made.get(block) ?? ''))
  })
})

describe('pictures', () => {
  const shown = [...documents].flatMap(([name, text]) =>
    [...text.matchAll(/<img src="([^"]+)" alt="([^"]*)">/g)].map(([, src = '', alt = '']) => ({
      ...{ path: join(dirname(name), src), alt },
    })),
  )

  test('each is there in light and dark, is shown, and is told in words', () => {
    const wanted = pictureNames.map((name) => `docs/pictures/${name}-light.webp`)
    expect(shown.map(({ path }) => path).sort()).toEqual(wanted.sort())
    for (const { alt } of shown) expect(alt.length).toBeGreaterThan(40)
    const files = schemes.flatMap((scheme) =>
      shown.map(({ path }) => path.replace('-light', `-${scheme}`)),
    )
    expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([])
    const all = [...documents.values()].join('\n')
    const unnamed = files.filter((path) => !all.includes(path.replace(/^docs\//, '')))
    expect(unnamed).toEqual([])
  })

  // One file seldom changes what is seen; when most of what draws a picture is new, it is old.
  test.each(changesSince())('$name is not out of date', ({ name, files, changed }) => {
    const isOld = changed.length > files.length / 2
    const advice = `${changed.join(', ')} changed: make the pictures anew by npm run readme`
    expect(isOld ? `${name} is old: ${advice}` : '').toBe('')
  })
})

/** As forges make them of headings. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[`*]/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')

test('links into a document lead to one of its headings', () => {
  const anchors = new Map(
    [...documents].map(([name, text]) => {
      const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
      return [name, headings.map(anchorOf)] as const
    }),
  )
  const broken = [...documents].flatMap(([name, text]) =>
    [...text.matchAll(/\]\(([\w./-]*\.md)?#([^)]+)\)/g)]
      .map(([, path, anchor = '']) => [path ? join(dirname(name), path) : name, anchor] as const)
      .filter(([path, anchor]) => anchors.get(path)?.includes(anchor) === false)
      .map(([path, anchor]) => `${name}: ${path}#${anchor}`),
  )
  expect(broken).toEqual([])
})
