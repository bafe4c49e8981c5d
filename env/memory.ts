// Doubles of the ports that live in memory: for tests, and for the simulated world. Deterministic:
// the same seed and the same calls give the same run. Time stands still until somebody advances it.

import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Cancel, Clock, Log, LogFields, Random } from './env.ts'

export { MemoryDisk } from './memory/disk.ts'
export { MemoryTransport } from './memory/transport.ts'

interface Alarm {
  readonly atMs: number
  readonly order: number
  readonly fn: () => void
}

/** A clock that goes only when told. Alarms ring in order of time, then of setting. */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  #alarms: Alarm[] = []

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs
  }

  wakeAt(atMs: number, fn: () => void): Cancel {
    const alarm = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, fn }
    this.#alarms.push(alarm)
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm)
    }
  }

  /** The earliest alarm, or undefined when none is set. */
  get nextAlarmMs(): number | undefined {
    return this.#earliest()?.atMs
  }

  /** Goes to the next alarm and rings it alone. False: there is none. */
  ringNext(): boolean {
    const next = this.#earliest()
    if (!next) return false
    this.#alarms = this.#alarms.filter((other) => other !== next)
    this.#nowMs = next.atMs
    next.fn()
    return true
  }

  /** Lets `byMs` pass; every alarm on the way rings at its own instant. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const next = this.#earliest()
      if (!next || next.atMs > untilMs) break
      this.#alarms = this.#alarms.filter((other) => other !== next)
      this.#nowMs = next.atMs
      next.fn()
    }
    this.#nowMs = untilMs
  }

  #earliest(): Alarm | undefined {
    let first: Alarm | undefined
    for (const alarm of this.#alarms)
      if (
        !first ||
        alarm.atMs < first.atMs ||
        (alarm.atMs === first.atMs && alarm.order < first.order)
      )
        first = alarm
    return first
  }
}

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
    return Uint8Array.from({ length }, () => uniformInt(this.#generator, 0, 255))
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
