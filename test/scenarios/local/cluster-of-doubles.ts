// The programs and clusters with which the tests of the local world run; used by tests and by their
// launcher process.
import { fileURLToPath } from 'node:url'
import { asNodeId } from '#proto/ids.ts'
import type { Programs } from '#scenarios/local/programs.ts'
import type { ClusterSpec } from '#scenarios/world.ts'

const fileOf = (name: string) => fileURLToPath(new URL(`doubles/${name}`, import.meta.url))
export const doubles: Programs = {
  coordinator: fileOf('coordinator.ts'),
  agent: fileOf('agent.ts'),
  dashboard: '/nowhere',
}

export const clusterOf = (...ids: string[]): ClusterSpec => ({
  nodes: ids.map((id) => ({ id: asNodeId(id), cores: 1, mipsPerCore: 0, memoryMib: 64 })),
  leaseMs: 2500,
  heartbeatMs: 250,
  marginMs: 500,
  rebalance: false,
})
