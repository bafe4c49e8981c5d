// Beginnings of stories about replicas: `a` runs on n1, and n2 is there.
// Not here: the stories (protection.test.ts), how they are told (../story.ts).

import { asVmId } from '#proto/ids.ts'
import { type Story, started } from '../story.ts'

type Level = 'none' | 'restart' | 'checkpoint' | 'continuous'

export const level = (story: Story, protection: Level, more = {}) =>
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change: { protection, ...more } }, protection)
export const vmOf = (story: Story) => story.state.vms.get(asVmId('a'))
export const replicaOf = (story: Story) => {
  const replica = vmOf(story)?.replica
  return replica && `${replica.id} ${replica.phase} ${replica.nodeId}`
}
/** The lines since then that are told to nodes. */
export const sent = (story: Story, kind: string, from = 0) =>
  story.lines.slice(from).filter((line) => line.startsWith('> ') && line.includes(` ${kind} `))
/** The id of the last command of that kind. */
export const idOf = (story: Story, kind: string) =>
  /\((\S+)\)$/.exec(sent(story, kind).at(-1) ?? '')?.[1] ?? 'none'

/** `a` is on n1, and is about to have a replica on n2. */
export function syncing(protection: Level = 'continuous', more = {}, spec = {}): Story {
  const story = started({ diskMib: 4, ...spec })
  level(story, protection, more)
  story.passWith(250, { n1: ['a@1 running'], n2: [] })
  return story
}

/** … and has it: it counts. */
export function kept(protection: Level = 'continuous', more = {}, spec = {}): Story {
  const story = syncing(protection, more, spec)
  story.result('n1', idOf(story, 'replicate'))
  story.passWith(250, { n1: ['a@1 running r2=kept'], n2: ['a@1 replica r2'] })
  return story
}

/** … its node falls silent, and n2 was told to run it. */
export function takingOver(more = {}): Story {
  const story = kept('continuous', more)
  story.lose('n1')
  story.passWith(250, { n2: ['a@1 replica r2=silent r2'] })
  return story
}
