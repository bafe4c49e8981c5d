// The way of requests and streams to a coordinator: ApiWire is the port, WebWire speaks it over the
// fetch and WebSocket that Node and browsers share. What does not arrive is the fault `link-lost`.
// Not here: what is said (api-client.ts).

import { FaultError, fault, faultOf } from '#proto/faults.ts'

/** A stream that is open until either end closes it. Closing twice does nothing. */
export interface Subscription {
  close(): void
}

export interface ConsoleSession extends Subscription {
  /** Bytes for the guest. Ignored after close. */
  send(bytes: Uint8Array): void
}

export interface WireAnswer {
  /** A status of success. */
  readonly isGood: boolean
  readonly status: number
  readonly text: string
}

export interface StreamHandlers {
  onText(text: string): void
  onBytes(bytes: Uint8Array): void
  onClose(reason: string): void
}

export interface ApiWire {
  request(method: string, path: string, body?: unknown): Promise<WireAnswer>
  /** Resolves when the stream is open. */
  open(path: string, handlers: StreamHandlers): Promise<ConsoleSession>
}

export const away = (doing: string, why: string) =>
  new FaultError(
    fault('link-lost', `The coordinator did not answer (${doing}: ${why}); see that it runs.`),
  )
/** Nobody has heard of it: there was no connection. Codes of Node's sockets and of its fetch. */
export function isUnsent(thrown: unknown): boolean {
  return thrown instanceof Error && unsentCodes.has((thrown.cause as { code?: string })?.code ?? '')
}
const unsentCodes = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  'UND_ERR_CONNECT_TIMEOUT',
])

const whyOf = (thrown: unknown): string => {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
  return cause instanceof Error ? cause.message : String(cause)
}

/**
 * How long a request may take before it counts as lost. Commands are accepted (202), not awaited.
 */
const requestMsMax = 10_000

export class WebWire implements ApiWire {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #answerMsMax: number

  /**
   * `baseUrl`: `http://host:port` of the coordinator. `secret`: of a session or a token.
   * `traceparent`: of the trace that its requests are a part of.
   */
  constructor(baseUrl: string, secret?: string, traceparent?: string, answerMsMax = requestMsMax) {
    this.#answerMsMax = answerMsMax
    this.#base = baseUrl.replace(/\/+$/, '')
    this.#headers = {
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
      ...(traceparent ? { traceparent } : {}),
    }
  }

  async request(method: string, path: string, body?: unknown): Promise<WireAnswer> {
    const answer = await fetch(this.#base + path, {
      method,
      signal: AbortSignal.timeout(this.#answerMsMax),
      ...(body === undefined
        ? { headers: this.#headers }
        : {
            body: JSON.stringify(body),
            headers: { ...this.#headers, 'content-type': 'application/json' },
          }),
    }).catch((thrown: unknown) => {
      const lost = away(`${method} ${path}`, whyOf(thrown))
      lost.cause = thrown instanceof Error ? thrown.cause : undefined
      throw lost
    })
    const text = await answer.text().catch((thrown: unknown) => {
      throw away(`${method} ${path}`, whyOf(thrown))
    })
    return { isGood: answer.ok, status: answer.status, text }
  }

  open(path: string, handlers: StreamHandlers): Promise<ConsoleSession> {
    return openStream(this.#base.replace(/^http/, 'ws') + path, this.#headers, handlers)
  }
}

/** Node's WebSocket takes headers too; a browser's takes none, and needs none: it has a cookie. */
function socketTo(url: string, headers: Readonly<Record<string, string>>): WebSocket {
  if (Object.keys(headers).length === 0) return new WebSocket(url)
  return new WebSocket(url, { headers } as unknown as string[])
}

/** A WebSocket as a promise: resolves when open, throws `link-lost` when it never opened. */
function openStream(
  url: string,
  headers: Readonly<Record<string, string>>,
  handlers: StreamHandlers,
): Promise<ConsoleSession> {
  const socket = socketTo(url, headers)
  socket.binaryType = 'arraybuffer'
  const session = {
    send: (bytes: Uint8Array) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>)
    },
    close: () => socket.close(),
  }
  return new Promise((resolve, reject) => {
    let opened = false
    let ended = false
    const end = (reason: string) => {
      if (ended) return
      ended = true
      if (opened) handlers.onClose(reason)
      else reject(away(url, reason))
    }
    socket.onopen = () => {
      opened = true
      resolve(session)
    }
    socket.onmessage = ({ data }) => {
      if (ended) return
      // What the network brings must not throw out of an event handler: it ends this stream only.
      try {
        if (typeof data === 'string') handlers.onText(data)
        else handlers.onBytes(new Uint8Array(data as ArrayBuffer))
      } catch (thrown) {
        end(faultOf(thrown).message)
        socket.close()
      }
    }
    socket.onerror = () => end('the connection failed')
    socket.onclose = ({ reason, code }) => end(reason || `closed with code ${code}`)
  })
}
