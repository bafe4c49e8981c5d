// An HTTPS server of the coordinator: everybody is asked for a certificate, and only agents need
// one (sockets.ts). Not here: where credentials come from (env/real/credentials.ts).

import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Log } from '#env/env.ts'
import { type Credentials, refusedCaller } from '#env/real.ts'

export function tlsServer(credentials: Credentials, log: Log, handler: RequestListener): Server {
  const options = { ...credentials.now, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, handler)
  credentials.onChange((now) => server.setSecureContext(now))
  server.on('secureConnection', (socket) => credentials.watch(socket))
  server.on('tlsClientError', (error, { remoteAddress }) =>
    log.warn('caller refused', refusedCaller(error, remoteAddress)),
  )
  return server
}
