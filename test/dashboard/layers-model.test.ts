// The layers of a disk as the page shows them, and when it offers to merge them: when the
// coordinator would.

import { describe, expect, test } from 'vitest'
import { layersOf, mayMerge, mergeText } from '#dashboard/layers-model.ts'
import type { VmView } from '#proto/api.ts'
import { VmPhase, vmActionPhases } from '#proto/state.ts'
import { vmView } from '../coordinator-double/views.ts'

const withLayers = (id: string, ...layers: string[]) =>
  vmView(id, {}, { disk: { sizeBytes: 1 << 24, layers } })
const db = withLayers('db', 'base', 'db-1', 'db-2')
const replica: VmView['replica'] = {
  ...{ id: 'r-1', nodeId: 'n2', everyMs: 5000 },
  phase: 'ready',
  level: 'checkpoint',
}

describe('the layers of a disk', () => {
  test('are the oldest first, with the top that is written to, and who reads them too', () => {
    expect(layersOf(db, [db, withLayers('twin', 'base', 'twin-1')])).toEqual([
      { name: 'base', isTop: false, sharedWith: ['twin'] },
      { name: 'db-1', isTop: false, sharedWith: [] },
      { name: 'db-2', isTop: true, sharedWith: [] },
    ])
  })

  test.each(VmPhase.options)('of a VM that is %s are merged when the table allows it', (phase) => {
    expect(mayMerge({ ...db, phase })).toBe(vmActionPhases.merge.includes(phase))
  })

  test('are not merged when there is nothing to merge, or while it cannot be', () => {
    expect(mayMerge(withLayers('db', 'base', 'db-1'))).toBe(false)
    const merging = { ...db, merging: { layers: 2, phase: 'writing' as const } }
    expect(mayMerge(merging)).toBe(false)
    expect(mergeText(merging)).toContain('2 layers become one')
  })

  test('are merged of a VM with a replica too, and what that means is told', () => {
    expect(mayMerge({ ...db, replica })).toBe(true)
    expect(mergeText({ ...db, replica })).toContain('for a merge db gives it up')
    expect(mergeText(db)).toBeUndefined()
  })
})
