// A coordinator small enough to test the launcher alone: it counts a node online that has greeted
// it lately. It takes the real one's flags. Not the real one: it runs nothing and persists one
// line.
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  strict: false,
  options: {
    listen: { type: 'string' },
    data: { type: 'string' },
    'token-file': { type: 'string' },
  },
})
const [host = '', port = ''] = String(values.listen).split(':')
const token = readFileSync(String(values['token-file']), 'utf8')
appendFileSync(String(values.data), 'started\n')

const greetedAtMs = new Map<string, number>()
const recentMs = 500
const view = (id: string) => ({
  id,
  phase: Date.now() - (greetedAtMs.get(id) ?? 0) < recentMs ? 'online' : 'suspect',
  capacity: { cores: 1, mipsPerCore: 0, memoryMib: 64 },
  peerAddress: '',
  pid: 1,
  cpuDemandPercent: 0,
  cpuGotPercent: 0,
  memoryUsedMib: 0,
  memoryReservedMib: 0,
  vmCount: 0,
  power: 'on',
  leaseLeftMs: 0,
})

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://double')
  const id = url.searchParams.get('node')
  if (id !== null && request.headers.authorization === token) greetedAtMs.set(id, Date.now())
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify([...greetedAtMs.keys()].map(view)))
})
server.listen(Number(port), host, () => {
  const at = server.address()
  if (at && typeof at === 'object')
    console.log(`coordinator listening on http://127.0.0.1:${at.port}`)
})
process.once('SIGTERM', () => process.exit(0))
