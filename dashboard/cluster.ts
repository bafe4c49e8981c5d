// The one live cluster behind the page, as signals: the last checked view, and how the connection
// stands. Not here: drawing (parts/), asking for changes (commands.ts).

import { computed, signal } from '@preact/signals'
import { ClusterView, type MigrationView } from '#proto/api.ts'
import { migrationHasEnded } from '#proto/state.ts'
import { browserPorts } from './browser.ts'
import { pictureOf } from './cluster-model.ts'
import { LiveStream, type StreamState } from './live-stream.ts'
import { route } from './route.ts'

export const view = signal<ClusterView | undefined>(undefined)
export const picture = computed(() => view.value && pictureOf(view.value))
export const connection = signal<StreamState>({ is: 'connecting' })
/**
 * The coordinator speaks of things that this page does not know: it is newer or older than the
 * page.
 */
export const strangeness = signal<string | undefined>(undefined)
/** The VM whose panel is open. */
export const selectedVmId = computed(() => (route.value.is === 'vm' ? route.value.id : undefined))

/** Looks at the cluster for as long as the page lives. */
export function watchCluster(): void {
  const stream = new LiveStream(browserPorts('v1/watch'), {
    onState: (state) => {
      connection.value = state
    },
    onMessage: (data) => take(String(data)),
  })
  addEventListener('online', () => stream.hurry())
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) stream.hurry()
  })
}

/** When each open migration was first seen to copy; ms of the page. */
const copyingSince = new Map<string, number>()

export const copyingForMs = (migrationId: string): number =>
  performance.now() - (copyingSince.get(migrationId) ?? performance.now())

function noteCopying({ migrations }: ClusterView): void {
  const open = new Set(migrations.filter(isCopied).map(({ id }) => id))
  for (const id of copyingSince.keys()) if (!open.has(id)) copyingSince.delete(id)
  for (const id of open) if (!copyingSince.has(id)) copyingSince.set(id, performance.now())
}

const isCopied = ({ phase }: MigrationView) => phase !== 'queued' && !migrationHasEnded(phase)

function take(text: string): void {
  const checked = ClusterView.safeParse(jsonOf(text))
  if (checked.success) {
    noteCopying(checked.data)
    view.value = checked.data
  }
  strangeness.value = checked.error?.issues[0]
    ? `${checked.error.issues[0].path.join('.')}: ${checked.error.issues[0].message}`
    : undefined
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
