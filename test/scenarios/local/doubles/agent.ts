// An agent small enough to test the launcher alone: it greets its coordinator, answers peers, and
// calls a peer when asked on its metrics port. It takes the real one's flags. A node whose name
// begins with `broken` ends at once.
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  strict: false,
  options: {
    node: { type: 'string' },
    coordinator: { type: 'string' },
    advertise: { type: 'string' },
    'token-file': { type: 'string' },
  },
})
const id = String(values.node)
if (id.startsWith('broken')) {
  console.error('this node cannot find its disk')
  process.exit(7)
}
const token = readFileSync(String(values['token-file']), 'utf8')
const greeting = `${String(values.coordinator).replace('ws:', 'http:')}?node=${id}`

setInterval(() => {
  fetch(greeting, { headers: { authorization: token }, signal: AbortSignal.timeout(2_000) }).catch(
    () => {},
  )
}, 50)

const listen = (answer: RequestListener) =>
  new Promise<number>((resolve) => {
    const server = createServer(answer)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

const peerPort = await listen((_request, response) => response.end(id))
const metricsPort = await listen(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://double')
  if (url.pathname === '/vms') return response.end('[]')
  if (url.pathname === '/self') return response.end(String(values.advertise))
  const peer = String(url.searchParams.get('peer')).replace('ws:', 'http:')
  const answer = await fetch(peer, { signal: AbortSignal.timeout(1_000) }).then(
    (a) => a.text(),
    () => 'silence',
  )
  return response.end(answer)
})
console.log(
  `agent ${id} listening on ws://127.0.0.1:${peerPort}, metrics on http://127.0.0.1:${metricsPort}/metrics`,
)
if (id.startsWith('deaf')) process.on('SIGTERM', () => {})
else process.once('SIGTERM', () => process.exit(0))
