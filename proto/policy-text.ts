// What is declared of VMs, in words: the same in the story, in lists, and on the page.
// Not here: what may be declared (ha.ts), who declared what (dashboard/policy-model.ts).

import { type HaPolicySaid, namesText } from './ha.ts'
import { msText } from './quantity.ts'

/** What was said, in a few words each; nothing of what nobody said. */
export function declaredTexts(said: HaPolicySaid): string[] {
  const { priority, after, restarts, relocations, failback, locked } = said
  const { protection, isolation, checkpointMs } = said
  return [
    ...(protection === undefined ? [] : [`protection ${protection}`]),
    ...(checkpointMs === undefined ? [] : [`a checkpoint every ${msText(checkpointMs)}`]),
    ...(isolation === undefined ? [] : [`isolation ${isolation}`]),
    ...(priority === undefined ? [] : [`priority ${priority}`]),
    ...(after?.length ? [`after ${namesText(after)}`] : []),
    ...(restarts === undefined ? [] : [`restarts ${restarts}`]),
    ...(relocations === undefined ? [] : [`relocations ${relocations}`]),
    ...(failback === undefined ? [] : [failback ? 'failback' : 'no failback']),
    ...(locked === undefined ? [] : [locked ? 'locked' : 'not locked']),
  ]
}
