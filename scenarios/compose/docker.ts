// The `docker` command, asked from here: one process a question, its answer as text, its refusal as
// a fault that names the mend. The command and not the daemon's socket, so that whatever it is
// configured for (contexts, DOCKER_HOST, Docker Desktop, rootless) works here too. Commands are in
// sessions of their own: Ctrl-C reaches whoever asked, who cleans up in order.
// Not here: what is asked (container-plan.ts, compose-world.ts). Units: ms.

import { type ChildProcess, spawn } from 'node:child_process'
import { FaultError, fault } from '#proto/faults.ts'

export interface DockerOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly msMax?: number
  readonly signal?: AbortSignal
  /** Each line of its stderr, as it comes. */
  readonly onLine?: (line: string) => void
}

/** A busy daemon takes seconds; a minute is a daemon that hangs. */
const msMaxDefault = 60_000
/** Of what it said last, for the message. */
const tailCharsMax = 1500

export type Docker = (args: readonly string[], options?: DockerOptions) => Promise<string>

/** @returns what it printed; throws a fault when it is missing, refuses or is late */
export const docker: Docker = (args, options = {}) => {
  const { msMax = msMaxDefault, signal } = options
  const child = spawn('docker', args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    timeout: msMax,
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  })
  return answerOf(child, args, options)
}

function answerOf(
  child: ChildProcess,
  args: readonly string[],
  { onLine }: DockerOptions,
): Promise<string> {
  let out = ''
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-tailCharsMax)
    for (const line of text.split('\n')) if (line.trim()) onLine?.(line)
  })
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(refusal(args, cause.message, codeOf(cause))))
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out)
      else reject(refusal(args, said.trim() || `ended by ${signal ?? `exit code ${code}`}`))
    })
  })
}

const codeOf = (cause: Error): string | undefined => (cause as NodeJS.ErrnoException).code

/** The three things that are not there, each with what to do; all else in Docker's own words. */
function refusal(args: readonly string[], said: string, code?: string): FaultError {
  if (code === 'ENOENT')
    return new FaultError(
      fault(
        'wrong-state',
        'There is no `docker` command here: install Docker, or use another world.',
      ),
    )
  if (
    /cannot connect to the docker daemon|is the docker daemon running|ENOENT.*docker\.sock/i.test(
      said,
    )
  )
    return new FaultError(
      fault(
        'wrong-state',
        'Docker is installed, but its daemon does not run: start it, and ask again.',
      ),
    )
  if (/permission denied.*docker/i.test(said))
    return new FaultError(
      fault('not-allowed', 'This user may not use Docker: join the group `docker`, or use sudo.'),
    )
  return new FaultError(fault('internal', `docker ${args[0]}: ${said}`))
}

/** The version of the daemon; throws the fault that says why there is none. */
export const daemonVersion = async (ask: Docker = docker): Promise<string> =>
  (await ask(['version', '--format', '{{.Server.Version}}'], { msMax: 10_000 })).trim()

export const linesOf = (text: string): string[] =>
  text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
