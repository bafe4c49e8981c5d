// "Never two running copies", judged from what agents say: no false alarm in a switchover, none
// missed for long.

import { describe, expect, test } from 'vitest'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { CopyWatch } from '#scenarios/runner/copy-watch.ts'
import type { AgentAnswer, CopyReport } from '#scenarios/world.ts'

/** `a:store@3 b:store@4/incoming`: who says what. */
const sweep = (text: string): AgentAnswer[] =>
  text.split(' ').map((answer) => {
    const [node = '', copy = ''] = answer.split(':')
    const [, vm, epoch, state = 'running'] = /^(\w+)@(\d+)(?:\/(\w+))?$/.exec(copy) ?? []
    const nodeId = asNodeId(node)
    if (vm === undefined) return { nodeId, copies: [] }
    const report = { vmId: asVmId(vm), epoch: Number(epoch), state: state as CopyReport['state'] }
    return { nodeId, copies: [report] }
  })

const watch = (...sweeps: string[]) => {
  const copies = new CopyWatch()
  return sweeps.map((text) => copies.onSweep(sweep(text)))
}

describe('the watch', () => {
  test('is calm while a VM moves and its copy is only received', () => {
    const calm = { unsure: false }
    expect(watch('a:store@3 b:', 'a:store@3 b:store@4/incoming', 'a: b:store@4')).toEqual([
      calm,
      calm,
      calm,
    ])
  })

  test('asks again when the VM moved between two questions, and is calm then', () => {
    const [first, second] = watch('a:store@3 b:store@4', 'a: b:store@4')
    expect(first).toEqual({ unsure: true })
    expect(second).toEqual({ unsure: false })
  })

  test('is sure when both say so twice', () => {
    const [, second] = watch('a:store@3 b:store@4', 'a:store@3 b:store@4')
    expect(second?.double).toEqual({ vmId: 'store', nodeIds: ['a', 'b'] })
  })

  test('takes another epoch for another start, not for a copy that went on', () => {
    const [, second] = watch('a:store@3 b:store@4', 'a:store@5 b:store@4')
    expect(second).toEqual({ unsure: true })
  })

  test('knows nothing of an agent that does not answer', () => {
    const [, second] = watch('a:store@3 b:store@4', 'b:store@4')
    expect(second).toEqual({ unsure: false })
  })
})
