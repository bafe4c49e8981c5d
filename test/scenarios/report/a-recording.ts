// A recorded run as the tests of reports take it: a migration that was done and one that failed,
// clones, a failover, a client, and what a node and a VM were like meanwhile. Nothing in it was
// ever run.

import type { MigrationView } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import type { PageLog } from '#proto/page-log.ts'
import type { Recording } from '#scenarios/report/recording.ts'

const round = { round: 0, pages: 4096, zeroPages: 96, bytes: 16_400_000, ms: 210, dirtyPages: 12 }
const move: MigrationView = {
  ...{ id: 'm1', purpose: 'migrate', vmId: 'store', cloneIds: [], from: 'a', to: 'b' },
  ...{ phase: 'done', cause: 'scenario', round: 1, sentPages: 12, pagesOfRound: 12 },
  ...{ bytes: 16_450_000, queuedAtMs: 100, endedAtMs: 340 },
  record: {
    rounds: [round, { ...round, round: 1, pages: 12, zeroPages: 0, bytes: 50_000, ms: 4 }],
    ...{ bytes: 16_450_000, pages: 4108, zeroPages: 96, totalMs: 233.4, downtimeMs: 7.25 },
    hash: '00112233445566aa',
  },
}
const clones: MigrationView = {
  ...{ ...move, id: 'm2', purpose: 'clone', vmId: 'store', cloneIds: ['store-1', 'store-2'] },
  ...{ from: 'b', to: 'b', cause: 'operator' },
}
const { record: _, ...unrecorded } = move
const failed: MigrationView = {
  ...{ ...unrecorded, id: 'm3', phase: 'failed', to: 'c', bytes: 4096 },
  fault: fault('link-lost', 'Node c was lost.'),
}

const sent = { encoding: 'raw', bytes: 4096 } as const
const pageLog: PageLog = {
  ...{ vmId: 'store', migrationId: 'm1', pageCount: 4096, isCut: false },
  entries: [
    { ...sent, encoding: 'zero', ms: 1, round: 0, why: 'round', runs: [0, 96] },
    { ...sent, ms: 40, round: 0, why: 'round', runs: [96, 4000] },
    { ...sent, ms: 212, round: 1, why: 'last', runs: [1024, 8, 2000, 4] },
  ],
}

export const recording: Recording = {
  ...{ name: 'story', about: 'What a report looks like.', seed: 7 },
  ...{ nodeIds: ['a', 'b', 'c'], vmIds: ['store'], readyAtMs: 900, endedAtMs: 12_340 },
  steps: [
    { sentence: 'migrate store to b', outcome: 'done', beganAtMs: 1000, endedAtMs: 1240 },
    { sentence: 'kill node b (SIGKILL)', outcome: 'done', beganAtMs: 3000, endedAtMs: 3002 },
  ],
  verdicts: [
    {
      ...{ sentence: 'no acknowledged write of shop is lost', from: 'scenario' },
      ...{ verdict: 'held', detail: '250 writes acknowledged, 40 keys read back' },
    },
    {
      ...{ sentence: 'no VM ran twice at any instant', from: 'every-run' },
      ...{ verdict: 'held', detail: 'agents were asked 55 times' },
    },
  ],
  migrations: [move, clones, failed],
  pageLogs: [pageLog],
  failovers: [
    {
      ...{ nodeId: 'b', cause: 'killed', brokenAtMs: 3000, detectedAtMs: 3750, fencedAtMs: 6100 },
      recoveries: [{ vmId: 'store', to: 'c', runningAtMs: 6800 }],
    },
  ],
  clients: [
    {
      load: { id: 'shop', vmId: 'store', writesPerSecond: 20, keys: 40, inFlight: 8 },
      findings: { acknowledged: 250, waitMsMax: 3950, refused: 0, verifiedKeys: 40, lost: [] },
    },
  ],
  vms: [],
  tracks: {
    nodes: [
      {
        id: 'b',
        spans: [
          { fromMs: 0, state: 'online' },
          { fromMs: 3750, state: 'unreachable' },
          { fromMs: 6100, state: 'fenced' },
        ],
      },
    ],
    vms: [
      {
        id: 'store',
        spans: [
          { fromMs: 900, state: 'running', nodeId: 'b' },
          { fromMs: 6800, state: 'running', nodeId: 'c' },
        ],
      },
    ],
    loads: [{ id: 'b', samples: [{ atMs: 1000, percent: 40 }] }],
  },
  events: [{ atMs: 6100, text: 'b is fenced: its lease is over' }],
}
