// Passwords as salted scrypt hashes, compared in constant time. One at a time: each takes 32 MiB
// and a fifth of a second on purpose, and whoever sends many shall wait for himself. A name that
// nobody has costs the same work, so that the time of an answer names nobody.
// Source: RFC 7914; parameters N = 2^15, r = 8, p = 3 of OWASP's password storage cheat sheet.

import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import PQueue from 'p-queue'
import type { Passwords } from '../accounts/records.ts'

const keyBytes = 32
const cost: ScryptOptions = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 << 20 }
/** Of no password. */
const nobody = ['scrypt', '00'.repeat(16), '00'.repeat(keyBytes)].join('$')

export function scryptPasswords(): Passwords {
  const queue = new PQueue({ concurrency: 1 })
  const derive = (password: string, salt: Buffer) =>
    queue.add(
      () =>
        new Promise<Buffer>((resolve, reject) => {
          scrypt(password.normalize('NFC'), salt, keyBytes, cost, (failed, key) =>
            failed ? reject(failed) : resolve(key),
          )
        }),
    )
  return {
    hash: async (password) => {
      const salt = randomBytes(16)
      const key = await derive(password, salt)
      return `scrypt$${salt.toString('hex')}$${key.toString('hex')}`
    },
    verify: async (password, hash) => {
      const [, salt = '', wanted = ''] = (hash ?? nobody).split('$')
      const key = await derive(password, Buffer.from(salt, 'hex'))
      return timingSafeEqual(key, Buffer.from(wanted, 'hex')) && hash !== undefined
    },
  }
}
