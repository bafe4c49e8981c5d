// What the page takes from the browser it runs in: addresses beside its own, sockets, the clock.
// Addresses are relative to the page's, so that it also works behind a proxy that adds a path.

import type { Socket, StreamPorts } from './live-stream.ts'

export const addressOf = (path: string): string => new URL(path, document.baseURI).href

export function browserPorts(path: string): StreamPorts {
  return {
    open: () => new WebSocket(addressOf(path).replace(/^http/, 'ws')) as unknown as Socket,
    nowMs: () => performance.now(),
    after: (ms, fn) => {
      const timer = setTimeout(fn, ms)
      return () => clearTimeout(timer)
    },
  }
}
