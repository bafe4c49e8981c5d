// A secret's file that several processes may make at the same time, on a volume that they share: it
// is there whole or not at all, and all of them read what the first one has made. Not here: what is
// in it, who asks for it.

import { randomBytes } from 'node:crypto'
import { linkSync, rmSync, writeFileSync } from 'node:fs'

/** Readable by its owner alone. One that is there stays as it is. Throws what the disk says. */
export function makeSecretFile(file: string, text: string): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, file)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  } finally {
    rmSync(draft)
  }
}
