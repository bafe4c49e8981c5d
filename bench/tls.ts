// A claim of TLS, against the same link in plain text in the same run: it keeps 0.3 of the speed of
// loopback, which is far above a network's. The real transport, 1 MiB messages, sender and receiver
// in threads of their own; runs take turns, medians. Bytes per ms.
// Not here: a whole migration (moving.ts). Run: node bench/tls.ts [--runs N]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Authority } from '#cli/certs/authority.ts'
import { Credentials } from '#env/real/credentials.ts'
import { transportWith } from '#env/real/transport.ts'
import { mebibyte } from '#proto/units.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { median } from './rig/sample.ts'
import { Table } from './rig/table.ts'

const messages = 512
const bufferedMax = 8 * mebibyte
const limits = { messageBytesMax: 2 * mebibyte }
const required = 0.3

/** What the receiver is told: where its certificate is, if it has one. */
interface Receiving {
  readonly certs?: string
}

/** Says where it listens, and after the last message of a run that it has come. */
async function receive({ certs }: Receiving): Promise<void> {
  const credentials = certs === undefined ? undefined : new Credentials(certs, 'n2')
  const scheme = certs === undefined ? 'ws' : 'wss'
  const listener = await transportWith(credentials).listen(
    `${scheme}://127.0.0.1:0`,
    limits,
    (link) => {
      let count = 0
      link.onMessage(() => {
        if (++count % messages === 0) link.send(new Uint8Array(1))
      })
    },
  )
  parentPort?.postMessage(listener.address)
}

async function senderTo(certs: string | undefined): Promise<() => Promise<number>> {
  const worker = new Worker(new URL('./tls.ts', import.meta.url), { workerData: { certs } })
  worker.unref()
  const address = await new Promise<string>((resolve) => worker.once('message', resolve))
  const credentials = certs === undefined ? undefined : new Credentials(certs, 'n1')
  const link = await transportWith(credentials).connect(address, limits, 5000)
  const bytes = new Uint8Array(mebibyte).fill(7)
  return async () => {
    const beganMs = performance.now()
    const arrived = new Promise<void>((resolve) => link.onMessage(() => resolve()))
    for (let n = 0; n < messages; n++) {
      link.send(bytes)
      if (link.bufferedBytes > bufferedMax) await link.drained(bufferedMax / 2)
    }
    await arrived
    return (messages * mebibyte) / (performance.now() - beganMs)
  }
}

async function main(): Promise<void> {
  const values = readCommandLine({ runs: count(5) })
  const certs = mkdtempSync(join(tmpdir(), 'godwit-bench-'))
  const authority = new Authority(certs)
  await authority.init([])
  for (const name of ['n1', 'n2']) await authority.issue(name)
  const [plain, tls] = [await senderTo(undefined), await senderTo(certs)]
  await plain()
  await tls()
  const [plainRates, tlsRates]: [number[], number[]] = [[], []]
  for (let run = 0; run < values.runs; run++) {
    plainRates.push(await plain())
    tlsRates.push(await tls())
  }
  rmSync(certs, { recursive: true, force: true })
  const share = median(tlsRates) / median(plainRates)
  const table = new Table([
    ['what', 30],
    ['MB/s', 10],
  ])
  table.row(['plain text', (median(plainRates) / 1000).toFixed(0)])
  table.row(['TLS 1.3, both ends proven', (median(tlsRates) / 1000).toFixed(0)])
  console.log(`share ${share.toFixed(2)}, required ≥ ${required}`)
  process.exit(share >= required ? 0 : 1)
}

await (isMainThread ? main() : receive(workerData as Receiving))
