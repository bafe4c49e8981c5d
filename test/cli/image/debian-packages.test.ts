// Debian's packages where there is no way to Debian. Not here: what is made of them.

import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { DebianPackages } from '#cli/image/debian-packages.ts'
import { temporaryHome } from '../rehearsal.ts'

const files = ['/usr/bin/apt-get', '/usr/share/keyrings/debian-archive-keyring.gpg']

// skipped: without apt and Debian's keys nothing is tried
test.skipIf(!files.every((file) => existsSync(file)))(
  'a mirror that is not reached is said to be, and not to have no packages',
  async () => {
    vi.stubEnv('GODWIT_DEBIAN_MIRROR', 'http://127.0.0.1:9')
    const opened = DebianPackages.open(temporaryHome(), new AbortController().signal)
    await expect(opened).rejects.toThrow('Is there a way to the mirror?')
    vi.unstubAllEnvs()
  },
)
