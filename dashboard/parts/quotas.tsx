// How much of the cluster the VMs of whoever looks may take, and what of it is used; to those who
// see all, everybody's. Nothing is shown where nothing is limited. Not here: what is refused
// (coordinator/core/quotas.ts).

import {
  type QuotaLine,
  type QuotaPart,
  type QuotaView,
  quotaLines,
  wayOutText,
} from '#proto/quotas.ts'
import { me } from '../session.ts'
import { Meter } from './meter.tsx'

const partNames: Readonly<Record<QuotaPart, string>> = {
  ...{ vms: 'VMs', memoryMib: 'Memory', cores: 'CPU', diskMib: 'Disk' },
  ...{ snapshots: 'Snapshots', templates: 'Templates' },
}

export function Quotas({ quotas }: { quotas: readonly QuotaView[] }) {
  const who = me.value
  const isOwn = ({ person }: QuotaView) => typeof who === 'object' && who.name === person
  if (quotas.length === 0) return null
  return (
    <section class="card quotas" aria-labelledby="quotas">
      <header>
        <h2 id="quotas">{quotas.every(isOwn) ? 'What you may use' : 'What persons may use'}</h2>
      </header>
      {quotas.map((quota) => (
        <One key={quota.person} quota={quota} isOwn={isOwn(quota)} />
      ))}
    </section>
  )
}

function One({ quota, isOwn }: { quota: QuotaView; isOwn: boolean }) {
  const lines = quotaLines(quota)
  const full = lines.filter(({ used, allowed }) => used >= allowed)
  return (
    <>
      {!isOwn && <h3>{quota.person}</h3>}
      {lines.map((line) => (
        <Meter
          key={line.part}
          name={partNames[line.part]}
          part={partOf(line)}
          text={line.figures}
        />
      ))}
      {isOwn && full.length > 0 && (
        <p class="hint">
          To begin more, {wayOutText(full.map(({ part }) => part))}, or ask{' '}
          {quota.by ?? 'an operator'} for more.
        </p>
      )}
    </>
  )
}

/** Nothing allowed is all used. */
const partOf = ({ used, allowed }: QuotaLine): number => (allowed > 0 ? used / allowed : 1)
