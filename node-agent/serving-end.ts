// The end of a node in good order, as far as others need it: VMs that run elsewhere on pages from
// here, moved or cloned, get them first. Not here: the serving itself (migration/page-server.ts).
// Times in ms.

import type { Clock } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import type { HeldVms } from './held-vms.ts'

/** Whoever needs longer has lost its link, and will be told. */
const servingMsMax = 10_000
const lookMs = 50

/** Resolves when no copy here serves any more, or it has taken too long. */
export async function allServed(vms: HeldVms, serving: () => boolean, clock: Clock): Promise<void> {
  const untilMs = clock.nowMs() + servingMsMax
  const isServing = () => serving() || vms.all().some(({ state }) => state === 'serving')
  while (isServing() && clock.nowMs() < untilMs) await sleep(clock, lookMs)
}
