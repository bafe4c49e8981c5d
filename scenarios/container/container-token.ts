// The cluster's token, as a container of it knows it: GODWIT_TOKEN, or the file of --token-file.
// Not here: who makes it (tools/container.mjs).

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export function tokenOfContainer(): string {
  const { values } = parseArgs({
    options: { 'token-file': { type: 'string' } },
    allowPositionals: true,
    strict: false,
  })
  const file = values['token-file']
  return (
    typeof file === 'string' ? readFileSync(file, 'utf8') : (process.env.GODWIT_TOKEN ?? '')
  ).trim()
}
