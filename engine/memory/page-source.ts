// Where the bytes of absent pages come from, as a port: a snapshot in a store, the source of a
// post-copy migration, the parent of a clone. Not here: when a page is asked for (pager.ts), and
// every source there is (node-agent/). Pages as page indices, of 4,096 bytes.

/** What a request has come to. */
export interface BroughtPages {
  /** Pages with content; their bytes lie one after the other in `bytes`. */
  readonly pages: Uint32Array
  readonly bytes: Uint8Array
  /** Pages that are all zero. */
  readonly zeroPages: Uint32Array
}

/**
 * `urgent`: a VM stands still for it. `beside`: they lie beside one it stands still for, and are
 * likely to be next. `background`: nobody waits yet.
 */
export type Urgency = 'urgent' | 'beside' | 'background'

export interface PageSource {
  /** How many requests in the background keep it busy at present; without it, a fixed few. */
  readonly requestsAhead?: number
  /**
   * Brings these pages, and may bring others that lie beside them. What is not in the background
   * overtakes what is. Resolves in a later turn of the event loop, so that whoever asks again
   * and again keeps nobody else from it. A source that knows a page by its content may take the
   * bytes from wherever it has them. Rejects when the pages are lost: the VM cannot go on then.
   */
  request(pages: Uint32Array, urgency: Urgency): Promise<BroughtPages>
  /** The VM stands still for this page from now on, however it was asked for … */
  waits?(page: number): void
  /** … and has these: for a source that tells how long that took. */
  came?(pages: readonly number[]): void
}
