// Doubles of the ports that live in memory: for tests, and for the simulated world. Deterministic:
// the same seed and the same calls give the same run. Time stands still until somebody advances it.

import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Log, LogFields, Random } from './env.ts'

export { Alarm } from './memory/alarm-queues.ts'
export { VirtualClock } from './memory/clock.ts'
export { MemoryDisk } from './memory/disk.ts'
export { type KeptSpan, MemoryTracer } from './memory/tracer.ts'
export { MemoryTransport } from './memory/transport.ts'

/** xoroshiro128+ from a seed (pure-rand): repeatable, not secret. */
export class SeededRandom implements Random {
  #generator: ReturnType<typeof xoroshiro128plus>

  constructor(seed: number) {
    // Small seeds differ in few bits, and so would the first numbers: the seed is mixed, some
    // numbers are skipped.
    this.#generator = xoroshiro128plus(Math.imul(seed ^ (seed >>> 16), 0x9e3779b1) ^ 0x5bd1e995)
    for (let i = 0; i < 16; i++) uniformInt(this.#generator, 0, 0x7fffffff)
  }

  float(): number {
    return uniformInt(this.#generator, 0, 0x7fffffff) / 0x80000000
  }

  below(below: number): number {
    return uniformInt(this.#generator, 0, below - 1)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at++) bytes[at] = uniformInt(this.#generator, 0, 255)
    return bytes
  }
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly fields: LogFields
}

/** Keeps every line, so that a test can read what was said. */
export class MemoryLog implements Log {
  readonly lines: LogLine[]
  #fields: LogFields

  constructor(fields: LogFields = {}, lines: LogLine[] = []) {
    this.#fields = fields
    this.lines = lines
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#say('debug', event, fields)
  }
  info(event: string, fields: LogFields = {}): void {
    this.#say('info', event, fields)
  }
  warn(event: string, fields: LogFields = {}): void {
    this.#say('warn', event, fields)
  }
  error(event: string, fields: LogFields = {}): void {
    this.#say('error', event, fields)
  }
  child(fields: LogFields): Log {
    return new MemoryLog({ ...this.#fields, ...fields }, this.lines)
  }

  #say(level: LogLine['level'], event: string, fields: LogFields): void {
    this.lines.push({ level, event, fields: { ...this.#fields, ...fields } })
  }
}
