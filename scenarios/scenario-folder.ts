// A scenario's folder, as the runner sees it: its texts by name. The port only, because
// this room touches no file system; local/scenario-folder.ts has the real one, tests have theirs in
// memory.

export interface ScenarioFolder {
  /** The folder's own name, which the scenario must bear too. */
  readonly name: string
  /** For messages: where the file is, as a person would open it. */
  pathOf(file: ScenarioFile): string
  /** Undefined when there is no such file. */
  read(file: ScenarioFile): Promise<string | undefined>
  write(file: ScenarioFile, text: string): Promise<void>
}

export type ScenarioFile = 'README.md' | 'scenario.yaml' | 'expected.log' | `${string}.csv`
