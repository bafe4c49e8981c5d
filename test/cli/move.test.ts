// godwit migrate, clone, cancel, rebalance: what is asked of the coordinator, and what a person
// sees of it.
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { freeNames } from '#cli/commands/move.ts'
import { outcomeLines, outcomeText, progressLine } from '#cli/migration-progress.ts'
import { busyCluster, doneMigration, migrationView } from '../coordinator-double/views.ts'
import { coordinatorWith, godwit } from './rehearsal.ts'

describe('a migration', () => {
  test('is followed line by line where nobody watches, to its numbers', async () => {
    const double = await coordinatorWith(busyCluster())
    const run = await godwit('migrate shop n2 --downtime 10 --bandwidth 40 --verify full', {
      double,
    })
    expect(run.code).toBe(0)
    expect(double.asked).toEqual([
      {
        method: 'POST',
        path: '/v1/vms/shop/migrate',
        body: {
          to: 'n2',
          params: { downtimeMsMax: 10, bandwidthBytesPerSecMax: 40e6, verify: 'full' },
        },
      },
    ])
    expect(run.notes).toContain('shop n1 → n2  copying  round 2  ')
    expect(run.out).toBe(
      'shop n1 → n2  done: 3 rounds, 8,633 pages, 18.9 MB, total 412 ms, downtime 9.4 ms, ' +
        'hash 9f3ac01be5d87724',
    )
  })

  test('is drawn in place on a terminal', async () => {
    const double = await coordinatorWith(busyCluster())
    const { terminal } = await godwit('migrate shop', { double, interactive: true })
    expect(terminal.drawn.join('\n')).toContain('██████████████░░░░░░░░░░  1,234 of 2,048 pages')
    expect(terminal.noted).toEqual([])
  })

  test('is not waited for with --no-wait', async () => {
    const double = await coordinatorWith(busyCluster())
    const { out } = await godwit('migrate shop --no-wait -o json', { double })
    expect(JSON.parse(out)).toMatchObject({ vmId: 'shop', phase: 'queued' })
  })

  test('whose page log nobody would write does not begin', async () => {
    const double = await coordinatorWith(busyCluster())
    for (const how of ['--no-wait', '--forecast']) {
      const run = await godwit(`migrate shop ${how} --page-log shop.json`, { double })
      expect(run).toMatchObject({ code: 2, notes: expect.stringMatching(/^--page-log: /) })
    }
    expect(double.asked).toEqual([])
  })

  test('of a VM that is not there names the nearest one', async () => {
    const run = await godwit('migrate shpo', { double: await coordinatorWith(busyCluster()) })
    expect(run).toMatchObject({
      code: 1,
      notes: 'There is no VM `shpo`; did you mean shop?',
    })
  })
})

test('clones get the next free names', async () => {
  const double = await coordinatorWith(busyCluster())
  const { code, out } = await godwit('clone shop --count 2 --to n1', { double })
  expect(code).toBe(0)
  expect(double.asked[0]?.body).toEqual({ ids: ['shop-6', 'shop-7'], params: {}, to: 'n1' })
  expect(out).toContain('shop → 2 clones on n1  done: ')
  expect(freeNames('a', 3, [{ id: 'a-2' }])).toEqual(['a-1', 'a-3', 'a-4'])
})

describe('the line of a migration', () => {
  test('waits, copies, switches, is in doubt', () => {
    const line = (phase: Parameters<typeof progressLine>[0]['phase']) =>
      progressLine(migrationView('m-1', { phase, round: 1 }))
    expect(line('queued')).toContain('ledger n1 → n2  waits for its turn')
    expect(line('copying')).toContain(
      'copying  round 1  ██████████████░░░░░░░░░░  1,234 of 2,048 pages',
    )
    expect(line('switching')).toBe(
      'ledger n1 → n2  switching over  38.6 MB  expected downtime 14.2 ms',
    )
    expect(line('resolving')).toContain('the coordinator asks both ends')
  })

  test('is asked for in the trace of the script that asks, if that has one', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    vi.stubEnv('TRACEPARENT', traceparent)
    onTestFinished(() => void vi.unstubAllEnvs())
    const double = await coordinatorWith(busyCluster())
    await godwit('migrate shop n2 --no-wait', { double })
    expect(double.asked).toMatchObject([{ path: '/v1/vms/shop/migrate', traceparent }])
  })

  test('has what else was measured below it, a line each', () => {
    const parts = { pauseMs: 1, lastRoundMs: 2, stateMs: 1, verificationMs: 3, resumeMs: 1 }
    const view = doneMigration('m-1')
    const { record } = view
    if (!record) throw new Error('it is done')
    const measured = { ...record, downtime: { ...parts, onTheWayMs: 1.4 }, throttledToPercent: 20 }
    expect(outcomeLines({ ...view, record: measured })).toEqual([
      outcomeText(view),
      '  downtime: pause 1.0 + last round 2.0 + state 1.0 + hash 3.0 + resume 1.0 + on the way 1.4 ms',
      '  slowed down to 20 % of a core',
    ])
  })

  test('of a clone beside its parent speaks of no rounds: it was sent nothing', () => {
    const { record, ...view } = doneMigration('m-1')
    if (!record) throw new Error('it is done')
    const shared = { ...record, rounds: [], pages: 0, bytes: 0, hash: '' }
    const purpose = 'clone' as const
    expect(outcomeText({ ...view, purpose, cloneIds: ['a', 'b'], record: shared })).toMatch(
      /2 clones on n2 {2}done: pages shared until they are touched, total 412 ms, pause of [^,]+$/,
    )
  })

  test('ends in numbers or in a reason', () => {
    const message = 'The destination is gone; the VM goes on at n1.'
    expect(outcomeText(doneMigration('m-1'))).toContain('downtime 9.4 ms')
    expect(
      outcomeText(migrationView('m-1', { phase: 'failed', fault: { code: 'link-lost', message } })),
    ).toBe(`ledger n1 → n2  failed: ${message}`)
    expect(outcomeText(migrationView('m-1', { phase: 'cancelled' }))).toBe(
      'ledger n1 → n2  cancelled; ledger goes on on n1',
    )
  })
})
