// godwit disk: the layers of a VM's disk as a person sees them, and making them one.

import { expect, test } from 'vitest'
import { clusterView, vmView } from '../coordinator-double/views.ts'
import { coordinatorWith, godwit } from './rehearsal.ts'

const layers = ['kv.1.disk', 'kv.2.disk', 'kv.3.disk', 'kv.4.disk']
const disk = { sizeBytes: 16 << 20, layers }
const site = (some = {}) =>
  coordinatorWith(clusterView({ vms: [vmView('kv', { diskMib: 16 }, { disk, ...some })] }))

test('a disk is shown with its top, and with what is being merged', async () => {
  const { out } = await godwit('disk show kv', { double: await site() })
  expect(out.split('\n')).toEqual([
    'disk of kv: 16.8 MB, 4 layers',
    '  kv.1.disk',
    '  kv.2.disk',
    '  kv.3.disk',
    '  kv.4.disk   the top: what it writes to',
  ])
  const merging = { layers: 3, phase: 'swapping' }
  const busy = await godwit('disk show kv', { double: await site({ merging }) })
  expect(busy.out).toContain('3 of them become one: it is written, and takes their place')
  const asJson = await godwit('disk show kv -o json', { double: await site({ merging }) })
  expect(JSON.parse(asJson.out)).toEqual({ vm: 'kv', ...disk, merging })
})

test('a VM without a disk has none to show', async () => {
  const none = { sizeBytes: 0, layers: [] }
  const { out } = await godwit('disk show kv', { double: await site({ disk: none }) })
  expect(out).toBe('kv has no disk.')
})

test('a merge is followed to its end, which is told in layers', async () => {
  const double = await site()
  const run = await godwit('disk merge kv', { double })
  expect(double.asked).toMatchObject([{ method: 'POST', path: '/v1/vms/kv/merge' }])
  expect(run).toMatchObject({ code: 0, out: 'the disk of kv had 4 layers, and has 2' })
})

test('with -o json it says what the disk is then, and nothing else', async () => {
  const run = await godwit('disk merge kv -o json', { double: await site() })
  expect(run.notes).toBe('')
  expect(JSON.parse(run.out)).toEqual({
    ...{ vm: 'kv', sizeBytes: disk.sizeBytes },
    layers: ['kv.99.disk', 'kv.4.disk'],
  })
})

test('with --no-wait it says where to look', async () => {
  const { out } = await godwit('disk merge kv --no-wait', { double: await site() })
  expect(out).toBe('3 layers of kv are being merged; see: godwit disk show kv')
})
