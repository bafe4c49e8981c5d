// The machine's own clock, randomness, sockets, files and logs: what process.ts files inject. See
// env.ts for what each promises; test/env/ holds these and the doubles of memory.ts to one suite.

import type { Env } from './env.ts'
import { realClock } from './real/clock.ts'
import type { Credentials } from './real/credentials.ts'
import { realDeflate } from './real/deflate.ts'
import { realLog } from './real/log.ts'
import { realRandom } from './real/random.ts'
import { transportWith } from './real/transport.ts'
import { realZstd } from './real/zstd.ts'

export { Callers } from './real/callers.ts'
export { realClock } from './real/clock.ts'
export {
  Credentials,
  certificateName,
  coordinatorName,
  provenNameOf,
  revokedFile,
  trustAlso,
} from './real/credentials.ts'
export { sha256 } from './real/digest.ts'
export { openFolderDisk } from './real/disk.ts'
export { realLog } from './real/log.ts'
export { realRandom } from './real/random.ts'
export { makeKey, type PrivateKey, readKey, sign, verify } from './real/signing.ts'
export { realTracer } from './real/tracer.ts'
export { linkOfSocket, noteRefused, realTransport } from './real/transport.ts'

/**
 * @param name which process this is; @param logLevel pino's: trace, debug, info, warn, error,
 * silent. @param credentials links go over TLS, and both ends show theirs
 */
export function realEnv(name: string, logLevel: string, credentials?: Credentials): Env {
  const log = realLog(name, logLevel)
  return {
    clock: realClock,
    random: realRandom,
    log,
    transport: transportWith(credentials, log),
    zstd: realZstd,
    deflate: realDeflate,
  }
}
