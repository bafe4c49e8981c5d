// The tracer that keeps every span, so that a test can read what was told. Ids come from a seed:
// the same run has the same ids. Not here: what becomes a span (env/spans.ts and who uses it).
// Times in ms.

import type { Random, SpanRecord, Tracer } from '../env.ts'

export interface KeptSpan extends SpanRecord {
  /** The process that told it. */
  readonly service: string
}

export class MemoryTracer implements Tracer {
  readonly spans: KeptSpan[]
  readonly #service: string
  readonly #random: Random

  constructor(service: string, random: Random, spans: KeptSpan[] = []) {
    this.#service = service
    this.#random = random
    this.spans = spans
  }

  /** Another process: its spans are kept with these. */
  of(service: string): MemoryTracer {
    return new MemoryTracer(service, this.#random, this.spans)
  }

  freshId(digits: 16 | 32): string {
    const hex = (byte: number) => byte.toString(16).padStart(2, '0')
    return [...this.#random.bytes(digits / 2)].map(hex).join('')
  }

  record(span: SpanRecord): void {
    this.spans.push({ ...span, service: this.#service })
  }
}
