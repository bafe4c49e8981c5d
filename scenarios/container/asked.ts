// A small HTTP server for whoever shows the token: JSON in, JSON out, refusals as faults with their
// status. Not here: what is asked (keeper.ts, laboratory.ts).

import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { FaultError, fault, faultOf, faultStatus } from '#proto/faults.ts'
import { jsonOf } from '#proto/json.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly body: unknown
  /** Where it comes from; an IPv4 address without its IPv6 form. */
  readonly address: string
}

const bytesMax = 1 << 20

export async function serveAsked(
  port: number,
  token: string,
  answer: (asked: Asked) => Promise<unknown>,
): Promise<Server> {
  const server = createServer(async (request, response) => {
    const reply = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    try {
      if (request.url === '/healthz') return void reply(200, {})
      if (!isSame(request.headers.authorization, `Bearer ${token}`))
        throw new FaultError(fault('bad-token', 'Show the token of the cluster.'))
      reply(200, (await answer(await askedOf(request))) ?? {})
    } catch (thrown) {
      const refusal = faultOf(thrown)
      reply(faultStatus[refusal.code], refusal)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, resolve)
  })
  return server
}

async function askedOf(request: IncomingMessage): Promise<Asked> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > bytesMax) throw new FaultError(fault('bad-request', 'Too long.'))
  }
  const { method = '', url = '/', socket } = request
  const address = plainAddress(socket.remoteAddress)
  return { method, path: url, body: jsonOf(text), address }
}

export const plainAddress = (address: string | undefined): string =>
  (address ?? '').replace(/^::ffff:/, '')

function isSame(said: string | undefined, wanted: string): boolean {
  const [one, other] = [Buffer.from(said ?? ''), Buffer.from(wanted)]
  return one.length === other.length && timingSafeEqual(one, other)
}
