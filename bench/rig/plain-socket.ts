// The physical limit of a migration between two processes of this machine: a plain TCP socket of
// Node that sends bytes from memory, to a process that drops them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { mebibyte } from '#proto/units.ts'

const chunks = 256
const bytes = chunks * mebibyte

/** Bytes per ms, from the first byte sent to the answer that the last one has arrived. */
export async function socketBytesPerMs(): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = await once(child.stdout, 'data')
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  const chunk = Buffer.alloc(mebibyte, 0xa5)
  const startMs = performance.now()
  for (let sent = 0; sent < chunks; sent++) if (!socket.write(chunk)) await once(socket, 'drain')
  await once(socket, 'data')
  const ms = performance.now() - startMs
  socket.destroy()
  await once(child, 'exit')
  return bytes / ms
}

async function receiveAll(): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log((server.address() as AddressInfo).port)
  const [socket] = await once(server, 'connection')
  let left = bytes
  socket.on('data', (part: Buffer) => {
    left -= part.length
    if (left === 0) socket.end('all')
  })
  socket.on('close', () => server.close())
}

if (import.meta.main) await receiveAll()
