// The way to the API for somebody who may be refused: as WebWire, but a stream that is refused
// tells why. Before the handshake a coordinator answers with a problem document, which the
// WebSocket that Node and browsers share keeps to itself; this one hands it on as the fault that it
// carries.
// Source: RFC 6455, section 4.1 (a status other than 101); RFC 9457 (problem documents).

import type { IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import { realRandom } from '#env/real.ts'
import { Problem } from '#proto/api.ts'
import { type Fault, FaultError, fault, faultOf } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import { jsonOf } from '#proto/json.ts'
import {
  type ApiWire,
  away,
  type ConsoleSession,
  type StreamHandlers,
  WebWire,
} from '../api-wire.ts'
import type { Doors } from '../world.ts'

/** No problem of ours is longer. */
const problemCharsMax = 64 * 1024

/** Ways to the API of a cluster of processes; both are asked when somebody goes. */
export const doorsTo = (own: () => ApiWire | undefined, url: () => string): Doors => ({
  own: () => {
    const wire = own()
    invariant(wire, 'the API is asked for before the cluster has started')
    return wire
  },
  wireOf: (secret) => new RefusingWire(url(), secret),
  random: realRandom,
})

export class RefusingWire extends WebWire {
  readonly #baseUrl: string
  readonly #secret: string

  constructor(baseUrl: string, secret: string) {
    super(baseUrl, secret)
    this.#baseUrl = baseUrl.replace(/\/+$/, '')
    this.#secret = secret
  }

  override open(path: string, handlers: StreamHandlers): Promise<ConsoleSession> {
    const headers = { authorization: `Bearer ${this.#secret}` }
    const url = this.#baseUrl.replace(/^http/, 'ws') + path
    return sessionOf(new WebSocket(url, { headers, perMessageDeflate: false }), url, handlers)
  }
}

function sessionOf(socket: WebSocket, url: string, handlers: StreamHandlers) {
  const session = {
    send: (bytes: Uint8Array) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes)
    },
    close: () => socket.close(),
  }
  return new Promise<ConsoleSession>((resolve, reject) => {
    let isOpen = false
    let why: string | undefined
    socket.on('open', () => {
      isOpen = true
      resolve(session)
    })
    socket.on('unexpected-response', (request, response) => {
      void refusalOf(response).then((refused) => {
        reject(new FaultError(refused))
        request.destroy()
      })
    })
    socket.on('message', (data: Buffer, isBinary) => {
      if (why !== undefined) return
      // What the network brings must not throw out of an event handler: it ends this stream only.
      try {
        if (isBinary) handlers.onBytes(new Uint8Array(data))
        else handlers.onText(data.toString('utf8'))
      } catch (thrown) {
        why = faultOf(thrown).message
        socket.close()
      }
    })
    socket.on('error', ({ message }) => {
      why = message
    })
    socket.on('close', (code, reason) => {
      const how = why ?? (reason.toString() || `closed with code ${code}`)
      if (isOpen) handlers.onClose(how)
      else reject(away(url, how))
    })
  })
}

/** What was answered instead of a handshake. */
async function refusalOf(response: IncomingMessage): Promise<Fault> {
  let text = ''
  try {
    for await (const piece of response.setEncoding('utf8'))
      if (text.length < problemCharsMax) text += piece
  } catch {
    // Cut off: what has come is looked at.
  }
  const problem = Problem.safeParse(jsonOf(text))
  if (problem.success) return problem.data.fault
  return fault('link-lost', `the coordinator answered ${response.statusCode}, and no WebSocket`)
}
