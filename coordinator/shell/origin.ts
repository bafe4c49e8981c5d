// Which browser pages may talk to the coordinator: the one it serves itself. A page of another site
// can send requests and open WebSockets to any address its user can reach; its Origin header gives
// it away. Programs send none. And a site may give its own name a loopback address, so that its
// page seems to be ours (DNS rebinding): while everybody may do everything, only names that no
// stranger can give away are answered to.
// Source: RFC 6455, section 10.2; Fetch, section 3.2 (Origin); Fetch Metadata (Sec-Fetch-Site).

import type { IncomingHttpHeaders } from 'node:http'

/** No Origin (not a browser), or the origin that the request itself is addressed to. */
export function isSameHost({ origin, host }: IncomingHttpHeaders, isTls = false): boolean {
  if (origin === undefined) return true
  const url = URL.parse(origin)
  return url !== null && url.host === host && (!isTls || url.protocol === 'https:')
}

/** Surely our own page: who comes with a cookie must be. */
export function isOwnPage(headers: IncomingHttpHeaders): boolean {
  if (headers.origin !== undefined) return isSameHost(headers)
  return headers['sec-fetch-site'] === 'same-origin'
}

/** An address, localhost, or a name without a dot, which is nobody's in the public DNS. */
export function isSafeHost({ host = '' }: IncomingHttpHeaders): boolean {
  const name = URL.parse(`http://${host}`)?.hostname ?? ''
  return /^\[.*\]$|^[\d.]+$|^localhost$|\.localhost$|^[^.]+$/.test(name)
}
