// npm run readme: writes what is made in the documents: the outputs of commands, played in the
// simulated world, and the pictures, of a cluster on this machine in Chromium. `--no-pictures`
// leaves those; `--check` writes nothing, and says what is old. Exit codes: 0, 1 something is old.

import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { blocksOf, withBlocks } from './readme/blocks.ts'
import { changesSince, makePictures, root } from './readme/pictures.ts'
import { madeBlocks } from './readme/transcripts.ts'

const documents = ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()]
const chromiumPath = [process.env.CHROME, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
)

const { values } = parseArgs({
  options: { check: { type: 'boolean' }, pictures: { type: 'boolean', default: true } },
  allowNegative: true,
})

const old: string[] = values.check
  ? changesSince().flatMap(({ name, changed }) =>
      changed.map((path) => `picture ${name}: ${path} has changed since it was made`),
    )
  : []
for (const name of documents) {
  const file = join(root, name)
  const text = readFileSync(file, 'utf8')
  const made = await madeBlocks(blocksOf(text).keys())
  const now = withBlocks(text, made)
  if (now === text) continue
  if (values.check) old.push(`${name}: an output has changed`)
  else writeFileSync(file, now)
}
if (!values.check && values.pictures) {
  if (!chromiumPath) throw new Error('pictures need Chromium: set CHROME, or say --no-pictures')
  await makePictures(chromiumPath)
}
for (const line of old) console.log(line)
if (old.length > 0) {
  console.log('Make them anew: npm run readme')
  process.exitCode = 1
}
