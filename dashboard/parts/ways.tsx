// How a VM migrates, as far as a person chooses it here: the mode, what is done about a VM that
// writes too fast, and how much of the link it may take. What is not chosen is the coordinator's
// default (proto/message-parts.ts). Forecasts follow each change.

import { migrationModes, stuckPolicies } from '#proto/message-parts.ts'
import type { MigrateParams } from '../commands.ts'

interface WaysProps {
  readonly params: MigrateParams
  change(params: MigrateParams): void
}

const modeWords: Record<(typeof migrationModes)[number], string> = {
  'pre-copy': 'pre-copy: it runs here while its pages follow',
  'post-copy': 'post-copy: it runs there early, and fetches the rest',
  'stop-and-copy': 'stop and copy: it stands still meanwhile',
}
const stuckWords: Record<(typeof stuckPolicies)[number], string> = {
  stop: 'stop it, if that is bearable',
  throttle: 'slow it down',
  'post-copy': 'go on as post-copy',
  'raise-limit': 'allow more downtime',
  'give-up': 'leave it where it is',
}
const megabyte = 1e6
const limits = [0, 50, 10, 2, 0.5]

export function Ways({ params, change }: WaysProps) {
  const { mode = 'pre-copy', whenStuck = 'stop', bandwidthBytesPerSecMax = 0 } = params
  return (
    <fieldset class="ways">
      <legend>How</legend>
      <label>
        Mode
        <select
          value={mode}
          onChange={({ currentTarget: { value } }) =>
            change({ ...params, mode: value as typeof mode })
          }
        >
          {migrationModes.map((each) => (
            <option key={each} value={each}>
              {modeWords[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        If it writes faster than pages travel
        <select
          value={whenStuck}
          onChange={({ currentTarget: { value } }) =>
            change({ ...params, whenStuck: value as typeof whenStuck })
          }
        >
          {stuckPolicies.map((each) => (
            <option key={each} value={each}>
              {stuckWords[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        Of the link it takes
        <select
          value={bandwidthBytesPerSecMax}
          onChange={({ currentTarget: { value } }) =>
            change({ ...params, bandwidthBytesPerSecMax: Number(value) })
          }
        >
          {limits.map((each) => (
            <option key={each} value={each * megabyte}>
              {each === 0 ? 'all there is' : `at most ${each} MB/s`}
            </option>
          ))}
        </select>
      </label>
    </fieldset>
  )
}
