// Programs in one piece. What a program imports is bundled by tools/build.mjs into .cache/programs,
// since a Node that reads 600 files takes twice as long to start as one that reads one. The bundle
// counts only while each source that it was made from is older than it, and stands where it stood
// then: whoever changes a line runs the sources, and so does whoever never built.
// Not here: what is bundled, and how (tools/programs.config.mjs).

import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const checkout = fileURLToPath(new URL('../../', import.meta.url))

/** What the bundler leaves beside its bundles, in origin.json. */
interface Origin {
  /** The folder of the checkout, with a slash at its end. */
  readonly root: string
  /** Program → all files that it may come to run, but for packages; relative to the root. */
  readonly sources: Readonly<Record<string, readonly string[]>>
}

/** The file to run for a program's source: its bundle, or the source itself. */
export function programFile(source: URL, root: string = checkout): URL {
  const folder = `${root}.cache/programs/`
  const name = fileURLToPath(source).slice(root.length).replace(/\.ts$/, '')
  return isCurrent(name, folder, root) ? pathToFileURL(`${folder}${name}.js`) : source
}

function isCurrent(name: string, folder: string, root: string): boolean {
  try {
    const madeMs = statSync(folder).mtimeMs
    const origin: Origin = JSON.parse(readFileSync(`${folder}origin.json`, 'utf8'))
    const isOlder = (path: string) => statSync(root + path).mtimeMs <= madeMs
    return origin.root === root && origin.sources[name]?.every(isOlder) === true
  } catch {
    return false // none was made, or a source of it is gone
  }
}
