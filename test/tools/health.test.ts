// The health check of a container, as Docker runs it: what it says of a port, and that it ends.

import { spawn } from 'node:child_process'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createPlainServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { repositoryRoot } from '../tidy/source-file.ts'

interface Listening {
  listen(port: number, host: string, then: () => void): unknown
  address(): unknown
  close(): unknown
}

async function portOf(server: Listening): Promise<string> {
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return String((server.address() as { port: number }).port)
}

const serving = (answer: RequestListener) => portOf(createServer(answer))

async function saidOf(port: string): Promise<number | null> {
  const check = spawn(process.execPath, ['tools/health.mjs', port], {
    ...{ cwd: repositoryRoot, stdio: 'ignore' },
    env: { PATH: process.env.PATH },
  })
  return new Promise((resolve) => check.on('exit', resolve))
}

test('a program that serves is well, and is asked where it says so', async () => {
  const asked: unknown[] = []
  const port = await serving(({ url, headers }, response) => {
    asked.push([url, headers.host])
    response.end('ok')
  })
  expect(await saidOf(port)).toBe(0)
  expect(asked).toEqual([['/healthz', `127.0.0.1:${port}`]])
})

test('one that says that it is not, or is not there, or says nothing, is not', async () => {
  const unwell = await serving((_, response) => response.writeHead(503).end())
  const gone = createServer()
  const nobody = await portOf(gone)
  await new Promise((resolve) => gone.close(resolve))
  const other = await portOf(createPlainServer((socket) => socket.end('HELLO\r\n')))
  const silent = await portOf(createPlainServer(() => undefined))
  expect(await Promise.all([unwell, nobody, other, silent].map(saidOf))).toEqual([1, 1, 1, 1])
})
