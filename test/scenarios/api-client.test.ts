// The API client against a real HTTP server on loopback that says what the test tells it to.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { FaultError, fault } from '#proto/faults.ts'
import { HttpApiClient } from '#scenarios/api-client.ts'

interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly body: string
}

let server: Server | undefined
let sockets: WebSocketServer | undefined
afterEach(async () => {
  for (const socket of sockets?.clients ?? []) socket.terminate()
  sockets?.close()
  server?.closeAllConnections()
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
  server = undefined
})

async function serving(answer: (asked: Asked) => { status: number; body: unknown }) {
  const asked: Asked[] = []
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece) => {
      body += piece
    })
    request.on('end', () => {
      const one = { method: request.method, url: request.url, body }
      asked.push(one)
      const { status, body: text } = answer(one)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(typeof text === 'string' ? text : JSON.stringify(text))
    })
  })
  sockets = new WebSocketServer({ server })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as AddressInfo
  return { api: new HttpApiClient(`http://127.0.0.1:${port}/`), asked, sockets }
}

const faultOfCall = async (call: Promise<unknown>) => {
  const thrown = await call.catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(FaultError)
  return (thrown as FaultError).fault
}

describe('a request', () => {
  test('goes where the contract says', async () => {
    const { api, asked } = await serving(() => ({ status: 200, body: [] }))
    expect(await api.nodes()).toEqual([])
    expect(await api.events(7)).toEqual([])
    await api.remove('old')
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/nodes',
      'GET /v1/events?after=7',
      'DELETE /v1/vms/old',
    ])
  })

  test('that is refused throws the fault inside the problem document', async () => {
    const why = fault('wrong-state', 'The VM is paused; resume it first.')
    const problem = {
      type: 'about:blank',
      title: 'Wrong state',
      status: 409,
      detail: '',
      fault: why,
    }
    const { api, asked } = await serving(() => ({ status: 409, body: problem }))
    expect(await faultOfCall(api.migrate('store', { to: 'b' }))).toEqual(why)
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ to: 'b' })
  })

  test('whose answer is not in the contract is refused by name', async () => {
    const { api } = await serving(() => ({ status: 200, body: { surprise: 1 } }))
    expect((await faultOfCall(api.vm('store'))).code).toBe('bad-message')
    const broken = await serving(() => ({ status: 502, body: '<html>' }))
    expect((await faultOfCall(broken.api.nodes())).message).toMatch(/answered 502/)
  })

  test('to nobody is a lost link, for streams too', async () => {
    const { api } = await serving(() => ({ status: 200, body: [] }))
    server?.closeAllConnections()
    server?.close()
    expect((await faultOfCall(api.nodes())).code).toBe('link-lost')
    const handlers = { onView: () => {}, onClose: () => {} }
    expect((await faultOfCall(api.watch(handlers))).code).toBe('link-lost')
  })
})

describe('a console', () => {
  test('tells its header, its bytes and its end, and carries input', async () => {
    const { api, sockets } = await serving(() => ({ status: 404, body: {} }))
    const said = Promise.withResolvers<string>()
    sockets.on('connection', (socket, request) => {
      expect(request.url).toBe('/v1/vms/store/console?replay=1')
      socket.send(JSON.stringify({ vmId: 'store', epoch: 3, nodeId: 'a', offset: 10 }))
      socket.send(Buffer.from('hello'))
      socket.on('message', (data) => {
        said.resolve(String(data))
        socket.close(1000, 'enough')
      })
    })
    const seen: unknown[] = []
    const closed = Promise.withResolvers<string>()
    const session = await api.console(
      'store',
      { replay: true },
      {
        onHeader: ({ epoch }) => seen.push(epoch),
        onOutput: (bytes) => seen.push(new TextDecoder().decode(bytes)),
        onClose: closed.resolve,
      },
    )
    session.send(new TextEncoder().encode('ping\n'))
    expect(await said.promise).toBe('ping\n')
    expect(await closed.promise).toBe('enough')
    expect(seen).toEqual([3, 'hello'])
  })

  test('that says what is in no contract is closed, and nothing else breaks', async () => {
    const { api, sockets } = await serving(() => ({ status: 404, body: {} }))
    sockets.on('connection', (socket) => socket.send('{"not": "a view"}'))
    const closed = Promise.withResolvers<string>()
    await api.watch({ onView: () => {}, onClose: closed.resolve })
    expect(await closed.promise).toMatch(/not what this version expects/)
  })
})
