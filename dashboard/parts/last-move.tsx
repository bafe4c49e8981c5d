// How the last migration of a VM went, against its forecast; or how far the present one is.
// Not here: all of the cluster's (moves.tsx, history.tsx).

import type { MigrationView, VmView } from '#proto/api.ts'
import { bytesText, msText } from '#proto/quantity.ts'
import { picture } from '../cluster.ts'
import { downtimeForeseen, foreseenText } from '../cluster-model.ts'
import { rangeText } from '../forecasts.ts'
import { DowntimeBar } from './forecast.tsx'
import { MoveTitle, Progress } from './moves.tsx'
import { migrationSigns, Sign } from './sign.tsx'

export function LastMove({ vm }: { vm: VmView }) {
  const now = picture.value
  const isOwn = ({ purpose, vmId }: MigrationView) => purpose === 'migrate' && vmId === vm.id
  const present = now?.moving.find(isOwn)
  const last = present ?? now?.ended.find(isOwn)
  if (!last) return null
  return (
    <section class="travel last" aria-label={present ? 'It is moving' : 'Its last migration'}>
      <h3>
        <Sign name={migrationSigns[last.phase]} />
        <MoveTitle {...last} />
      </h3>
      {present ? <Progress {...present} /> : <Ended {...last} />}
    </section>
  )
}

function Ended(migration: MigrationView) {
  const { phase, record, fault, bytes } = migration
  if (phase !== 'done' || !record) return <p class="fault">{fault?.message ?? phase}</p>
  const { downtimeMs, totalMs, rounds } = record
  const foreseen = downtimeForeseen(migration)
  return (
    <>
      <p>
        <b>{msText(downtimeMs)}</b> downtime
        {foreseenText(migration, (range) => rangeText(range, msText))}
      </p>
      {foreseen && <DowntimeBar range={foreseen} actualMs={downtimeMs} />}
      <p>
        <small>
          {msText(totalMs)} in all, {rounds.length} {rounds.length === 1 ? 'round' : 'rounds'},{' '}
          {bytesText(bytes)}
        </small>
      </p>
    </>
  )
}
