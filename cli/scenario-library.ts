// The library of scenarios that comes along, by name: what there is, and which folder somebody
// means who names a scenario. Not here: what is in a folder (scenarios/run.ts), the commands
// (commands/scenario.ts).

import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nearestName } from '#scenarios/language/nearest-name.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import { readFolder } from '#scenarios/run.ts'
import { CommandError, exitCode } from './exit-code.ts'

const library = fileURLToPath(new URL('../scenarios/library', import.meta.url))

export const libraryNames = (): string[] => readdirSync(library).sort()
export const libraryFolder = (name: string): string => join(library, name)

export interface LibraryScenario {
  readonly name: string
  readonly about: string
}

export async function libraryScenarios(): Promise<LibraryScenario[]> {
  const read = libraryNames().map(async (name) => {
    const folder = await readFolder(openScenarioFolder(libraryFolder(name)))
    return { name, about: 'scenario' in folder ? folder.scenario.about : '' }
  })
  return Promise.all(read)
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile()
const isScenario = (path: string): boolean => existsSync(join(path, 'scenario.yaml'))

/**
 * The folder of the scenario that is meant: a path as it is, or the folder of a scenario.yaml; a
 * bare name of the library; a folder of that name here comes first.
 */
export function scenarioFolderOf(named: string): string {
  if (basename(named) === 'scenario.yaml' && isFile(named)) return dirname(resolve(named))
  const isPath = /[\\/]/.test(named) || named === '.' || named === '..'
  if (isPath || isScenario(named)) return named
  if (libraryNames().includes(named)) return libraryFolder(named)
  if (existsSync(named)) return named
  throw new CommandError(exitCode.usage, noScenario(named))
}

/** What `scenarioFolderOf` finds that folder by, from here. */
export function scenarioNamedHere(path: string): string {
  const name = basename(path)
  if (resolve(path) === libraryFolder(name) && !isScenario(name)) return name
  return relative(process.cwd(), path) || '.'
}

function noScenario(named: string): string {
  const near = nearestName(named, libraryNames())
  const meant = near ? `; did you mean \`${near}\`?` : '.'
  return (
    `There is no scenario \`${named}\`, neither as a folder here nor in the library${meant}` +
    ' godwit scenario list shows the library'
  )
}
