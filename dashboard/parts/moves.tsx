// What is moving now: each migration and clone with its round, its pages, the time and the downtime
// to come, against its forecast. Not here: those that have ended (history.tsx).

import type { MigrationView } from '#proto/api.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'
import type { MigrationPhase } from '#proto/state.ts'
import { connection, copyingForMs, view } from '../cluster.ts'
import { downtimeForeseen, etaMs, roundPart } from '../cluster-model.ts'
import { cancel, hasten } from '../commands.ts'
import { allows } from '../session.ts'
import { DowntimeBar } from './forecast.tsx'
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
          <li key={migration.id} class="travel">
            <h3>
              <Sign name={migrationSigns[migration.phase]} />
              <MoveTitle {...migration} />
            </h3>
            <Progress {...migration} />
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Of one that is under way; also in the panel of its VM. */
export function Progress(migration: MigrationView) {
  const { phase, purpose, round, sentPages, pagesOfRound } = migration
  const foreseen = purpose === 'migrate' ? downtimeForeseen(migration) : undefined
  return (
    <>
      <Bar
        part={phase === 'switching' ? 1 : roundPart(migration)}
        label={`round ${round}: ${sentPages} of ${pagesOfRound} pages`}
      />
      <ProgressFacts {...migration} />
      {foreseen && <DowntimeBar range={foreseen} />}
      {mayChange(migration) && <Changes {...migration} />}
    </>
  )
}

/** Where VMs run is not everybody's to say, and may concern a VM of another. */
const mayChange = ({ vmId }: MigrationView): boolean =>
  allows(
    'place',
    view.value?.vms.find(({ id }) => id === vmId),
  )

function Changes({ id, phase, purpose }: MigrationView) {
  return (
    <fieldset class="row" aria-label={`Actions on ${id}`} disabled={connection.value.is !== 'live'}>
      {phase === 'copying' && purpose === 'migrate' && (
        <button type="button" class="quiet" onClick={() => void hasten(id)}>
          Go on as post-copy
        </button>
      )}
      {(phase === 'queued' || phase === 'copying' || phase === 'switching') && (
        <button type="button" class="quiet" onClick={() => void cancel(id)}>
          Cancel
        </button>
      )}
    </fieldset>
  )
}

function ProgressFacts(migration: MigrationView) {
  const { phase, round, sentPages, pagesOfRound, bytes, expectedDowntimeMs } = migration
  const foreseen = migration.purpose === 'migrate' ? downtimeForeseen(migration) : undefined
  const leftMs = etaMs(migration, copyingForMs(migration.id))
  return (
    <dl class="facts">
      <div>
        <dt>State</dt>
        <dd>{phase === 'copying' ? `round ${round}` : phaseWords[phase]}</dd>
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
        <dt>Time to go</dt>
        <dd>{leftMs === undefined ? 'not known yet' : `about ${msText(leftMs)}`}</dd>
      </div>
      <div>
        <dt>Downtime to come</dt>
        <dd>{expectedDowntimeMs === undefined ? 'not known yet' : msText(expectedDowntimeMs)}</dd>
      </div>
      {foreseen && (
        <div>
          <dt>Forecast of it</dt>
          <dd>{msText(foreseen.expected)}</dd>
        </div>
      )}
    </dl>
  )
}

/** Nothing of copies that whoever looks does not see. */
const timesText = (count: number): string =>
  count > 1 ? `${count} times ` : count === 1 ? 'once ' : ''

export function MoveTitle({ purpose, vmId, cloneIds, from, to }: MigrationView) {
  if (purpose === 'clone')
    return (
      <span>
        <strong>{vmId}</strong> cloned {timesText(cloneIds.length)}
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
