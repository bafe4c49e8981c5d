// A WebSocket that opens again by itself, and says how it stands: connecting, live, or away since
// when. Used for the cluster's views and for consoles. The socket and the timer come from outside,
// so that tests need neither a browser nor a server. Times in ms.

/** The part of WebSocket that is used here. */
export interface Socket {
  binaryType: string
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onclose: (() => void) | null
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(): void
}

export interface StreamPorts {
  open(): Socket
  nowMs(): number
  /** Calls once, later; returns what cancels it. */
  after(ms: number, fn: () => void): () => void
}

export type StreamState =
  | { readonly is: 'connecting' }
  | { readonly is: 'live' }
  | { readonly is: 'away'; readonly sinceMs: number }

export interface StreamHandlers {
  onState(state: StreamState): void
  onMessage(data: unknown): void
}

const firstRetryMs = 300
const retryMsMax = 5_000

export class LiveStream {
  readonly #ports: StreamPorts
  readonly #handlers: StreamHandlers
  #socket: Socket | undefined
  #isOpen = false
  #awaySinceMs: number | undefined
  #retryMs = firstRetryMs
  #cancelRetry = () => {}
  #closed = false

  constructor(ports: StreamPorts, handlers: StreamHandlers) {
    this.#ports = ports
    this.#handlers = handlers
    handlers.onState({ is: 'connecting' })
    this.#connect()
  }

  /** False when it is not open: nothing was sent. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#socket || !this.#isOpen) return false
    this.#socket.send(bytes)
    return true
  }

  /** Tries at once instead of waiting: the page has come to the front, or the network back. */
  hurry(): void {
    if (this.#closed) return
    // Also of a try under way, which may have come too early: the one after it comes soon.
    this.#retryMs = firstRetryMs
    if (this.#socket) return
    this.#cancelRetry()
    this.#connect()
  }

  /** Nobody is at its other end, whatever the socket believes. @param sinceMs when last heard */
  drop(sinceMs = this.#ports.nowMs()): void {
    if (!this.#socket || this.#closed) return
    this.#forget()
    this.#lost(sinceMs)
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry()
    this.#forget()
  }

  /** It may take a while until it is closed: what it says meanwhile is not heard. */
  #forget(): void {
    const socket = this.#socket
    if (!socket) return
    socket.onopen = null
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  #connect(): void {
    const socket = this.#ports.open()
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      this.#isOpen = true
      this.#awaySinceMs = undefined
      this.#retryMs = firstRetryMs
      this.#handlers.onState({ is: 'live' })
    }
    socket.onmessage = ({ data }) => this.#handlers.onMessage(data)
    socket.onclose = () => this.#lost(this.#ports.nowMs())
  }

  #lost(sinceMs: number): void {
    this.#socket = undefined
    this.#isOpen = false
    this.#awaySinceMs ??= sinceMs
    this.#handlers.onState({ is: 'away', sinceMs: this.#awaySinceMs })
    this.#cancelRetry = this.#ports.after(this.#retryMs, () => this.#connect())
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax)
  }
}
