// Starts and ends real agent processes for tests and benchmarks: one function, one handle.
// Every process that was started is ended by its pid. Not here: what a test tells them
// (coordinator-double.ts).

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './coordinator-double.ts'

const main = new URL('../../node-agent/main.ts', import.meta.url).pathname

export interface AgentProcess {
  readonly child: ChildProcess
  /** Its ready line and whatever else it printed. */
  output(): string
  metricsUrl(): string
  /** SIGTERM, and its exit code. */
  end(): Promise<number | null>
  /** SIGKILL. */
  kill(): Promise<void>
}

export async function startAgent(
  node: string,
  coordinator: string,
  disks: string,
  more: readonly string[] = [],
): Promise<AgentProcess> {
  const flags = ['--node', node, '--coordinator', coordinator, '--disks', disks]
  const child = spawn(
    process.execPath,
    [main, ...flags, '--metrics-port', '0', '--log-level', 'warn', ...more],
    { env: { ...process.env, GODWIT_TOKEN: 'secret' }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  const exited = once(child, 'exit')
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  await eventually(`agent ${node}: ${output}`, () => {
    if (isOver()) throw new Error(`agent ${node} ended: ${output}`)
    return output.includes('listening on')
  })
  const stop = async (signal: NodeJS.Signals) => {
    if (!isOver()) child.kill(signal)
    await exited
  }
  return {
    child,
    output: () => output,
    metricsUrl: () => /metrics on (\S+)/.exec(output)?.[1] ?? '',
    end: async () => {
      await stop('SIGTERM')
      return child.exitCode
    },
    kill: () => stop('SIGKILL'),
  }
}
