// The options that say how a VM is kept running, or all VMs of a group, and such a policy in words.
// Pure. Not here: the commands (commands/ha.ts, commands/group.ts), what it means
// (docs/high-availability.md).

import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type HaPolicy,
  type HaPolicyChange,
  type ProtectionLevel,
  protectionLevels,
} from '#proto/ha.ts'
import { type IsolationResponse, isolationResponses } from '#proto/vm-spec.ts'
import { said } from '#scenarios/language/high-availability.ts'
import { wholeBetween } from './help.ts'
import { inMs } from './units.ts'

/** Names with commas between. */
export const list = (text: string): string[] => text.split(',').filter((name) => name !== '')

export interface PolicyOptions {
  readonly priority?: number
  readonly after?: string[]
  readonly restarts?: number
  readonly relocations?: number | null
  readonly failback?: boolean
  readonly lock?: boolean
  readonly unlock?: boolean
  readonly protection?: ProtectionLevel
  readonly isolation?: IsolationResponse
  readonly every?: number
}

const relocationsOf = (text: string): number | null =>
  text === 'default' ? null : wholeBetween(0, 100)(text)

export const withPolicyOptions = (command: Command): Command =>
  command
    .option('--priority <n>', 'whose turn it is first when several wait', wholeBetween(0, 1000))
    .option('--after <vms>', 'start only when these run: a,b (empty: at once)', list)
    .option('--restarts <n>', 'in a row, after a crash or a failed start', wholeBetween(0, 100))
    .option('--relocations <n>', 'then on so many other nodes; or `default`', relocationsOf)
    .option('--failback', 'go to a better node by itself when there is one')
    .option('--no-failback', 'stay where it is')
    .option('--lock', 'nothing moves or restarts it by itself')
    .option('--unlock', 'the end of that')
    .addOption(
      new Option('--protection <level>', 'what becomes of it when its node is lost').choices(
        protectionLevels,
      ),
    )
    .addOption(
      new Option('--isolation <what>', 'what a node that is cut off does with it').choices(
        isolationResponses,
      ),
    )
    .option('--every <ms>', 'from one checkpoint to the next', inMs(wholeBetween(20, 3_600_000)))

/** The parts of a policy, by the options that say them. */
const partOf: Readonly<Record<string, keyof HaPolicy>> = {
  ...{ priority: 'priority', after: 'after', restarts: 'restarts', relocations: 'relocations' },
  ...{ failback: 'failback', lock: 'locked', protection: 'protection', isolation: 'isolation' },
  every: 'checkpointMs',
}

/** `priority,lock`: of these nothing is said any more. */
export function unsaid(text: string): HaPolicyChange {
  const parts = list(text).map((word) => partOf[word])
  if (parts.length === 0 || parts.includes(undefined))
    throw new InvalidArgumentError(`Write of ${Object.keys(partOf).join(', ')}, with commas.`)
  return Object.fromEntries(parts.map((part) => [part, null]))
}

/** Only what was said. */
export function changeOf(options: PolicyOptions, self: Command): HaPolicyChange {
  const saysFailback = self.getOptionValueSource('failback') === 'cli'
  const { priority, after, restarts, relocations, failback, lock, unlock } = options
  const { protection, isolation, every: checkpointMs } = options
  const locked = lock ? true : unlock ? false : undefined
  const back = saysFailback ? failback : undefined
  const rest = { failback: back, locked, protection, isolation, checkpointMs }
  return said({ priority, after, restarts, relocations, ...rest })
}

/** A policy in words. */
export function policyText({
  priority,
  after,
  restarts,
  relocations,
  failback,
  locked,
  protection,
  isolation,
  checkpointMs,
}: HaPolicy): string {
  const parts = [
    `priority ${priority}`,
    ...(after.length > 0 ? [`after ${after.join(', ')}`] : []),
    `restarts ${restarts}`,
    `relocations ${relocations ?? 'default'}`,
    failback ? 'failback' : 'no failback',
    ...(locked ? ['locked'] : []),
    ...(protection ? [`protection ${protection}`] : []),
    ...(isolation ? [`isolation ${isolation}`] : []),
    ...(checkpointMs ? [`a checkpoint every ${checkpointMs} ms`] : []),
  ]
  return parts.join(', ')
}
