// The other coordinators of this cluster, as far as browsers are concerned: a page that one of them
// has served may ask whether this one leads (GET /healthz, and nothing else), and a page of ours
// may ask them. Whoever else asks from a page is told nothing.
// Not here: who they are (../etcd/roll.ts), what the page does with it (dashboard/elsewhere.ts).
// Source: Fetch, sections 3.3 (CORS) and 3.7 (Cross-Origin-Resource-Policy).

import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { CoordinatorPlace } from '#proto/coordinator-place.ts'
import { StoreView } from '#proto/store-view.ts'
import type { Candidate } from '../etcd/election.ts'
import { type App, documented, type HttpPorts } from './routing.ts'

type Others = readonly Pick<Candidate, 'address'>[]

export const isOther = ({ origin }: IncomingHttpHeaders, others: Others): boolean =>
  others.some(({ address }) => address === origin)

/** The headers that let a page of another coordinator read the answer. */
export function mayBeAsked(headers: IncomingHttpHeaders, others: Others): Record<string, string> {
  if (!isOther(headers, others)) return {}
  return {
    'access-control-allow-origin': headers.origin ?? '',
    'cross-origin-resource-policy': 'cross-origin',
    vary: 'origin',
  }
}

export function placeRoutes(app: App, { others, store }: HttpPorts): void {
  const kept = documented('Where the coordinator keeps what it knows', 200, StoreView)
  app.get('/v1/store', kept, async () => (await store?.()) ?? { kind: 'file', members: [] })
  const places = documented('The others', 200, z.array(CoordinatorPlace))
  app.get('/v1/coordinators', places, () =>
    others().map(({ name, address }) => ({ name, address })),
  )
}
