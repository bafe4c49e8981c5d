// A launcher in a process of its own, so that a test can kill it: starts n1 and n2, hangs n2, then
// says its pids.
import { asNodeId } from '#proto/ids.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { clusterOf, doubles } from '../cluster-of-doubles.ts'

const [home = ''] = process.argv.slice(2)
const world = new LocalWorld({ folder: new ClusterFolder(home, 'orphans'), programs: doubles })
await world.startCluster(clusterOf('n1', 'n2'))
await world.hangNode(asNodeId('n2'), 600_000)
console.log(`pids ${world.processes().map(({ pid }) => pid)}`)
