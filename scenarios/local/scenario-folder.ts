// A scenario's folder on this machine's file system: the real one behind ScenarioFolder
// (scenarios/scenario-folder.ts). Not here: what is in the files.

import { readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { ScenarioFile, ScenarioFolder } from '../scenario-folder.ts'

export function openScenarioFolder(path: string): ScenarioFolder {
  return {
    name: basename(resolve(path)),
    pathOf: (file) => join(path, file),
    read: (file) => readIfThere(join(path, file)),
    write: (file: ScenarioFile, text) => writeFile(join(path, file), text),
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
}
