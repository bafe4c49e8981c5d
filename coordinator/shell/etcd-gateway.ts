// The connection to etcd: the JSON gateway of any of its members, over HTTP or TLS, one after the
// other when one does not answer. What it does not answer clearly is the fault `link-lost`: nobody
// knows whether it was done. Not here: what is said (etcd/etcd-words.ts), trying again.
// Source: etcd.io, "Why gRPC gateway"; gRPC's status codes (google/rpc/code.proto).

import { readFileSync, watchFile } from 'node:fs'
import http, { type RequestOptions } from 'node:http'
import https from 'node:https'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { FaultError, fault } from '#proto/faults.ts'
import { jsonOf } from '#proto/json.ts'
import type { Etcd } from '../etcd/etcd-words.ts'

export interface EtcdPlace {
  /** `http://host:port` or `https://host:port` of members. */
  readonly urls: readonly string[]
  /** PEM files: whom to trust, and who we are. */
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** `name:password`, where etcd wants one. */
  readonly user?: string | undefined
}

/** By these codes etcd says that it has not done it and will not: gRPC's numbers. */
const refusals: Readonly<Record<number, string>> = {
  3: 'invalid argument',
  5: 'not found',
  7: 'permission denied',
  8: 'out of room',
  9: 'failed precondition',
}
const denied = 7
/** The user's token has run out, or none was shown: not done either, and mended by a new one. */
const unauthenticated = 16
/** The same, said as something else: also of a token (JWT) from before the users were changed. */
const staleToken = /invalid auth token|auth store is old/
/** Files are looked at so often. */
const lookMs = 500
const answerBytesMax = 64 << 20

const Refusal = z.object({ code: z.number().default(2), message: z.string().default('') })

export function etcdGateway(place: EtcdPlace): Etcd {
  return new EtcdGateway(place)
}

/**
 * How its members are reached now: plainly, or over TLS, by links that stay. Certificates are read
 * again when they change; what is half written or does not fit together is left alone.
 */
export function wayTo({ urls, caFile, certFile, keyFile }: EtcdPlace): () => RequestOptions {
  const isTls = urls[0]?.startsWith('https:') === true
  const agent = new (isTls ? https : http).Agent({ keepAlive: true })
  const readAll = () => ({
    ca: read('--etcd-ca', caFile),
    cert: read('--etcd-cert', certFile),
    key: read('--etcd-key', keyFile),
  })
  let known = readAll()
  const look = () => {
    try {
      const now = readAll()
      createSecureContext(now)
      known = now
    } catch {
      return
    }
  }
  for (const file of [caFile, certFile, keyFile])
    if (file) watchFile(file, { interval: lookMs, persistent: false }, look).setMaxListeners(0)
  return () => ({ method: 'POST', agent, ...(isTls && known) })
}

class EtcdGateway implements Etcd {
  readonly #urls: readonly URL[]
  readonly #user: string | undefined
  readonly #way: () => RequestOptions
  #at = 0
  #token: string | undefined

  constructor(place: EtcdPlace) {
    this.#urls = place.urls.map((url) => new URL(url))
    this.#user = place.user
    this.#way = wayTo(place)
  }

  async call(path: string, body: object, timeoutMs: number): Promise<unknown> {
    if (this.#user !== undefined && this.#token === undefined) await this.#logIn(timeoutMs)
    const answer = await this.#post(path, body, timeoutMs)
    if (answer.isGood) return answer.body
    const { code, message } = Refusal.parse(answer.body ?? plainRefusal(answer))
    const isToken = code === unauthenticated || staleToken.test(message)
    if (isToken && this.#token !== undefined) {
      this.#token = undefined
      throw new FaultError(fault('link-lost', 'the login at etcd has run out: it is made anew'))
    }
    const isRefused = code === denied || /user name is empty/.test(message)
    const isStranger = this.#user === undefined && isRefused
    const refusal = isToken || isStranger ? 'it wants GODWIT_ETCD_USER' : refusals[code]
    if (refusal) throw new FaultError(fault('wrong-state', `etcd refuses: ${message} (${refusal})`))
    this.#turn()
    throw new FaultError(fault('link-lost', `etcd has no answer: ${message}`))
  }

  async #logIn(timeoutMs: number): Promise<void> {
    const [name = '', password = ''] = (this.#user ?? '').split(/:(.*)/s)
    const { isGood, body } = await this.#post(
      '/v3/auth/authenticate',
      { name, password },
      timeoutMs,
    )
    const token = z.object({ token: z.string() }).safeParse(body)
    if (!isGood || !token.success)
      throw new FaultError(fault('wrong-state', `etcd does not let ${name} in: GODWIT_ETCD_USER`))
    this.#token = token.data.token
  }

  /** Another member is asked the next time. */
  #turn(): void {
    this.#at = (this.#at + 1) % this.#urls.length
  }

  async #post(path: string, body: object, timeoutMs: number): Promise<Answer> {
    const url = new URL(path, this.#urls[this.#at])
    try {
      return await ask(url, JSON.stringify(body), timeoutMs, {
        ...this.#way(),
        headers: {
          'content-type': 'application/json',
          ...(this.#token !== undefined && { authorization: this.#token }),
        },
      })
    } catch (thrown) {
      this.#turn()
      const why = whyNot(thrown)
      throw new FaultError(fault('link-lost', `etcd at ${url.origin} did not answer: ${why}`))
    }
  }
}

function read(flag: string, file: string | undefined): Buffer | undefined {
  try {
    return file ? readFileSync(file) : undefined
  } catch (thrown) {
    const { code } = thrown as { code?: string }
    throw new FaultError(fault('bad-request', `${flag} ${file} cannot be read (${code})`))
  }
}

/** TLS says in its own words what is wrong; this says what mends it. */
export function whyNot(thrown: unknown): string {
  const { code = '', message } =
    thrown instanceof Error
      ? (thrown as { code?: string } & Error)
      : {
          message: String(thrown),
        }
  if (/ALERT_(BAD_CERTIFICATE|CERTIFICATE_REQUIRED|UNKNOWN_CA)/.test(code))
    return 'it wants a certificate of an authority that it trusts: --etcd-cert, --etcd-key'
  if (/^(SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_|DEPTH_ZERO)/.test(code))
    return `its certificate is not trusted here (${code}): --etcd-ca`
  return message || String(thrown)
}

interface Answer {
  readonly isGood: boolean
  readonly status: number
  readonly text: string
  /** Undefined: it is no JSON. */
  readonly body: unknown
}

/** What stands before its gateway refuses in plain text, and 4xx are for good. */
const plainRefusal = ({ status, text }: Answer): z.input<typeof Refusal> => ({
  code: status >= 400 && status < 500 ? 9 : 2,
  message: text.trim().slice(0, 200),
})

export function ask(url: URL, text: string, timeoutMs: number, options: RequestOptions) {
  return new Promise<Answer>((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http
    const asked = request(url, options, (answer) => {
      const chunks: Buffer[] = []
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > answerBytesMax) asked.destroy(new Error('the answer is too large'))
      })
      answer.on('error', reject)
      answer.on('end', () => {
        clearTimeout(timer)
        const text = Buffer.concat(chunks).toString()
        const status = answer.statusCode ?? 0
        resolve({ isGood: status === 200, status, text, body: jsonOf(text) })
      })
    })
    const late = new Error(`nothing within ${Math.round(timeoutMs)} ms`)
    const timer = setTimeout(() => asked.destroy(late), timeoutMs)
    asked.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    asked.end(text)
  })
}
