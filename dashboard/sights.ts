// What a person looks at closely, as signals: what links carry, the pages of the VM whose panel is
// open. Asked for only while it is looked at: a stream of its own, opened anew when the person
// looks at something else. Not here: how it looks (parts/links.tsx, parts/page-map.tsx).

import { computed, effect, signal } from '@preact/signals'
import { type LinkView, type PageMap, SightView } from '#proto/sights.ts'
import { browserPorts } from './browser.ts'
import { connection, view } from './cluster.ts'
import { LiveStream } from './live-stream.ts'
import { route } from './route.ts'
import { allows } from './session.ts'

export const links = signal<readonly LinkView[]>([])
export const pageMap = signal<PageMap | undefined>(undefined)

/** As the query of the stream's address; empty: nothing is looked at. */
const wish = computed(() => {
  const at = route.value
  // Who would be refused does not ask.
  if (at.is === 'vm') {
    const isThere = view.value?.vms.some(({ id }) => id === at.id)
    return isThere ? `vm=${encodeURIComponent(at.id)}` : ''
  }
  const hasLinks = at.is === 'links' || at.is === 'node'
  return hasLinks && allows('see-cluster') ? 'links=1' : ''
})

const isAway = computed(() => connection.value.is === 'away')

/** For as long as the page lives. */
export function watchSights(): void {
  let looked = ''
  effect(() => {
    const query = wish.value
    if (query !== looked) {
      pageMap.value = undefined
      links.value = []
    }
    looked = query
    if (query === '' || isAway.value) return undefined
    const stream = new LiveStream(browserPorts(`v1/sights?${query}`), {
      onState: () => undefined,
      onMessage: (data) => take(String(data)),
    })
    return () => stream.close()
  })
}

/** What is not understood is not shown: the cluster's own view says that versions differ. */
function take(text: string): void {
  const checked = SightView.safeParse(JSON.parse(text))
  if (checked.data?.links) links.value = checked.data.links
  if (checked.data?.pages) pageMap.value = checked.data.pages
}
