// Brings the absent pages of one VM while it runs: those that it waits for first, all others in the
// background, until none is absent. On the agent's thread, which alone makes pages present.
// Not here: where pages come from (page-source.ts), that a VM waits (../pcpu.ts). Page indices.
//
// Order in the background: on from the page that was touched last, round the end of RAM. Guests
// touch memory in runs, so that what is next to the last touch is what is touched next (Hines and
// Gopalan, "Post-Copy Based Live Virtual Machine Migration Using Adaptive Pre-Paging", 2009).

import type { GuestMemory } from './guest-memory-port.ts'
import type { BroughtPages, PageSource, Urgency } from './page-source.ts'

export interface PagerOptions {
  readonly memory: GuestMemory
  readonly source: PageSource
  /** Tells the VM that these pages, for which it waits, are present. */
  readonly present: (pages: Uint32Array) => void
  /** `as-touched`: nothing but what is touched is brought, until complete() is called. */
  readonly how?: 'now' | 'as-touched'
}

/** What is brought right behind a page that is waited for: half of what a disk reads at no cost. */
const besidePages = 15
/** What is brought for a touch where bringing costs little and keeping costs memory. */
const touchedPages = 4
/** 128 KiB: large enough for a disk's or a link's speed, and little for an urgent page to wait for. */
const backgroundPages = 32
/** For a source that says nothing else, so that it is busy while answers are on their way. */
const requestsAhead = 8
const asked = { not: 0, ahead: 1, beside: 2 } as const

export class Pager {
  readonly #options: PagerOptions
  /** A byte a page, while it is not here: whether and how it was asked for. */
  readonly #underWay: Uint8Array
  /** For which the VM waits, or did when they were asked for. */
  readonly #awaited = new Set<number>()
  #cursor = 0
  /** Requests in the background that are not answered yet. */
  #askedAhead = 0
  #touches = 0
  #stopped = false
  #isHeldBack: boolean
  #settle: { resolve(how: 'done' | 'stopped'): void; reject(why: unknown): void } | undefined

  constructor(options: PagerOptions) {
    this.#options = options
    this.#underWay = new Uint8Array(options.memory.pageCount)
    this.#isHeldBack = options.how === 'as-touched'
  }

  /** How often the VM has had to wait. */
  get touches(): number {
    return this.#touches
  }

  /** The VM has touched this page, and waits for it. */
  touched(page: number): void {
    const { memory, present } = this.#options
    this.#touches++
    if (!memory.isAbsent(page)) {
      present(Uint32Array.of(page)) // It came while the news was under way.
      return
    }
    if (this.#stopped || this.#awaited.has(page)) return
    this.#awaited.add(page)
    this.#options.source.waits?.(page)
    // What comes right behind another page that it waited for, nothing overtakes.
    if (this.#underWay[page] !== asked.beside) this.#bringNow(page)
  }

  /** What brings much at once is asked for one page first: it is there the sooner. */
  #bringNow(page: number): void {
    this.#cursor = page + 1
    const failed = (why: unknown) => this.#fail(why)
    if (this.#isHeldBack) {
      const pages = Uint32Array.of(page, ...this.#next(touchedPages - 1, asked.beside))
      this.#bring(pages, 'urgent').catch(failed)
      return
    }
    this.#bring(Uint32Array.of(page), 'urgent').catch(failed)
    const beside = this.#next(besidePages, asked.beside)
    if (beside.length > 0) this.#bring(beside, 'beside').catch(failed)
  }

  /** Brings everything; resolves when nothing is absent any more. Rejects as the source does. */
  run(): Promise<'done' | 'stopped'> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      if (!this.#isHeldBack) this.#begin()
    })
  }

  /** Brings everything from now on. */
  complete(): void {
    if (!this.#isHeldBack) return
    this.#isHeldBack = false
    this.#begin()
  }

  #begin(): void {
    this.#bringAll().then(
      () => this.#settle?.resolve(this.#stopped ? 'stopped' : 'done'),
      (why) => this.#fail(why),
    )
  }

  /** Nothing more is asked for, and what is under way is dropped when it comes. */
  stop(): void {
    this.#stopped = true
    this.#settle?.resolve('stopped')
  }

  async #bringAll(): Promise<void> {
    const { memory } = this.#options
    await new Promise<void>((done, failed) => this.#ahead(done, failed))
    // All that is left was asked for by touches: their answers are waited for, one turn a time.
    while (!this.#stopped && memory.absentPages > 0)
      await this.#bring(this.#anyAbsent(), 'background')
  }

  /** Asks for as much ahead as the source takes; `done` when nothing is left to ask for. */
  #ahead(done: () => void, failed: (why: unknown) => void): void {
    const { source } = this.#options
    while (!this.#stopped && this.#askedAhead < (source.requestsAhead ?? requestsAhead)) {
      const pages = this.#next(backgroundPages, asked.ahead)
      if (pages.length === 0) break
      this.#askedAhead++
      this.#bring(pages, 'background').then(() => {
        this.#askedAhead--
        this.#ahead(done, failed)
      }, failed)
    }
    if (this.#askedAhead === 0) done()
  }

  async #bring(pages: Uint32Array, urgency: Urgency): Promise<void> {
    const { memory, source } = this.#options
    const brought = await source.request(pages, urgency)
    if (this.#stopped) return
    memory.bring(brought.pages, brought.bytes)
    memory.bringZero(brought.zeroPages)
    for (const page of pages) this.#underWay[page] = asked.not
    this.#wake(brought)
    // What is still under way brings nothing that is not here.
    if (memory.absentPages === 0) this.#settle?.resolve('done')
  }

  #wake({ pages, zeroPages }: BroughtPages): void {
    if (this.#awaited.size === 0) return
    const here = [...pages, ...zeroPages].filter((page) => this.#awaited.delete(page))
    if (here.length === 0) return
    this.#options.source.came?.(here)
    this.#options.present(Uint32Array.from(here))
  }

  #fail(why: unknown): void {
    this.#stopped = true
    this.#settle?.reject(why)
  }

  /** Up to `max` absent pages that nobody has asked for yet, from the cursor on. */
  #next(max: number, how: 1 | 2): Uint32Array {
    const { memory } = this.#options
    const pages: number[] = []
    for (let seen = 0; seen < memory.pageCount && pages.length < max; seen++) {
      const page = this.#cursor % memory.pageCount
      this.#cursor = page + 1
      if (this.#underWay[page] !== asked.not || this.#awaited.has(page) || !memory.isAbsent(page))
        continue
      this.#underWay[page] = how
      pages.push(page)
    }
    return Uint32Array.from(pages)
  }

  #anyAbsent(): Uint32Array {
    const { memory } = this.#options
    for (let page = 0; page < memory.pageCount; page++)
      if (memory.isAbsent(page)) return Uint32Array.of(page)
    return new Uint32Array(0)
  }
}
