// Fence devices on real processes: what they say is gone is gone, and they never end a stranger.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { fenceDevice } from '#coordinator/shell/fence-devices.ts'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A process that looks like the agent of a node. */
async function agentLike(node: string): Promise<ChildProcess & { pid: number }> {
  const wait = 'process.stdout.write("up"); setInterval(() => {}, 1000)'
  const child = spawn(process.execPath, ['-e', wait, '--', '--node', node])
  children.push(child)
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  return child as ChildProcess & { pid: number }
}

test('the process that was seen is ended, and only then said to be gone', async () => {
  const device = fenceDevice('process')
  const child = await agentLike('n1')
  const exit = once(child, 'exit')
  await device.see?.({ nodeId: 'n1', pid: child.pid })
  expect(await device.end({ nodeId: 'n1', pid: child.pid })).toBeUndefined()
  expect(await exit).toEqual([null, 'SIGKILL'])
})

test('one that has ended by itself is gone', async () => {
  const device = fenceDevice('process')
  const child = await agentLike('n1')
  await device.see?.({ nodeId: 'n1', pid: child.pid })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await device.end({ nodeId: 'n1', pid: child.pid })).toBeUndefined()
})

test('what was never seen here may be another machine’s: nothing is said of it, nothing is ended', async () => {
  const device = fenceDevice('process')
  const { pid } = await agentLike('n1')
  await device.see?.({ nodeId: 'n2', pid })
  const refused = await device.end({ nodeId: 'n2', pid })
  expect(refused?.message).toContain('never seen on this machine')
  expect(process.kill(pid, 0)).toBe(true)
})

test('a command has its way, and its exit code is its word', async () => {
  const node = { nodeId: 'n1', pid: 1 }
  expect(await fenceDevice('true').end(node)).toBeUndefined()
  expect((await fenceDevice('false').end(node))?.message).toBe('false n1 exited with 1')
  expect((await fenceDevice('/no/such/device').end(node))?.message).toContain('ENOENT')
  expect(await fenceDevice('test n1 =').end(node)).toBeUndefined()
})
