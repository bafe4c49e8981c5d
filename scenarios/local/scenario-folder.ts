// A scenario's folder on this machine's disk (the port is scenarios/scenario-folder.ts).
// Not here: what is in the three files (scenarios/run.ts).

import { readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { ScenarioFolder } from '../scenario-folder.ts'

/** `path` as a person wrote it; messages name files in the same way. */
export function openScenarioFolder(path: string): ScenarioFolder {
  return {
    name: basename(resolve(path)),
    pathOf: (file) => join(path, file),
    read: async (file) => {
      try {
        return await readFile(join(path, file), 'utf8')
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw cause
      }
    },
    write: (file, text) => writeFile(join(path, file), text),
  }
}
