// The page at /: the files of the built dashboard, from memory of the path only (no path of a
// request ever reaches the file system). When the dashboard is not built, a plain page says how to
// build it. Not here: what the page may load (headers.ts).

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join, sep } from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { fault } from '#proto/faults.ts'
import { problemOf, sendProblem } from './problems.ts'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Godwit</title>
<h1>Godwit's coordinator runs</h1>
<p>Its page is not built. Build it with <code>npm run build</code>, then reload.</p>
<p>The API is described at <a href="/openapi.json">/openapi.json</a>.</p></html>
`

/**
 * Everything that is no other route is a file of the page, or a problem. @param folder of the built
 * dashboard
 */
export function servePage(app: FastifyInstance, folder: string): void {
  let files = filesOf(folder)
  app.get('/', { schema: { hide: true } }, (_request, reply) => {
    // Built after we started, or built anew: a reload of the page is enough.
    files = filesOf(folder)
    if (files.has('index.html')) return sendFile(reply, folder, 'index.html')
    return reply.type(types['.html'] ?? '').send(notBuilt)
  })
  app.setNotFoundHandler((request, reply) => {
    const name = decodedPath(request.url).slice(1)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (isRead && files.has(name)) return sendFile(reply, folder, name)
    const text = `nothing is at ${request.method} ${request.url.slice(0, 200)}: see /openapi.json`
    return sendProblem(reply, problemOf(fault('bad-request', text), 404))
  })
}

/** Names of all files below a folder, with forward slashes; none when it is not there. */
function filesOf(folder: string): ReadonlySet<string> {
  if (!existsSync(folder)) return new Set()
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const pathOf = (parent: string, name: string) =>
    join(parent, name).slice(join(folder, sep).length).replaceAll(sep, '/')
  return new Set(files.map((entry) => pathOf(entry.parentPath, entry.name)))
}

function decodedPath(url: string): string {
  try {
    return decodeURIComponent(url.split('?')[0] ?? '/')
  } catch {
    return '/'
  }
}

function sendFile(reply: FastifyReply, folder: string, name: string): FastifyReply {
  // vite names what is in assets/ by its content: it never changes under one name.
  const age = name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
  return reply
    .type(types[extname(name)] ?? 'application/octet-stream')
    .header('cache-control', age)
    .send(readFileSync(join(folder, name)))
}
