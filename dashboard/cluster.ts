// The one live cluster behind the page, as signals: the last checked view, and how the connection
// stands. Views are read and checked beside the page (watch-worker.ts); what has not changed is the
// same object in the next one. Not here: drawing (parts/), asking for changes (commands.ts).

import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { ClusterView, MigrationView, VmView } from '#proto/api.ts'
import { migrationHasEnded } from '#proto/state.ts'
import { addressOf } from './browser.ts'
import { type ClusterPicture, pictureOf } from './cluster-model.ts'
import type { StreamState } from './live-stream.ts'
import { route } from './route.ts'
import { withChanges } from './view-changes.ts'
import type { FromWatcher, ToWatcher } from './watch-worker.ts'

export const view = signal<ClusterView | undefined>(undefined)
let drawn: ClusterPicture | undefined
export const picture = computed(() => {
  drawn = view.value && pictureOf(view.value, drawn)
  return drawn
})
/** Each VM for itself: who draws one follows one. */
const vms = new Map<string, Signal<VmView>>()
export function vmSignal(vm: VmView): ReadonlySignal<VmView> {
  const known = vms.get(vm.id) ?? signal(vm)
  vms.set(vm.id, known)
  return known
}
/** Is it there still; and not another one under its name? */
export const isThere = ({ id, identity }: VmView): boolean =>
  view.value?.vms.some((vm) => vm.id === id && vm.identity.instanceId === identity.instanceId) ??
  false
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
  const worker = new Worker(new URL('./watch-worker.ts', import.meta.url), { type: 'module' })
  const say = (message: ToWatcher) => worker.postMessage(message)
  worker.onmessage = ({ data }: MessageEvent<FromWatcher>) => hear(data)
  const address = addressOf('v1/watch').replace(/^http/, 'ws')
  say({ say: 'open', address, health: addressOf('healthz') })
  addEventListener('online', () => say({ say: 'hurry' }))
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) say({ say: 'hurry' })
  })
}

function hear(news: FromWatcher): void {
  if (news.hear === 'state') connection.value = news.state
  else if (news.hear === 'strange') strangeness.value = news.what
  else {
    const now = withChanges(view.peek(), news.changes)
    batch(() => {
      noteCopying(now)
      view.value = now
      for (const vm of now.vms) {
        const known = vms.get(vm.id)
        if (known) known.value = vm
      }
    })
    const { order } = news.changes.vms
    if (order) forgetAllBut(new Set(order))
  }
}

function forgetAllBut(ids: ReadonlySet<string>): void {
  for (const id of vms.keys()) if (!ids.has(id)) vms.delete(id)
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
