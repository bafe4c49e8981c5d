// What one of several coordinators serves while it does not lead: the way to the one that does.
// A browser is sent there (307); a program, an agent too, is told (503, a problem document, and the
// leader's address in the header `godwit-leader`). Nothing of the cluster is here.
// Not here: the leader's own server (server.ts), who leads (etcd/election.ts).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '#env/env.ts'
import { Callers, type Credentials } from '#env/real.ts'
import { leaderHeader } from '#proto/api.ts'
import { healthWords } from '#proto/coordinator-place.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { Candidate } from '../etcd/election.ts'
import { mayBeAsked } from './others.ts'
import { problemOf } from './problems.ts'
import { tlsServer } from './tls-server.ts'

export interface FollowerOptions {
  readonly host: string
  readonly port: number
  readonly credentials?: Credentials | undefined
  readonly log: Log
  /** Who leads now, as far as it is known. */
  leader(): Candidate | undefined
  /** Etcd does not answer: nobody can be elected. */
  isStuck(): boolean
  /** Whose pages may ask whether it leads. */
  others(): readonly Candidate[]
}

export interface Follower {
  readonly port: number
  close(): Promise<void>
}

/** So long a client waits before it asks again. */
const retryAfterSec = 1

export async function serveFollower(options: FollowerOptions): Promise<Follower> {
  const { host, port, credentials, log } = options
  const handler = (request: IncomingMessage, response: ServerResponse) =>
    answer(request, response, options)
  const server: Server = credentials ? tlsServer(credentials, log, handler) : createServer(handler)
  server.on('upgrade', (_request, socket: Duplex) => refuse(socket, options))
  server.on('clientError', (_error, socket) => socket.destroy())
  const callers = new Callers(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        callers.end()
      }),
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: FollowerOptions,
): void {
  const leader = options.leader()
  const path = request.url ?? '/'
  request.resume()
  const text = { '/healthz': healthWords.follower, '/metrics': metrics }[path]
  if (text !== undefined) {
    const asked = path === '/healthz' ? mayBeAsked(request.headers, options.others()) : {}
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', ...asked }).end(text)
    return
  }
  const isProgram = path.startsWith('/v1/') || path === '/agent' || path === '/openapi.json'
  if (leader && !isProgram && ['GET', 'HEAD'].includes(request.method ?? '')) {
    // The path alone: `//elsewhere/` must not become another host. One that is none is no bug.
    const { pathname, search } = URL.parse(path, 'http://follower') ?? { pathname: '/', search: '' }
    response.writeHead(307, { location: `${leader.address}${pathname}${search}` }).end()
    return
  }
  const problem = problemOf(whereToGo(leader, options.isStuck()))
  response.writeHead(problem.status, headersOf(leader)).end(JSON.stringify(problem))
}

const metrics = `# HELP godwit_coordinator_leads 1: it leads; 0: it waits until it is needed.
# TYPE godwit_coordinator_leads gauge
godwit_coordinator_leads 0
`

function refuse(socket: Duplex, options: FollowerOptions): void {
  const leader = options.leader()
  const problem = problemOf(whereToGo(leader, options.isStuck()))
  const body = JSON.stringify(problem)
  const headers = Object.entries({ ...headersOf(leader), connection: 'close' })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.on('error', () => undefined)
  // Ours alone is not enough: whoever never closes his side would hold up who was elected.
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines}` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const headersOf = (leader: Candidate | undefined): Record<string, string> => ({
  'content-type': 'application/problem+json',
  'retry-after': String(retryAfterSec),
  ...(leader && { [leaderHeader]: leader.address }),
})

function whereToGo(leader: Candidate | undefined, isStuck: boolean): Fault {
  if (leader && !isStuck)
    return fault(
      'not-leader',
      `this coordinator does not lead: ask ${leader.name}, at ${leader.address}`,
    )
  const why = isStuck
    ? 'and etcd does not do what it is asked, so nobody can be elected: a majority of its members ' +
      'has to run (the log of this coordinator says more)'
    : 'and nobody does yet: ask again in a moment'
  return fault('not-leader', `this coordinator does not lead, ${why}`)
}
