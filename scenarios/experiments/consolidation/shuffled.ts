// Traces in another order, so that they become other kinds of VM. Fisher and Yates; the same seed,
// the same order.

import type { Random } from '#env/env.ts'

export function shuffled<Of>(list: readonly Of[], random: Random): Of[] {
  const result = [...list]
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[result[i], result[j]] = [result[j] as Of, result[i] as Of]
  }
  return result
}
