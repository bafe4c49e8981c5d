// Where a person is on the page, as the hash of its address: so that a place can be linked, kept
// and gone back to. Not here: what is drawn there (parts/).
//
//   #/                          the cluster
//   #/vm/NAME                   the cluster, with one VM close up
//   #/vm/NAME/PART              a part of it that fills the page, such as its screen
//   #/node/NAME                 the cluster, with one node close up
//   #/templates                 systems that are kept to begin VMs from
//   #/load                      the cluster's load over time
//   #/links                     who is connected with whom, and what passes
//   #/events?vm=…&node=…&kind=…&text=…   the story, filtered

import { signal } from '@preact/signals'

export type Route =
  | { readonly is: 'cluster' }
  | { readonly is: 'vm'; readonly id: string; readonly part?: string }
  | { readonly is: 'node'; readonly id: string }
  | { readonly is: 'load' }
  | { readonly is: 'links' }
  | { readonly is: 'templates' }
  | { readonly is: 'events'; readonly filter: Readonly<Record<string, string>> }

/** What the address says; what it says wrongly is the cluster. */
export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?')
  const [kind, id, part] = path.split('/').map(decoded)
  if (kind === 'vm' && id) return part ? { is: 'vm', id, part } : { is: 'vm', id }
  if (kind === 'node' && id) return { is: 'node', id }
  if (kind === 'load' || kind === 'links' || kind === 'templates') return { is: kind }
  if (kind !== 'events') return { is: 'cluster' }
  return { is: 'events', filter: Object.fromEntries(new URLSearchParams(query)) }
}

/** A VM's screen has the window, and nothing else is drawn. */
export const isScreenAlone = (at: Route): at is Extract<Route, { is: 'vm' }> =>
  at.is === 'vm' && at.part === 'screen'

export function hashOf(to: Route): string {
  switch (to.is) {
    case 'cluster':
      return '#/'
    case 'vm':
      return `#/vm/${[to.id, ...(to.part ? [to.part] : [])].map(encodeURIComponent).join('/')}`
    case 'node':
      return `#/node/${encodeURIComponent(to.id)}`
    case 'load':
      return '#/load'
    case 'links':
      return '#/links'
    case 'templates':
      return '#/templates'
    case 'events':
      return queried('#/events', to.filter)
  }
}

function queried(path: string, filter: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''))
  return query.size === 0 ? path : `${path}?${query}`
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}

/** The part of the browser that is used here: tests of addresses need none. */
interface AddressBar {
  readonly location: { hash: string }
  readonly history: { replaceState(state: unknown, title: string, address: string): void }
  addEventListener(event: 'hashchange', fn: () => void): void
}
const browser = globalThis as unknown as AddressBar

/** The place the page shows now. */
export const route = signal<Route>({ is: 'cluster' })

/** Goes there; the way back is the browser's. @param how `replace`: no step of its own */
export function go(to: Route, how: 'push' | 'replace' = 'push'): void {
  const hash = hashOf(to)
  if (hash === browser.location.hash) return
  if (how === 'push') browser.location.hash = hash
  else browser.history.replaceState(null, '', hash)
  route.value = to
}

/** Follows the address for as long as the page lives. */
export function followAddress(): void {
  const look = () => {
    route.value = routeOf(browser.location.hash)
  }
  browser.addEventListener('hashchange', look)
  look()
}
