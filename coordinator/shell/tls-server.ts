// An HTTPS server of the coordinator: everybody is asked for a certificate, and only agents need
// one (sockets.ts). Not here: where credentials come from (env/real/credentials.ts).

import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Log } from '#env/env.ts'
import { type Credentials, noteRefused } from '#env/real.ts'

export function tlsServer(credentials: Credentials, log: Log, handler: RequestListener): Server {
  const options = { ...credentials.now, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, handler)
  credentials.onChange((now) => server.setSecureContext(now))
  server.on('secureConnection', (socket) => credentials.watch(socket))
  noteRefused(server, log, 'caller refused')
  return server
}
