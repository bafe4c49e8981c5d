// A cluster that may be broken on purpose says so, and what of it is broken now: asked of the
// coordinator when the page opens, after each wish, and when a node changes its phase; another
// shell may break things too. A cluster that is no laboratory refuses, and nothing is offered.
// Not here: what is offered (actions.ts). Times in ms.

import { computed, effect, signal } from '@preact/signals'
import { type BreakRequest, LaboratoryView } from '#proto/laboratory.ts'
import { ask, isRefused } from './asking.ts'
import { connection, view } from './cluster.ts'
import { tell } from './commands.ts'
import { allows } from './session.ts'

export type BreakableNode = LaboratoryView['nodes'][number]

/** undefined: nothing may be broken here. */
export const laboratory = signal<LaboratoryView | undefined>(undefined)

/** A cut is not seen at once by the coordinator; nor is who was healed elsewhere. */
const lookEveryMs = 5_000

const phases = computed(() => view.value?.nodes.map(({ id, phase }) => `${id} ${phase}`).join(' '))

/** For as long as the page lives. */
export function watchLaboratory(): void {
  effect(() => {
    if (connection.value.is === 'live' && phases.value !== undefined) void look()
  })
  setInterval(() => {
    if (laboratory.peek() && !document.hidden && connection.peek().is === 'live') void look()
  }, lookEveryMs)
}

async function look(): Promise<void> {
  if (!allows('run-cluster')) return
  const answer = await ask(LaboratoryView, 'GET', 'v1/laboratory')
  laboratory.value = isRefused(answer) ? undefined : answer.value
}

export async function breakNode(id: string, wish: BreakRequest, done: string): Promise<void> {
  const answer = await ask(LaboratoryView, 'POST', `v1/nodes/${id}/break`, wish)
  if (isRefused(answer)) {
    tell(answer.refused, true)
    return
  }
  laboratory.value = answer.value
  tell(done, false)
}
