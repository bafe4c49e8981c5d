// What is moving now: each migration and clone with its round, its pages and the downtime to come.
// Not here: those that have ended (history.tsx).

import type { MigrationView } from '#proto/api.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'
import type { MigrationPhase } from '#proto/state.ts'
import { roundPart } from '../cluster-model.ts'
import { cancel } from '../commands.ts'
import { Bar } from './meter.tsx'
import { migrationSigns, Sign } from './sign.tsx'

const phaseWords: Record<MigrationPhase, string> = {
  queued: 'waits for its turn',
  copying: 'copying',
  switching: 'switching over',
  resolving: 'in doubt: both ends are asked',
  paging: 'runs there, its last pages come',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
}

export function Moves({ moving }: { moving: readonly MigrationView[] }) {
  return (
    <section class="card moves" aria-labelledby="moves">
      <header>
        <h2 id="moves">Moving now</h2>
        {moving.length > 0 && <p>{moving.length}</p>}
      </header>
      {moving.length === 0 && <p class="empty">Nothing moves.</p>}
      <ul>
        {moving.map((migration) => (
          <Move key={migration.id} {...migration} />
        ))}
      </ul>
    </section>
  )
}

function Move(migration: MigrationView) {
  const { id, phase, round, sentPages, pagesOfRound, bytes, expectedDowntimeMs } = migration
  const copying = phase === 'copying'
  return (
    <li class="travel">
      <h3>
        <Sign name={migrationSigns[phase]} />
        <MoveTitle {...migration} />
      </h3>
      <Bar
        part={phase === 'switching' ? 1 : roundPart(migration)}
        label={`round ${round}: ${sentPages} of ${pagesOfRound} pages`}
      />
      <dl class="facts">
        <div>
          <dt>State</dt>
          <dd>{copying ? `round ${round}` : phaseWords[phase]}</dd>
        </div>
        <div>
          <dt>Pages</dt>
          <dd>
            {countText(sentPages)} <small>of {countText(pagesOfRound)}</small>
          </dd>
        </div>
        <div>
          <dt>Sent</dt>
          <dd>{bytesText(bytes)}</dd>
        </div>
        <div>
          <dt>Downtime to come</dt>
          <dd>{expectedDowntimeMs === undefined ? 'not known yet' : msText(expectedDowntimeMs)}</dd>
        </div>
      </dl>
      <button type="button" class="quiet" onClick={() => void cancel(id)}>
        Cancel
      </button>
    </li>
  )
}

export function MoveTitle({ purpose, vmId, cloneIds, from, to }: MigrationView) {
  if (purpose === 'clone')
    return (
      <span>
        <strong>{vmId}</strong> cloned {cloneIds.length === 1 ? 'once' : `${cloneIds.length} times`}{' '}
        <span class="way">on {to}</span>
      </span>
    )
  return (
    <span>
      <strong>{vmId}</strong>{' '}
      <span class="way">
        {from} → {to}
      </span>
    </span>
  )
}
