// What our own guest can be told to do. It ends itself over any other word (engine/guests/src/
// workload.c), and says so on a console that nobody sees yet: so a slip is told before it starts.
// Not here: what each workload takes besides (docs/guest.md).

import { ownImage, workloadOf } from '#proto/vm-spec.ts'
import { nearestName } from '#scenarios/language/nearest-name.ts'

export const ownWorkloads: readonly string[] = ['kv', 'dirty', 'cpu', 'check', 'desktop']

/** Undefined: it is one, or none is said. */
export function workloadMistake(image: string | undefined, args = ''): string | undefined {
  if (image !== undefined && image !== ownImage) return undefined
  const word = workloadOf({ image: '', args })
  if (word === '' || ownWorkloads.includes(word)) return undefined
  const near = nearestName(word, ownWorkloads)
  const mend = near ? `; did you mean workload=${near}?` : `: ${ownWorkloads.join(', ')}`
  return `--args: our guest knows no workload=${word}${mend}`
}
