// All that a person can do on the page, in one table: the word on the button, what is asked before
// it is done, and what is done. When a VM's action is allowed says the table that the coordinator
// itself goes by (proto/state.ts). Not here: how buttons look (parts/), the HTTP API (commands.ts).

import type { VmView } from '#proto/api.ts'
import { mayAct, type VmAction } from '#proto/state.ts'
import { act, remove, snapshot } from './commands.ts'
import { moveAsked, type Question, question } from './questions.ts'

export interface ActionRow<Subject> {
  readonly word: string
  /** Absent: it disturbs nobody, and is done at once. */
  readonly ask?: (subject: Subject) => Omit<Question, 'run' | 'word'>
  readonly run: (subject: Subject) => void
}

/** Without `clone`, `relocate`, `balloon` and `restore`, which need more than a button. */
const vmTable: readonly (ActionRow<VmView> & { readonly action: VmAction })[] = [
  {
    action: 'migrate',
    word: 'Migrate…',
    run: ({ id }) => {
      moveAsked.value = { vmId: id }
    },
  },
  { action: 'snapshot', word: 'Snapshot', run: ({ id }) => void snapshot(id) },
  {
    action: 'pause',
    word: 'Pause',
    ask: ({ id }) => ({
      title: `Pause ${id}?`,
      text: 'Its guest stands still and answers nobody until it is resumed.',
      isGrave: false,
    }),
    run: ({ id }) => void act(id, 'pause'),
  },
  { action: 'resume', word: 'Resume', run: ({ id }) => void act(id, 'resume') },
  { action: 'start', word: 'Start', run: ({ id }) => void act(id, 'start') },
  {
    action: 'stop',
    word: 'Stop',
    ask: ({ id, spec }) => ({
      title: `Stop ${id}?`,
      text:
        `What is in its memory is lost${spec.diskMib > 0 ? '; its disk is kept' : ''}. ` +
        'It stays down until somebody starts it.',
      isGrave: true,
    }),
    run: ({ id }) => void act(id, 'stop'),
  },
  {
    action: 'remove',
    word: 'Remove',
    ask: ({ id, spec }) => ({
      title: `Remove ${id}?`,
      text:
        `The cluster forgets it${spec.diskMib > 0 ? ', and its disk goes with it' : ''}. ` +
        'Nothing brings it back.',
      isGrave: true,
    }),
    run: ({ id }) => void remove(id),
  },
]

/** What may be done with it now. */
export const vmActionsNow = (vm: VmView) => vmTable.filter(({ action }) => mayAct(action, vm.phase))

/** Does it, or asks first. */
export function begin<Subject>(row: ActionRow<Subject>, subject: Subject): void {
  const { ask, word } = row
  const run = () => row.run(subject)
  if (ask) question.value = { ...ask(subject), word, run }
  else run()
}
