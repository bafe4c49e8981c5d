// Steps that are one verb of the command line each, about something that is there already: a
// migration under way, a snapshot, a template, a node's sleep, a VM's balloon. Not here: all other
// steps (actions.ts).

import type { MigrationView } from '#proto/api.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { StepOf } from '../language/timeline.ts'
import { hasEnded, insist, type Stage, untilMigrationEnded } from './stage.ts'

export const verbActions = {
  cancel: async ({ vm, within }: StepOf<'cancel'>, stage: Stage) => {
    const { id } = migrationOf(vm, stage)
    await insist(stage, within, () => stage.api.cancel(id))
    await untilMigrationEnded(stage, id, within)
  },
  'post-copy': async ({ vm, within }: StepOf<'post-copy'>, stage: Stage) => {
    const { id } = migrationOf(vm, stage)
    await insist(stage, within, () => stage.api.postCopy(id))
    await stage.waiting.until(`${vm} to run at its destination`, within, () =>
      stage
        .view()
        .migrations.find((one) => one.id === id && (one.phase === 'paging' || hasEnded(one))),
    )
  },
  'drop-snapshot': async ({ vm, snapshot, within }: StepOf<'drop-snapshot'>, stage: Stage) => {
    const { api } = stage
    await insist(stage, within, () => api.dropSnapshot(vm, snapshot))
    await untilGone(stage, `snapshot ${snapshot}`, within, async () =>
      (await api.snapshots(vm)).some(({ name }) => name === snapshot),
    )
  },
  'drop-template': async ({ template, within }: StepOf<'drop-template'>, stage: Stage) => {
    const { api } = stage
    await insist(stage, within, () => api.dropTemplate(template))
    await untilGone(stage, `template ${template}`, within, async () =>
      (await api.templates()).some(({ name }) => name === template),
    )
  },
  merge: async ({ vm: vmId, within }: StepOf<'merge'>, stage: Stage) => {
    const { api } = stage
    await insist(stage, within, () => api.merge(vmId))
    await untilGone(stage, `a merge of ${vmId}`, within, async () =>
      Boolean((await api.vm(vmId)).merging),
    )
  },
  'sleep-node': (step: StepOf<'sleep-node'>, stage: Stage) =>
    sleepOrWake(step, stage, 'sleep', 'standby'),
  'wake-node': (step: StepOf<'wake-node'>, stage: Stage) => sleepOrWake(step, stage, 'wake', 'on'),
  balloon: ({ vm, memory, within }: StepOf<'balloon'>, stage: Stage) =>
    insist(stage, within, () => stage.api.balloon(vm, memory)),
}

/** The one that is under way; throws when none is. */
function migrationOf(vmId: string, { view }: Stage): MigrationView {
  const found = view().migrations.find((one) => one.vmId === vmId && !hasEnded(one))
  if (found) return found
  const mend = 'wait for it, e.g. when: { migration: NAME }'
  throw new FaultError(fault('wrong-state', `No migration of ${vmId} is under way: ${mend}.`))
}

const lookMs = 50

/** What no view shows is asked for, until it is there no more. */
async function untilGone(
  { waiting }: Stage,
  what: string,
  withinMs: number,
  isThere: () => Promise<boolean>,
): Promise<void> {
  for (let waitedMs = 0; await isThere(); waitedMs += lookMs) {
    if (waitedMs >= withinMs)
      throw new FaultError(fault('timed-out', `${what} was there still after ${withinMs} ms`))
    await waiting.sleep(lookMs)
  }
}

async function sleepOrWake(
  { node, within }: StepOf<'sleep-node' | 'wake-node'>,
  stage: Stage,
  verb: 'sleep' | 'wake',
  state: 'standby' | 'on',
): Promise<void> {
  await insist(stage, within, () => stage.api.sleepOrWake(node, verb))
  await stage.waiting.until(`node ${node} to be ${state}`, within, () =>
    stage.view().power.nodes.find((one) => one.id === node && one.state === state),
  )
}
