// Which browser pages may talk to the coordinator: the one it serves itself. A page of another site
// can send requests and open WebSockets to any address its user can reach; its Origin header gives
// it away. Programs send none.
// Source: RFC 6455, section 10.2.

import type { IncomingHttpHeaders } from 'node:http'

/** No Origin (not a browser), or the origin that the request itself is addressed to. */
export function isSameHost({ origin, host }: IncomingHttpHeaders): boolean {
  if (origin === undefined) return true
  try {
    return new URL(origin).host === host
  } catch {
    return false
  }
}
