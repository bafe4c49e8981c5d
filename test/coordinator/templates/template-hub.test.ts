// Files of templates between a client and a node: whoever says to have taken what he has not read
// costs no memory. On a coordinator in virtual time, to which one node has joined.

import { expect, test } from 'vitest'
import { Coordinator } from '#coordinator/coordinator.ts'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { type TemplateClient, TemplateHub } from '#coordinator/templates/template-hub.ts'
import { MemoryLog, SeededRandom, VirtualClock } from '#env/memory.ts'
import { verify } from '#env/real.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import type { CoordinatorMessage } from '#proto/messages.ts'
import { windowBytes } from '#proto/templates/messages.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import { SimStore } from '#scenarios/sim/sim-coordinator.ts'

const nodeId = asNodeId('n1')
const template = {
  ...({ id: 'shop', about: '', phase: 'ready' } as const),
  record: {
    ...{ vmId: asVmId('template-shop'), name: 'template', id: 'cd'.repeat(16), depth: 0 },
    ...{ takenWallMs: 5, spec: VmSpec.parse({}), disk: { sizeBytes: 0, layers: [] } },
    identity: {
      instanceId: '00112233-4455-4677-8899-aabbccddeeff',
      ...{ mac: '02:00:00:00:00:01', randomSeed: '0'.repeat(64) },
    },
  },
}

function joined() {
  const clock = new VirtualClock()
  const ports = { clock, random: new SeededRandom(1), log: new MemoryLog(), store: new SimStore() }
  const coordinator = new Coordinator(ports, defaultSettings, 'test')
  coordinator.start()
  const heard: CoordinatorMessage[] = []
  const linkId = coordinator.addLink({ send: (message) => heard.push(message), close: () => {} })
  const hello = {
    ...({ t: 'hello', protocolVersion: 2, role: 'agent', token: '', nodeId } as const),
    ...{ incarnation: 'i', peerAddress: 'ws://n1', pid: 1, vms: [] },
    capacity: { cores: 1, mipsPerCore: 0, memoryMib: 256 },
  }
  coordinator.take({ kind: 'hello', linkId, hello })
  const load = { cpuDemandPercent: 0, cpuGotPercent: 0, memoryUsedMib: 0 }
  const message = { t: 'heartbeat' as const, seq: 1, nodeId, ...load, vms: [] }
  coordinator.take({ kind: 'agent-message', linkId, nodeId, message })
  coordinator.state.templates.set(template.id, template)
  return { hub: new TemplateHub(coordinator, clock, verify), heard }
}

class Reader implements TemplateClient {
  bufferedBytes = 0
  closed = ''
  word(): void {}
  part(bytes: Uint8Array): void {
    this.bufferedBytes += bytes.length
  }
  close(reason: string): void {
    this.closed = reason
  }
}

test('a file that is said to be taken and is not read stops coming', () => {
  const { hub, heard } = joined()
  const reader = new Reader()
  const session = hub.attachExport('shop', undefined, reader)
  const order = heard.find(({ t }) => t === 'export-template')
  if (order?.t !== 'export-template') throw new Error('it was not asked for')
  const { commandId } = order
  for (let taken = 0; taken < 64 * windowBytes; taken += windowBytes) {
    const bytes = new Uint8Array(windowBytes)
    hub.hear(nodeId, { t: 'template-part', commandId, bytes })
    session.hear(new TextEncoder().encode(JSON.stringify({ taken: taken + windowBytes })))
  }
  expect(reader.bufferedBytes).toBeLessThan(16 * windowBytes)
  expect(reader.closed).toBe('message-too-large')
  expect(heard).toContainEqual(expect.objectContaining({ t: 'stop-template', commandId }))
})
