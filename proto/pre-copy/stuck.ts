// What is done about a VM that pre-copy gets no nearer to: a pure function of the policy and of the
// rounds so far. Not here: when it is stuck (stop-rule.ts), that it is done (source.ts).
// Percent are of one core; bytes, ms. Source of the throttle: Clark et al., NSDI 2005, §5.5
// ("stunning rogue processes"), which slows down what writes too fast.

import type { MigrationParams } from '../message-parts.ts'
import { type RoundMeasured, saturatedFrom } from './stop-rule.ts'

export interface Stuck {
  readonly policy: MigrationParams['whenStuck']
  readonly downtimeMsMax: number
  readonly expectedDowntimeMs: number
  readonly rounds: readonly (RoundMeasured & { readonly pages: number })[]
  readonly roundsMax: number
  /** How many times the limit is allowed by now. */
  readonly limitFactor: number
  /** What the VM may have of a core now, and what when it is not slowed down. */
  readonly percent: number
  readonly fullPercent: number
}

export type Remedy =
  | { readonly do: 'stop' }
  | { readonly do: 'post-copy' }
  | { readonly do: 'give-up' }
  | { readonly do: 'raise-limit'; readonly factor: number }
  | { readonly do: 'throttle'; readonly percent: number }

/** A forced stop may take so many times the limit; beyond it the VM stays where it is. */
export const forcedDowntimeFactor = 10
/** A VM that was slowed down to the least has stood still before: QEMU's default downtime limit. */
const throttledDowntimeMs = 300
export const limitFactorMax = 16
/** So many rounds without progress: a remedy costs less than the rounds that it saves. */
const patience: Record<MigrationParams['whenStuck'], number> = {
  stop: 4,
  'give-up': 4,
  throttle: 1,
  'post-copy': 2,
  'raise-limit': 2,
}
/** Dirtied by sent pages that a throttled VM is slowed down to: each round has half of the last. */
const dirtiedPerSent = 0.5
/** Next to nothing: whoever writes its memory in milliseconds writes little of it in a round. */
const percentMin = 0.1
/** Of a VM that has written its whole working set in a round, perhaps many times over. */
const saturatedFactor = 0.25
/** Of a VM that was slowed down and did so all the same: many times over, surely. */
const stillSaturatedFactor = 0.125

export const patienceOf = (policy: Stuck['policy']): number => patience[policy]

export function remedyFor(stuck: Stuck): Remedy {
  const isLast = stuck.rounds.length >= stuck.roundsMax
  switch (stuck.policy) {
    case 'stop':
      return stopOrGiveUp(stuck)
    case 'give-up':
      return { do: 'give-up' }
    case 'post-copy':
      return { do: 'post-copy' }
    case 'raise-limit':
      return raiseLimit(stuck, isLast)
    case 'throttle':
      return isLast || stuck.percent <= percentMin ? stopOrGiveUp(stuck) : throttle(stuck)
  }
}

function stopOrGiveUp({ policy, expectedDowntimeMs, downtimeMsMax }: Stuck): Remedy {
  const least = policy === 'throttle' ? throttledDowntimeMs : 0
  const isBearable = expectedDowntimeMs <= Math.max(downtimeMsMax * forcedDowntimeFactor, least)
  return { do: isBearable ? 'stop' : 'give-up' }
}

/** A step at a time: the VM may write less in the next round. */
function raiseLimit({ limitFactor }: Stuck, isLast: boolean): Remedy {
  if (isLast || limitFactor >= limitFactorMax) return { do: 'give-up' }
  return { do: 'raise-limit', factor: limitFactor * 2 }
}

/** As little as suffices, by how much was dirtied while so much was sent. */
function throttle({ rounds, percent, fullPercent }: Stuck): Remedy {
  const last = rounds.at(-1)
  const ratio = last && last.pages > 0 ? last.dirtyPages / last.pages : 1
  const needed = dirtiedPerSent / Math.max(ratio, dirtiedPerSent)
  const least = percent < fullPercent ? stillSaturatedFactor : saturatedFactor
  const factor = ratio >= saturatedFrom ? least : Math.min(0.8, needed)
  const whole = Math.floor(10 * percent * factor) / 10
  return { do: 'throttle', percent: Math.max(percentMin, whole) }
}
