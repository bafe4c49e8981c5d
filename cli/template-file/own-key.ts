// The key that this machine's user signs templates' files with: one file in the folder of all
// clusters, readable by nobody else. Not here: signatures (env/real/signing.ts).

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeKey, type PrivateKey, readKey } from '#env/real.ts'
import { CommandError, exitCode } from '../exit-code.ts'

const fileIn = (home: string) => join(home, 'template-key.pem')

/** Undefined: there is none yet. Throws a CommandError when it cannot be read. */
export function ownKey(home: string): PrivateKey | undefined {
  const file = fileIn(home)
  if (!existsSync(file)) return undefined
  try {
    return readKey(readFileSync(file, 'utf8'))
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new CommandError(exitCode.failed, `${file} is no key: ${why}. Move it away, or mend it.`)
  }
}

/** Made when there is none. */
export function ensureKey(home: string): PrivateKey {
  const known = ownKey(home)
  if (known) return known
  const key = makeKey()
  mkdirSync(home, { recursive: true })
  writeFileSync(fileIn(home), key.pem, { mode: 0o600, flag: 'wx' })
  chmodSync(fileIn(home), 0o600)
  return key
}
