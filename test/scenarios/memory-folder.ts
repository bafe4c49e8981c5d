// A scenario's folder in memory, and a run of it in a fake world on virtual time.
// Not here: the world itself (fake-world.ts). Nothing touches a disk, a socket or a clock.

import { type Progress, type RunOptions, type RunResult, runScenario } from '#scenarios/run.ts'
import type { ScenarioFile, ScenarioFolder } from '#scenarios/scenario-folder.ts'
import { drive, type FakeWorld } from './fake-world.ts'

export class MemoryFolder implements ScenarioFolder {
  readonly name: string
  readonly files = new Map<ScenarioFile, string>()

  constructor(name: string, scenario: string) {
    this.name = name
    this.files.set('README.md', 'What, why, and what should happen.')
    this.files.set('scenario.yaml', `name: ${name}\nabout: A story.\n${scenario}`)
  }

  pathOf = (file: ScenarioFile): string => `${this.name}/${file}`
  read = async (file: ScenarioFile): Promise<string | undefined> => this.files.get(file)
  write = async (file: ScenarioFile, text: string): Promise<void> => {
    this.files.set(file, text)
  }
}

export interface Played {
  readonly result: RunResult
  readonly progress: readonly Progress[]
  readonly folder: MemoryFolder
}

/** Runs it once, writing expected.log, so that only the run itself can fail. */
export async function play(
  world: FakeWorld,
  scenario: string,
  options: Partial<RunOptions> = {},
  folder = new MemoryFolder('story', scenario),
): Promise<Played> {
  const progress: Progress[] = []
  const onProgress = (line: Progress) => void progress.push(line)
  const { clock } = world
  const run = runScenario(folder, { world, clock, update: true, onProgress, ...options })
  return { result: await drive(clock, run), progress, folder }
}

/** The outcome of a run that came to its end. */
export function ended({ result }: Played): RunResult & { kind: 'run' } {
  if (result.kind !== 'run') throw new Error(`it is ${JSON.stringify(result)}`)
  return result
}
