// The health check of the container image: exit code 0 when the program on this port of this
// container says that it serves, else 1.
//   node tools/health.mjs PORT
// Each container starts it every few seconds for as long as it lives, so it loads next to nothing:
// it speaks HTTP itself (RFC 9112, section 3), unless there is TLS. And it ends by itself: Docker
// forgets a check that takes too long, and does not end it; on a machine that is busy they would
// become more and more. Not here: how often (docker-compose.yml).

import { connect } from 'node:net'

const [port = ''] = process.argv.slice(2)
const host = '127.0.0.1'
/** Less than Docker waits. */
const patienceMs = 2500
const end = (isWell) => process.exit(isWell ? 0 : 1)
setTimeout(end, patienceMs, false)

if (process.env.GODWIT_CERTS && port === '7070') {
  // It is asked without a look at its certificate: it only says that it serves.
  const { get } = await import('node:https')
  const options = { host, port, path: '/healthz', rejectUnauthorized: false }
  get(options, ({ statusCode }) => end(statusCode === 200)).on('error', () => end(false))
} else {
  const socket = connect(Number(port), host)
  socket.on('error', () => end(false))
  socket.on('close', () => end(false))
  socket.once('data', (answer) => end(/^HTTP\/1\.[01] 200 /.test(answer.toString('latin1'))))
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`)
}
