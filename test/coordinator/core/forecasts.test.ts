// What the coordinator foresees, what it refuses for it, and what it learns from how it went.

import { expect, test } from 'vitest'
import { forecastOf } from '#coordinator/core/forecasts.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import type { MigrationRecord, VmLoad } from '#proto/messages.ts'
import { type Story, started } from './story.ts'

/** It writes all of its 16 MiB again and again. */
const flatOut = { touchedBytes: 16 << 20, dirtyCurve: [{ ms: 40, pages: 4096 }] }
const quiet = { touchedBytes: 16 << 20, dirtyCurve: [{ ms: 500, pages: 0 }] }

/** `a` runs on n1, and was seen to write so. */
function seen(load: Partial<VmLoad>): Story {
  const story = started()
  const vm = story.state.vms.get(asVmId('a'))
  const idle = { cpuDemandPercent: 0, cpuGotPercent: 0, mips: 0, dirtyPagesPerSec: 0 }
  if (vm) vm.live.load = { ...idle, touchedBytes: 0, ...load }
  return story
}

const faultOf = ({ answer }: Story) => answer && 'fault' in answer && answer.fault.code
const foreseen = (story: Story) => {
  const vm = story.state.vms.get(asVmId('a'))
  return vm && forecastOf(story.state, vm, asNodeId('n2'), {})
}

/** 100 MB/s, and 20 ms besides the pages of the last round. */
const record: MigrationRecord = {
  rounds: [
    { round: 0, pages: 4096, zeroPages: 0, bytes: 16 << 20, ms: 167.77, dirtyPages: 0 },
    { round: 1, pages: 0, zeroPages: 0, bytes: 0, ms: 1, dirtyPages: 0 },
  ],
  ...{ bytes: 16 << 20, pages: 4096, zeroPages: 0, totalMs: 200, downtimeMs: 21, hash: '' },
}

test('what would be given up is refused before the first page, and says what to do', () => {
  const story = seen(flatOut)
  story.migrate('a', 'n2', { whenStuck: 'give-up', downtimeMsMax: 5 })
  expect(faultOf(story)).toBe('not-converging')
  expect(story.state.vms.get(asVmId('a'))?.phase).toBe('running')
  story.migrate('a', 'n2', { whenStuck: 'post-copy' })
  expect(faultOf(story)).toBe(false)
})

test('who insists may try', () => {
  const story = seen(flatOut)
  const request = { to: 'n2', cause: 'operator', params: { whenStuck: 'give-up' }, force: true }
  story.ask({ do: 'migrate', vmId: asVmId('a'), request } as never)
  expect(faultOf(story)).toBe(false)
})

test('of a VM that was not looked at yet nothing is foreseen, and nothing refused', () => {
  const story = started()
  expect(foreseen(story)).toBeUndefined()
  story.migrate('a', 'n2', { whenStuck: 'give-up' })
  expect(faultOf(story)).toBe(false)
})

test('a forecast moves nothing', () => {
  const story = seen(quiet)
  const request = { to: 'n2', cause: 'operator' }
  story.ask({ do: 'forecast', vmId: asVmId('a'), request })
  expect(story.answer).toMatchObject({
    value: { vmId: 'a', from: 'n1', to: 'n2', forecast: { verdict: 'fits' } },
  })
  expect(story.state.migrations.size).toBe(0)
})

/** `a` runs on n1, and `b` beside it by a rule; n2 has room for both. */
function pair(): Story {
  const story = started()
  story.ask({
    do: 'set-rule',
    rule: { kind: 'keep-together', name: 'pair', vms: ['a', 'b'], strict: true },
  })
  story.run('b')
  for (const [id, { kind, nodeId }] of [...story.state.commands])
    if (kind === 'start') story.result(nodeId, id)
  return story
}

test.each([
  ['to where it is already', started, 'n1'],
  ['of one that a rule keeps together with another', pair, 'n2'],
  ['of one whose company is paused', () => pausedPair(), 'n2'],
])('a forecast %s says what the migration would', (_what, make, to) => {
  const request = { to, cause: 'operator' as const }
  const said = (kind: 'forecast' | 'migrate') => {
    const story = make()
    story.ask({ do: kind, vmId: asVmId('a'), request } as never)
    const { answer } = story
    return answer && 'fault' in answer && answer.fault ? answer.fault.message : 'it goes'
  }
  expect(said('forecast')).toBe(said('migrate'))
})

function pausedPair(): Story {
  const story = pair()
  const b = story.state.vms.get(asVmId('b'))
  if (!b) throw new Error('no b')
  b.phase = 'paused'
  return story
}

test('a link is known by what it carried: the bars come closer', () => {
  const story = seen(quiet)
  const before = foreseen(story)
  story.migrate('a', 'n2')
  story.admit('m2')
  story.result('n1', 'run1-2', undefined, { record })
  const link = story.state.links.get('n1>n2')
  expect(link?.bytesPerMs).toBeCloseTo(100_000, -3)
  expect(link?.switchoverMs).toBeCloseTo(20)
  expect(before?.totalMs.high).toBeGreaterThan(0)
  expect(story.state.migrations.get('m2' as never)?.forecast).toEqual(before)
})
