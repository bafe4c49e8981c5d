// How a command ends: the exit codes, which scripts rely on, and the error that carries one.
// docs/cli.md and every --help print this table. Not here: what goes wrong in the cluster
// (proto/faults.ts).

export const exitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  noCluster: 3,
  unmet: 4,
  interrupted: 130,
} as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

export const exitCodeSentences: Readonly<Record<ExitCode, string>> = {
  [exitCode.ok]: 'done',
  [exitCode.failed]: 'refused or failed; the message says what to do',
  [exitCode.usage]: 'the command line makes no sense',
  [exitCode.noCluster]: 'no cluster runs, or it does not answer',
  [exitCode.unmet]: 'the scenario ran, and an expectation was not met',
  [exitCode.interrupted]: 'Ctrl-C',
}

/** Ends the command; the message is for a person and says what to do. */
export class CommandError extends Error {
  readonly code: ExitCode
  constructor(code: ExitCode, message: string) {
    super(message)
    this.name = 'CommandError'
    this.code = code
  }
}
