// What this machine's user has logged in to: one file, readable by nobody else, from clusters to
// the secrets of sessions there. Not here: passwords, which are kept nowhere.

import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'

const Logins = z.record(z.string(), z.string())

const fileIn = (home: string) => join(home, 'logins.json')

function read(home: string): z.infer<typeof Logins> {
  try {
    return Logins.parse(JSON.parse(readFileSync(fileIn(home), 'utf8')))
  } catch {
    return {}
  }
}

/** `where`: a cluster's name, or the origin of its API. */
export const loginAt = (home: string, where: string): string | undefined => read(home)[where]

/** Without a secret, forgets it. */
export function keepLogin(home: string, where: string, secret: string | undefined): void {
  const { [where]: _, ...others } = read(home)
  const logins = secret === undefined ? others : { ...others, [where]: secret }
  const file = fileIn(home)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, `${JSON.stringify(logins, null, 2)}\n`, { mode: 0o600 })
  chmodSync(`${file}.new`, 0o600)
  renameSync(`${file}.new`, file)
}
