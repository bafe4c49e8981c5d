// What an agent does once before its first guest moves is what it will do then: all of it is right,
// and nothing is left of it.

import { expect, test } from 'vitest'
import type { PcpuCommand } from '#engine/vm-config.ts'
import { warmUpSwitchover } from '#node-agent/migration/warm-up.ts'
import { warmUp } from '#node-agent/pcpu-warm-up.ts'
import { coreModule } from '../engine/cpu/test-hart.ts'
import { PcpuRig } from '../engine/pcpu/pcpu-rig.ts'

test('each message of a switchover is one of the wire', () => {
  expect(warmUpSwitchover).not.toThrow()
})

test('a pCPU does all that a move asks of it, refuses nothing, and has no VM then', () => {
  const { pcpu, events } = new PcpuRig()
  const done: PcpuCommand['do'][] = []
  const refused: Error[] = []
  const handle = pcpu.handle.bind(pcpu)
  pcpu.handle = (command) => {
    const answer = handle(command)
    done.push(command.do)
    if (answer instanceof Error) refused.push(answer)
    return answer
  }
  warmUp(pcpu, coreModule)
  expect(refused).toEqual([])
  expect(new Set(done)).toEqual(
    new Set([
      'attach',
      'open-log',
      'resume',
      'take-log',
      'close-log',
      'capture',
      'restore',
      'detach',
    ]),
  )
  expect(pcpu.handle({ do: 'stats' })).toEqual({ vms: [] })
  expect(events).toEqual([])
})
