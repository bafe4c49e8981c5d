// How another shell, or the coordinator for a person at its page, breaks and mends a local cluster:
// the launcher listens on loopback for the few things that only it can do, because it owns the
// processes and the doors between them. Whoever may read the cluster's token file may ask. Every
// answer says what is broken now. Not here: what a cut is (tcp-proxy.ts). Times in ms.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { Fault, FaultError, fault, faultOf, faultStatus } from '#proto/faults.ts'
import { asNodeId, type NodeId } from '#proto/ids.ts'
import { jsonOf } from '#proto/json.ts'
import { type AgentBreakRequest, ControlRequest, type LaboratoryView } from '#proto/laboratory.ts'
import type { World } from '../world.ts'

export type { ControlRequest } from '#proto/laboratory.ts'

type Breakable = Pick<
  World,
  | 'killNode'
  | 'startNode'
  | 'hangNode'
  | 'cutNode'
  | 'healNode'
  | 'killCoordinator'
  | 'restartCoordinator'
  | 'copies'
>

/** What the launcher does to its nodes besides what every world can. */
export interface Laboratory extends Breakable {
  wakeNode(id: NodeId): void | Promise<void>
  cutLink(one: NodeId, other: NodeId): void | Promise<void>
  healLink(one: NodeId, other: NodeId): void | Promise<void>
  /** What is broken now. */
  standing(): LaboratoryView
}

/** Longer is no request of ours. */
const requestCharsMax = 1000

export class ControlServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(world: Laboratory, token: string): Promise<ControlServer> {
    const server = createServer(async (request, response) => {
      const answer = (status: number, body: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      try {
        if (request.headers.authorization !== `Bearer ${token}`)
          throw new FaultError(fault('bad-token', 'Show the token of the cluster.'))
        if (request.method !== 'GET') await carryOut(world, await requestOf(request))
        answer(200, request.url === '/copies' ? await world.copies() : world.standing())
      } catch (thrown) {
        const refusal = faultOf(thrown)
        answer(faultStatus[refusal.code], refusal)
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new ControlServer(server)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function requestOf(chunks: AsyncIterable<Buffer>): Promise<ControlRequest> {
  let text = ''
  for await (const chunk of chunks) {
    text += chunk
    if (text.length > requestCharsMax) throw new FaultError(fault('bad-request', 'Too long.'))
  }
  return wishOf(jsonOf(text))
}

/** Throws the fault that says why it is none. */
export function wishOf(said: unknown): ControlRequest {
  const checked = ControlRequest.safeParse(said)
  if (checked.success) return checked.data
  throw new FaultError(fault('bad-request', z.prettifyError(checked.error)))
}

export async function carryOut(world: Laboratory, request: ControlRequest): Promise<void> {
  const id = asNodeId(request.id)
  const isCoordinator = request.id === 'coordinator'
  switch (request.do) {
    case 'kill':
      return isCoordinator ? world.killCoordinator() : world.killNode(id)
    case 'revive':
      return isCoordinator ? world.restartCoordinator() : world.startNode(id)
    case 'hang':
      return world.hangNode(id, request.forMs)
    case 'wake':
      return world.wakeNode(id)
    case 'cut':
      return world.cutNode(id, request)
    case 'heal':
      return world.healNode(id)
    case 'cut-link':
      return world.cutLink(id, asNodeId(request.to))
    case 'heal-link':
      return world.healLink(id, asNodeId(request.to))
  }
}

/**
 * Asks the launcher, or an agent of a laboratory; resolves when the fact is true. Throws the fault
 * of its refusal.
 */
export async function askControl(
  url: string,
  token: string,
  request: ControlRequest | AgentBreakRequest,
): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(request),
  })
  if (answer.ok) return
  const refusal = Fault.safeParse(await answer.json())
  throw new FaultError(refusal.data ?? fault('internal', `Refused with status ${answer.status}.`))
}
