// Fence devices: they end a node and say when that is sure. `process` kills the agent's process on
// this very machine: only one that it has seen here alive, for a number may be another machine's or
// another container's, and not one that was given to somebody else since. Any other device is a
// command that is given the node's name (docker kill, ipmitool, a power strip) and that exits with
// 0 when, and only when, the node is surely off.

import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, fault } from '#proto/faults.ts'
import type { FenceDevice, FencedNode } from '../coordinator.ts'

const goneMsMax = 2000
const lookMs = 5
const commandMsMax = 10_000

/** `process`, or a command line. */
export const fenceDevice = (name: string): FenceDevice =>
  name === 'process' ? new ProcessFence() : { end: (node) => fenceByCommand(name, node) }

class ProcessFence implements FenceDevice {
  readonly #seen = new Set<string>()

  async see({ nodeId, pid }: FencedNode): Promise<void> {
    if ((await lookAt(pid, nodeId)) === 'agent') this.#seen.add(`${nodeId}/${pid}`)
  }

  async end({ nodeId, pid }: FencedNode): Promise<Fault | undefined> {
    if (!this.#seen.has(`${nodeId}/${pid}`))
      return failed(`process ${pid} of ${nodeId} was never seen on this machine`)
    if ((await lookAt(pid, nodeId)) === 'agent') process.kill(pid, 'SIGKILL')
    for (let waitedMs = 0; waitedMs < goneMsMax; waitedMs += lookMs) {
      if ((await lookAt(pid, nodeId)) === 'gone') return undefined
      await sleep(lookMs)
    }
    return failed(`process ${pid} of ${nodeId} does not end, or cannot be looked at`)
  }
}

/** What that number is: the agent of this node, surely not it, or something that we cannot see. */
async function lookAt(pid: number, nodeId: string): Promise<'agent' | 'gone' | 'unknown'> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8')
  const words = await read('cmdline').then(
    (text) => text.split('\0'),
    () => undefined,
  )
  if (words === undefined) return isNobody(pid) ? 'gone' : 'unknown'
  const at = words.indexOf('--node')
  if (at >= 0 && words[at + 1] === nodeId) return 'agent'
  if (words.some((word) => word !== '')) return 'gone'
  // A process that has ended and was not waited for yet has no command line any more.
  const state = /\) (\w)/.exec(await read('stat').catch(() => ''))?.[1]
  return state === 'Z' || isNobody(pid) ? 'gone' : 'unknown'
}

function isNobody(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function fenceByCommand(line: string, { nodeId, pid }: FencedNode): Promise<Fault | undefined> {
  const [command = '', ...args] = line.split(/\s+/)
  const env = { ...process.env, GODWIT_NODE: nodeId, GODWIT_PID: String(pid) }
  const child = spawn(command, [...args, nodeId], {
    ...{ env, stdio: 'ignore', timeout: commandMsMax, killSignal: 'SIGKILL' },
  })
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(failed(`${command}: ${message}`)))
    child.once('exit', (code, signal) => {
      const how = code === null ? `was ended by ${signal}` : `exited with ${code}`
      resolve(code === 0 ? undefined : failed(`${command} ${nodeId} ${how}`))
    })
  })
}

const failed = (text: string): Fault => fault('internal', text)
