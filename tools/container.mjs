// The entry of the container image:
//   node tools/container.mjs coordinator|agent|laboratory|showcase|chaos|linux [FLAG...]
// It answers what only the container knows, then becomes the role's own main program:
//   - the cluster's token: GODWIT_TOKEN, or a file in the shared volume /token, which the
//     coordinator fills with a random one at its first start;
//   - where the cluster is a laboratory (GODWIT_LABORATORY, for coordinator and agents): an agent
//     then runs under a keeper, which breaks it on purpose when the laboratory says so;
//   - an agent's name: the `node-2` of Compose's container name, learnt from Docker's own DNS,
//     or else the container's host name.
// Flags given after the role are handed on and win. Not here: anything about VMs, the health check
// (health.mjs).

import { randomBytes } from 'node:crypto'
import { resolvePtr } from 'node:dns/promises'
import { existsSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeSecretFile } from '../env/real/secret-file.ts'

const tokenFile = '/token/token'
const tokenEveryMs = 100
const tokenTriesMax = 600
/** Both roles read the folder of certificates from this variable by themselves. */
const ws = process.env.GODWIT_CERTS ? 'wss' : 'ws'

/** Two coordinators that start at once have one token. */
function makeToken() {
  if (process.env.GODWIT_TOKEN || existsSync(tokenFile)) return
  makeSecretFile(tokenFile, randomBytes(32).toString('hex'))
}

/** All start at once: the first coordinator may have it in a moment. */
async function waitForToken() {
  const isThere = () => process.env.GODWIT_TOKEN || existsSync(tokenFile)
  for (let tries = 0; !isThere() && tries < tokenTriesMax; tries++) await sleep(tokenEveryMs)
}

const tokenFlags = () => (process.env.GODWIT_TOKEN ? [] : ['--token-file', tokenFile])

/** What this container is called on its network: `project-node-2`, or its host name. */
async function networkName() {
  const addresses = Object.values(networkInterfaces()).flat()
  const own = addresses.find((a) => a !== undefined && !a.internal && a.family === 'IPv4')
  if (own === undefined) return hostname()
  const pointer = `${own.address.split('.').reverse().join('.')}.in-addr.arpa`
  const names = await resolvePtr(pointer).catch(() => [])
  return names[0]?.split('.')[0] ?? hostname()
}

/** All that there are: GODWIT_COORDINATORS names their services. */
const coordinators = () =>
  (process.env.GODWIT_COORDINATORS || 'coordinator')
    .split(',')
    .map((name) => `${ws}://${name}:7070/agent`)
    .join(',')

const roles = {
  coordinator: async () => {
    makeToken()
    return {
      main: '../coordinator/main.ts',
      // With GODWIT_STORE it is one of several, and has no file of its own.
      flags: ['--listen', '0.0.0.0:7070', '--data', '/data/godwit.db', ...tokenFlags()],
    }
  },
  agent: async () => {
    await waitForToken()
    const name = await networkName()
    const node = /-(node-\d+)$/.exec(name)?.[1] ?? name
    // A keeper has one door to one coordinator: an agent of several (URL,URL) runs without.
    const isOfSeveral = [coordinators(), ...flags].some((text) => /^wss?:.*,/.test(text))
    const isKept = (process.env.GODWIT_LABORATORY ?? 'none') !== 'none' && !isOfSeveral
    return {
      main: isKept ? '../scenarios/container/keeper-server.ts' : '../node-agent/main.ts',
      flags: [
        ...['--node', node, '--coordinator', coordinators()],
        ...['--listen', `${ws}://0.0.0.0:7071`, '--advertise', `${ws}://${name}:7071`],
        ...['--disks', '/disks', '--metrics-port', '9100', ...tokenFlags()],
      ],
    }
  },
  /** What breaks nodes on purpose, when somebody at the page, or chaos, wishes it. */
  laboratory: async () => {
    await waitForToken()
    return { main: '../scenarios/container/laboratory-server.ts', flags: tokenFlags() }
  },
  /** Pulls Debian and starts guests of it. */
  linux: async () => ({ main: './debian-guests.mjs', flags: [] }),
  showcase: async () => ({ main: '../cli/main.ts', flags: ['showcase'] }),
  chaos: async () => ({ main: '../cli/main.ts', flags: ['chaos'] }),
}

const [role = '', ...flags] = process.argv.slice(2)
if (!Object.hasOwn(roles, role)) {
  console.error(`Say what this container is: ${Object.keys(roles).join(' or ')}, not '${role}'.`)
  process.exit(2)
}
const program = await roles[role]()
const main = new URL(program.main, import.meta.url)
process.argv = [process.execPath, fileURLToPath(main), ...program.flags, ...flags]
await import(main.href)
