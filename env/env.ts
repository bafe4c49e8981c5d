// The ports: everything the pure rooms need of the world and may not take themselves.
// real.ts has the machine's own, memory.ts has doubles for tests and simulation; one acceptance
// suite holds both. All times are milliseconds of a monotonic clock; wall time is for people and
// logs only.

/** Cancels what it came with; calling it twice does nothing. */
export type Cancel = () => void

export interface Clock {
  /** Monotonic, fractional ms. The zero means nothing. */
  nowMs(): number
  /** Wall clock, ms since 1970. For logs and records only. */
  wallMs(): number
  /** Calls `fn` once, when nowMs() >= atMs. Never calls it before returning. */
  wakeAt(atMs: number, fn: () => void): Cancel
}

export interface Random {
  /** 0 <= x < 1. */
  float(): number
  /** Whole number, 0 <= x < below. */
  below(below: number): number
  bytes(length: number): Uint8Array
}

export type LogFields = Readonly<Record<string, unknown>>
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  child(fields: LogFields): Log
}

/** Why a link ended. `local`: this end closed it. */
export interface LinkClosed {
  readonly by: 'local' | 'peer' | 'error'
  readonly reason: string
}

/** A two-way stream of whole messages (bytes), in order. After onClose nothing arrives. */
export interface Link {
  /** For logs: the other end's address. */
  readonly peer: string
  /** Whose certificate the other end has shown; absent: the link asks for none. */
  readonly provenName?: string | undefined
  /** Sent bytes that have not left this machine yet. */
  readonly bufferedBytes: number
  /**
   * The link owns `bytes` from now on: the caller does not change them, unless `sent` is called,
   * which gives them back. A link need not call it. Ignored after close.
   */
  send(bytes: Uint8Array, sent?: () => void): void
  /** Resolves when bufferedBytes is at or below `belowBytes`, or the link is closed. */
  drained(belowBytes: number): Promise<void>
  /** At most one handler each; what arrived before the handler was set is kept and delivered. */
  onMessage(fn: (bytes: Uint8Array) => void): void
  onClose(fn: (closed: LinkClosed) => void): void
  close(reason: string): void
}

export interface Listener {
  /** Where it can be reached: `ws://host:port`. */
  readonly address: string
  close(): Promise<void>
}

export interface TransportLimits {
  /** A longer message closes the link (reason `message-too-large`). */
  readonly messageBytesMax: number
}

export interface Transport {
  /** `address`: `ws://host:port`; port 0 lets the system choose. */
  listen(address: string, limits: TransportLimits, onLink: (link: Link) => void): Promise<Listener>
  /** Rejects when nobody answers within timeoutMs. */
  connect(address: string, limits: TransportLimits, timeoutMs: number): Promise<Link>
}

/** One open file. Synchronous: it is used inside a VM's slice. Offsets and lengths in bytes. */
export interface DiskFile {
  readonly sizeBytes: number
  /** Fills `into`; past the end it reads zeros. */
  read(offset: number, into: Uint8Array): void
  /** Grows the file when needed. Durable only after flush(). */
  write(offset: number, from: Uint8Array): void
  flush(): void
  close(): void
}

/**
 * Flat named files: a node's own directory, or the cluster's shared store. Names are [a-z0-9.-]+.
 */
export interface Disk {
  open(name: string, mode: 'read' | 'write' | 'create'): DiskFile
  exists(name: string): boolean
  remove(name: string): void
  /**
   * The file has the new name from now on, durably, and what had it is gone: at no instant is there
   * none or half of one under the new name. What was flushed stays so.
   */
  rename(from: string, to: string): void
  list(): string[]
}

export interface Zstd {
  /** Negative levels are faster still than 1. `bytes` must not change meanwhile. */
  compress(bytes: Uint8Array, level: number): Promise<Uint8Array>
  /** undefined: it is damaged, or not of exactly this length when unpacked. */
  decompress(packed: Uint8Array, length: number): Uint8Array | undefined
}

/** Raw deflate, which every browser unpacks. `bytes` must not change meanwhile. */
export type Deflate = (bytes: Uint8Array) => Promise<Uint8Array>

/** At once. undefined: it is damaged, or unpacks to more than `bytesMax`. */
export type Inflate = (packed: Uint8Array, bytesMax: number) => Uint8Array | undefined

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** A span: hex digits, 32 of the trace and 16 of the span itself. */
export interface SpanContext {
  readonly traceId: string
  readonly spanId: string
}

/** Something that took time and has ended. */
export interface SpanRecord {
  readonly name: string
  readonly context: SpanContext
  readonly parentSpanId?: string | undefined
  /** `client` asks another process, `server` does what it was asked. */
  readonly kind: 'internal' | 'client' | 'server'
  /** Wall clock, fractional ms. */
  readonly startWallMs: number
  readonly durationMs: number
  readonly attributes: SpanAttributes
  /** What else caused it. */
  readonly links: readonly SpanContext[]
  /** Why it failed; absent: it did not. */
  readonly fault?: string | undefined
}

/** Where spans go. It has dice of its own: to be watched changes nothing of what is watched. */
export interface Tracer {
  /** Random hex digits, not all zero. */
  freshId(digits: 16 | 32): string
  /** Never throws, never waits: what cannot be delivered in time is dropped. */
  record(span: SpanRecord): void
}

/** All of them, as the shells hand them in. */
export interface Env {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly transport: Transport
  readonly zstd: Zstd
  readonly deflate: Deflate
  /** Absent: nobody wants to see traces, and none are made. */
  readonly tracer?: Tracer | undefined
}
