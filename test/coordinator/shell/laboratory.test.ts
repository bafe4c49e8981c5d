// Breaking nodes on purpose over the API: what a laboratory's launcher is asked, what its refusals
// become, and that every other cluster refuses.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { launcherAt } from '#coordinator/shell/launcher.ts'
import type { EventView } from '#proto/api.ts'
import type { LaboratoryView } from '#proto/laboratory.ts'
import { call, joined, laboratoryIs, problem, servesEachTest } from './serving.ts'

const standing: LaboratoryView = {
  nodes: [{ id: 'n1', process: 'running', cut: { coordinator: false, peers: false } }],
  links: [],
}
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A launcher that remembers what it was asked, and answers as it is told. */
async function launcher(status = 200, answer: unknown = standing) {
  const asked: { method: string; token: string; body: unknown }[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { method = '', headers } = request
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    asked.push({ method, token: headers.authorization ?? '', body })
    response.writeHead(status).end(JSON.stringify(answer))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { asked, port: launcherAt(`http://127.0.0.1:${port}/`, 'a secret') }
}

servesEachTest()

describe('a cluster that is no laboratory', () => {
  test('refuses to break a node, and to say what is broken', async () => {
    await joined('n1')
    for (const answer of [
      await call('GET', '/v1/laboratory'),
      await call('GET', '/v1/laboratory/copies'),
      await call('POST', '/v1/nodes/n1/break', { do: 'kill' }),
    ]) {
      expect(answer.status).toBe(409)
      expect(problem(answer).fault.message).toContain('no laboratory')
    }
  })
})

describe('a laboratory', () => {
  test('hands a wish to its launcher, with the token, and tells what is broken then', async () => {
    const { asked, port } = await launcher()
    await laboratoryIs(port)
    await joined('n1')
    expect(await call('GET', '/v1/laboratory')).toEqual({ status: 200, body: standing })
    expect(await call('POST', '/v1/nodes/n1/break', { do: 'hang', forMs: 500 })).toEqual({
      status: 202,
      body: standing,
    })
    expect(asked).toEqual([
      { method: 'GET', token: 'Bearer a secret', body: undefined },
      { method: 'POST', token: 'Bearer a secret', body: { do: 'hang', forMs: 500, id: 'n1' } },
    ])
  })

  test('has it in its story: what was done, to whom', async () => {
    const { port } = await launcher()
    await laboratoryIs(port)
    await joined('n1')
    await call('POST', '/v1/nodes/n1/break', { do: 'cut', coordinator: true, peers: false })
    const { body } = await call('GET', '/v1/events')
    const told = (body as EventView[]).filter(({ kind }) => kind === 'node-broken')
    const text = 'n1 is cut from the coordinator on purpose'
    expect(told).toMatchObject([{ text, nodeId: 'n1' }])
  })

  test('passes on what agents say that they hold', async () => {
    const copies = [{ nodeId: 'n1', copies: [{ vmId: 'a', epoch: 3, state: 'running' }] }]
    const { port } = await launcher(200, copies)
    await laboratoryIs(port)
    expect(await call('GET', '/v1/laboratory/copies')).toEqual({ status: 200, body: copies })
  })

  test('asks nothing about a node that is not there, or for something that is no wish', async () => {
    const { asked, port } = await launcher()
    await laboratoryIs(port)
    await joined('n1')
    expect((await call('POST', '/v1/nodes/n9/break', { do: 'kill' })).status).toBe(404)
    expect((await call('POST', '/v1/nodes/n1/break', { do: 'melt' })).status).toBe(400)
    expect((await call('POST', '/v1/nodes/n1/break', { do: 'kill', id: 'n2' })).status).toBe(400)
    expect(asked).toEqual([])
  })

  test('passes on what its launcher refuses, and says when there is none any more', async () => {
    const no = { code: 'wrong-state', message: 'Node n1 runs already; kill it first.' }
    const { port } = await launcher(409, no)
    await laboratoryIs(port)
    await joined('n1')
    const refused = await call('POST', '/v1/nodes/n1/break', { do: 'revive' })
    expect(problem(refused).fault).toEqual(no)
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    const away = await call('POST', '/v1/nodes/n1/break', { do: 'kill' })
    expect(away.status).toBe(503)
    expect(problem(away).fault.message).toContain('does `godwit up` still run?')
  })
})
