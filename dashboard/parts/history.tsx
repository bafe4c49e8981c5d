// The migrations that have ended, as a table: what each cost, its downtime beside what was forecast
// before it began, and what was expected when the VM was about to stop.

import type { MigrationView } from '#proto/api.ts'
import { bytesText, msText } from '#proto/quantity.ts'
import { downtimeForeseen } from '../cluster-model.ts'
import { type ColumnTitle, ColumnTitles } from './column-titles.tsx'
import { MoveTitle } from './moves.tsx'
import { once } from './once.tsx'
import { migrationSigns, Sign } from './sign.tsx'

/** More are in `godwit migrations`. */
const rowsMax = 30

const titles: readonly ColumnTitle[] = [
  ['What', ''],
  ['Outcome', ''],
  ['Rounds', 'number'],
  ['Sent', 'number'],
  ['Total time', 'number'],
  ['Downtime', 'number'],
  ['Forecast', 'number'],
  ['Expected', 'number'],
  ['Hash on both ends', ''],
  ['Asked by', ''],
]

export const History = once(function History({ ended }: { ended: readonly MigrationView[] }) {
  if (ended.length === 0) return null
  return (
    <section class="card history" aria-labelledby="history">
      <header>
        <h2 id="history">Migrations and clones</h2>
        <p>{ended.length > rowsMax ? `the last ${rowsMax} of ${ended.length}` : ended.length}</p>
      </header>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways on narrow windows */}
      <section class="scroll" tabIndex={0} aria-label="Table of migrations and clones">
        <table>
          <thead>
            <tr>
              <ColumnTitles titles={titles} />
            </tr>
          </thead>
          <tbody>
            {ended.slice(0, rowsMax).map((migration) => (
              <Row key={migration.id} {...migration} />
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
})

const none = '–'

function Row(migration: MigrationView) {
  const { phase, record, fault, bytes, expectedDowntimeMs, cause } = migration
  const foreseen = downtimeForeseen(migration)
  return (
    <tr class={phase}>
      <th scope="row">
        <MoveTitle {...migration} />
      </th>
      <td class={`outcome ${phase}`} title={fault?.message}>
        <Sign name={migrationSigns[phase]} /> {phase}
        {fault && <small>{fault.message}</small>}
      </td>
      <td class="number">{record?.rounds.length ?? none}</td>
      <td class="number">{bytesText(bytes)}</td>
      <td class="number">{record ? msText(record.totalMs) : none}</td>
      <td class="number strong">{record && phase === 'done' ? msText(record.downtimeMs) : none}</td>
      <td class="number">{foreseen ? msText(foreseen.expected) : none}</td>
      <td class="number">{expectedDowntimeMs === undefined ? none : msText(expectedDowntimeMs)}</td>
      <td class="hash">{record?.hash || none}</td>
      <td>{cause}</td>
    </tr>
  )
}
