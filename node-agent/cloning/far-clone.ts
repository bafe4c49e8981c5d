// Clones on another node that begin before their pages are there: the parent is forked as for
// clones beside it, and goes on; the pages that it has used last are sent along, so that the clone
// does not wait for each, and all others are served from the image. Not here: the conversation
// (../migration/source.ts), the serving (../migration/page-server.ts). Ms, page indices.
// After Lagar-Cavilla et al., "SnowFlock", EuroSys 2009, which sends nothing ahead.

import type { ForkImage } from '#engine/memory/fork-image.ts'
import { hasPage } from '#engine/memory/page-bitmap.ts'
import type { Clock } from '#env/env.ts'
import type { CloneTarget } from '#proto/messages.ts'
import { encodePageFrame } from '#proto/page-frame.ts'
import { pagesPerFrameMax } from '#proto/units.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import type { GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import type { PageLink } from '../migration/page-links.ts'
import { filledPages, forkedOrigin } from '../migration/page-origin.ts'
import type { RoundSent } from '../migration/source-state.ts'
import type { Vmm } from '../vmm.ts'
import type { Fork, Forks } from './forks.ts'

export interface FarForkPorts {
  readonly forks: Forks
  readonly vmm: Vmm
  readonly console: GuestConsole
  readonly clock: Clock
}

export interface FarFork extends Fork {
  readonly forkedAtMs: number
  /** What the parent had used last. */
  readonly recent: Uint32Array
  /** What the clone lacks when it begins, one bit a page; without what is sent along. */
  readonly missing: Uint8Array
}

/**
 * The parent goes on if it ran, on this disk if one is given. `left`: what the clone has not been
 * sent yet; absent: everything. Whoever asks for it releases the image.
 */
export async function forkFar(
  parent: HeldVm,
  { disk, left }: { readonly disk: DiskRef | undefined; readonly left: Uint8Array | undefined },
  { forks, vmm, console, clock }: FarForkPorts,
): Promise<FarFork> {
  const used = vmm.mustHave(parent).recentPages(pagesPerFrameMax)
  const { image, sections, pausedMs } = await forks.fork(parent, disk)
  if (disk) parent.disk = disk
  // Nothing that the parent has written since has been heard yet.
  const ring = console.capture()
  const forkedAtMs = clock.nowMs()
  if (!left) image.memory.forgetTracked()
  const missing = left?.slice() ?? filledPages(image)
  const recent = used.filter((page) => hasPage(missing, page)).sort()
  for (const page of recent) missing[page >> 3] = (missing[page >> 3] ?? 0) & ~(1 << (page & 7))
  return { image, sections: [...sections, ring], pausedMs, forkedAtMs, recent, missing }
}

/** One frame, or none: it is on its way before the clone is described. */
export function sendRecent(
  { image, recent }: { readonly image: ForkImage; readonly recent: Uint32Array },
  { vmId, epoch, round }: Pick<CloneTarget, 'vmId' | 'epoch'> & { readonly round: number },
  link: PageLink,
): RoundSent {
  const none = { frames: 0, pages: 0, zeroPages: 0, bytes: 0 }
  if (recent.length === 0) return none
  const origin = forkedOrigin(image)
  const { pages, bytes, zeroPages } = origin.read(recent)
  const about = { vmId, epoch, round, frameNumber: 0, encoding: 'raw' } as const
  if (pages.length === 0) return { ...none, zeroPages: zeroPages.length }
  const contentSum = origin.contentSum(pages)
  const frame = encodePageFrame({ ...about, pages, contentSum, bytes })
  link.send(frame)
  return { frames: 1, pages: pages.length, zeroPages: zeroPages.length, bytes: frame.length }
}
