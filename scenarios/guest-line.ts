// A line of conversation with the guest in a VM: its console as text lines, for as long as somebody
// wants it. It reconnects by itself: through a coordinator restart, a migration, and the reboot of
// a recovery. Nothing is promised about what was said meanwhile: after each onOpen, whoever waits
// for an answer asks again. Not here: what the lines mean (docs/guest.md). Times in ms.

import type { Clock } from '#env/env.ts'
import type { ConsoleHeader } from '#proto/api.ts'
import type { ApiClient, ConsoleSession } from './api-client.ts'

export interface GuestLineHandlers {
  /**
   * The line is open (again); requests sent before may be lost, answered twice, or still to come.
   */
  onOpen(): void
  /** A whole line the guest said, without its end. */
  onLine(text: string): void
}

const reconnectMs = 100
/** Our guest's lines are shorter; a stream without line ends must not fill memory. */
const lineCharsMax = 8192

export class GuestLine {
  readonly vmId: string
  readonly #api: ApiClient
  readonly #clock: Clock
  readonly #replay: boolean
  readonly #handlers: GuestLineHandlers
  #session: ConsoleSession | undefined
  #closed = false
  /** Under which epoch, and up to where it has been heard: a replay begins before that. */
  #epoch: number | undefined
  #heardEnd = 0
  #offset = 0
  #begun = ''
  #decoder = new TextDecoder()
  readonly #encoder = new TextEncoder()

  /** `replay`: also what the guest said before; once, unless it has moved or booted meanwhile. */
  constructor(
    api: ApiClient,
    clock: Clock,
    vmId: string,
    replay: boolean,
    handlers: GuestLineHandlers,
  ) {
    this.#api = api
    this.#clock = clock
    this.vmId = vmId
    this.#replay = replay
    this.#handlers = handlers
    this.#connect()
  }

  /** Sends one line; dropped when the line is not open, as onOpen will tell. */
  say(line: string): void {
    this.#session?.send(this.#encoder.encode(`${line}\n`))
  }

  close(): void {
    this.#closed = true
    this.#session?.close()
  }

  #connect(): void {
    const handlers = {
      onHeader: (header: ConsoleHeader) => this.#opened(header),
      onOutput: (bytes: Uint8Array) => this.#heard(bytes),
      onClose: () => this.#lost(),
    }
    this.#api.console(this.vmId, { replay: this.#replay }, handlers).then(
      (session) => {
        this.#session = session
        if (this.#closed) session.close()
        else this.#handlers.onOpen()
      },
      () => this.#lost(),
    )
  }

  /** A header begins a stream: at the start, and when the guest has booted anew. */
  #opened({ epoch, offset }: ConsoleHeader): void {
    const goesOn = this.#replay && epoch === this.#epoch && offset <= this.#heardEnd
    this.#epoch = epoch
    this.#offset = offset
    if (!goesOn) {
      this.#heardEnd = offset
      this.#begun = ''
      this.#decoder = new TextDecoder()
    }
    if (this.#session !== undefined && !this.#closed) this.#handlers.onOpen()
  }

  #heard(bytes: Uint8Array): void {
    if (this.#closed) return
    const known = this.#heardEnd - this.#offset
    this.#offset += bytes.length
    this.#heardEnd = Math.max(this.#heardEnd, this.#offset)
    const news = known > 0 ? bytes.subarray(known) : bytes
    const lines = (this.#begun + this.#decoder.decode(news, { stream: true })).split('\n')
    this.#begun = (lines.pop() ?? '').slice(-lineCharsMax)
    for (const line of lines) this.#handlers.onLine(line)
  }

  #lost(): void {
    this.#session = undefined
    if (this.#closed) return
    this.#clock.wakeAt(this.#clock.nowMs() + reconnectMs, () => {
      if (!this.#closed) this.#connect()
    })
  }
}
