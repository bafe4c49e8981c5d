// Debian's packages where there is no way to Debian. Not here: what is made of them.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DebianPackages } from '#cli/image/debian-packages.ts'
import { temporaryHome } from '../rehearsal.ts'

const files = ['/usr/bin/apt-get', '/usr/share/keyrings/debian-archive-keyring.gpg']

afterEach(() => vi.unstubAllEnvs())

// skipped: without apt and Debian's keys nothing is tried
describe.skipIf(!files.every((file) => existsSync(file)))('with apt', () => {
  const opened = () => DebianPackages.open(temporaryHome(), new AbortController().signal)

  test('a mirror that is not reached is said to be, and not to have no packages', async () => {
    vi.stubEnv('GODWIT_DEBIAN_MIRROR', 'http://127.0.0.1:9')
    await expect(opened()).rejects.toThrow('Is there a way to the mirror?')
  })

  test('where apt has no lists, as in an image, the mirror is the one that its sources name', async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'lists'))
    const [lists, sources] = [join(home, 'lists'), join(home, 'sources.list')]
    const mirrors = ['http://127.0.0.1:9/another', 'http://127.0.0.1:9/debian']
    writeFileSync(sources, mirrors.map((mirror) => `deb ${mirror} trixie main\n`).join(''))
    const config = {
      State: { Lists: lists },
      Etc: { SourceList: sources, SourceParts: '/dev/null' },
    }
    const text = Object.entries(config).flatMap(([name, fields]) =>
      Object.entries(fields).map(([field, file]) => `Dir::${name}::${field} "${file}";\n`),
    )
    writeFileSync(join(home, 'apt.conf'), text.join(''))
    vi.stubEnv('APT_CONFIG', join(home, 'apt.conf'))
    await expect(opened()).rejects.toThrow(/127\.0\.0\.1:9\/debian/)
  })
})
