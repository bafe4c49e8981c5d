// The headers that every answer of the coordinator has: what a page may load (only our own files,
// nothing inline), that nobody frames it, and that a browser which has seen TLS once stays with it.
// Source: Content Security Policy Level 3; RFC 6797 (HSTS); Fetch, section 3.5 (nosniff).

import type { Candidate } from '../etcd/election.ts'
import { mayBeAsked } from './others.ts'
import type { App } from './routing.ts'

/** It connects to its own coordinator; of the others it asks whether they lead. */
const policyOf = (others: readonly { readonly address: string }[]): string =>
  [...ofPage, ['connect-src', "'self'", ...others.map(({ address }) => address)].join(' ')].join(
    '; ',
  )
const ofPage = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
]
/** An answer of the API is no page: it may load nothing at all. */
const ofApi = "default-src 'none'; frame-ancestors 'none'"

const always = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=()',
}
const afterTls = { 'strict-transport-security': 'max-age=31536000' }

/** It would bind whatever else this machine serves, and an address cannot be bound. */
const isMachineName = (host: string) => /^(localhost|[\d.]+|\[.*\])$/.test(host)

export function sendHeaders(app: App, isTls: boolean, others: () => readonly Candidate[]): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const isApi = /^\/(v1|openapi|metrics|healthz)/.test(request.url)
    const isPinned = isTls && !isMachineName(request.hostname)
    reply.headers({ ...always, ...(isPinned && afterTls) })
    if (request.url === '/healthz') reply.headers(mayBeAsked(request.headers, others()))
    reply.header('content-security-policy', isApi ? ofApi : policyOf(others()))
    if (isApi) reply.header('cache-control', 'no-store')
    done(null, payload)
  })
}
