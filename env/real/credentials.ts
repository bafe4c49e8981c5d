// A process's own certificate and key, and whom it trusts: two files in a folder, read again when
// they change, without a restart; and a third one, which may be missing, with the fingerprints of
// certificates that are trusted no more: links by them end within a second. What is half written or
// does not fit together is left alone, and the old ones stay. Names in certificates are those of
// nodes, below a domain that nobody has: they say who somebody is, not where.
// Source: TLS 1.3 (RFC 8446); .internal is kept for private use (ICANN resolution 2024.07.29.06).

import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, unwatchFile, watchFile } from 'node:fs'
import { join } from 'node:path'
import tls, { type SecureContextOptions } from 'node:tls'

export const coordinatorName = 'coordinator'
const domain = '.godwit.internal'
export const certificateName = (name: string): string => `${name}${domain}`

/** Fingerprints (SHA-256, as `godwit certs show` has them), one a line; the rest is for people. */
export const revokedFile = 'revoked'
/** Files are looked at so often. */
const lookMs = 500

export class Credentials {
  /** Whose they are: a node, or the coordinator. */
  readonly name: string
  readonly #files: { readonly trusted: string; readonly own: string; readonly revoked: string }
  readonly #sockets = new Set<tls.TLSSocket>()
  #revoked: ReadonlySet<string>
  readonly #onChange: ((options: SecureContextOptions) => void)[] = []
  #now: SecureContextOptions

  /** Throws when they cannot be read. */
  constructor(folder: string, name: string) {
    this.name = name
    this.#files = {
      trusted: join(folder, 'ca.pem'),
      own: join(folder, `${name}.pem`),
      revoked: join(folder, revokedFile),
    }
    this.#now = this.#read()
    this.#revoked = this.#readRevoked()
    for (const file of Object.values(this.#files))
      watchFile(file, { interval: lookMs, persistent: false }, () => this.#look())
  }

  get now(): SecureContextOptions {
    return this.#now
  }

  /** Ms of wall time at which our own certificate ends. */
  get expiresWallMs(): number {
    return new X509Certificate(String(this.#now.cert)).validToDate.getTime()
  }

  onChange(fn: (options: SecureContextOptions) => void): void {
    this.#onChange.push(fn)
  }

  close(): void {
    for (const file of Object.values(this.#files)) unwatchFile(file)
  }

  #look(): void {
    try {
      this.#revoked = this.#readRevoked()
      for (const socket of this.#sockets) this.#judge(socket)
      this.#now = this.#read()
    } catch {
      return
    }
    for (const fn of this.#onChange) fn(this.#now)
  }

  /**
   * Ends a link, at once or later, whose other end has shown a certificate that was revoked. False:
   * at once.
   */
  watch(socket: unknown): boolean {
    if (!(socket instanceof tls.TLSSocket)) return true
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    this.#judge(socket)
    return !socket.destroyed
  }

  #judge(socket: tls.TLSSocket): void {
    // Of one that is destroyed and not closed yet there is none, whatever the types say.
    const shown: tls.PeerCertificate | null = socket.getPeerCertificate()
    if (this.#revoked.has(shown?.fingerprint256 ?? ''))
      socket.destroy(new Error('its certificate was revoked'))
  }

  #readRevoked(): ReadonlySet<string> {
    const text = existsSync(this.#files.revoked) ? readFileSync(this.#files.revoked, 'utf8') : ''
    return new Set(text.match(/^([0-9A-F]{2}:){31}[0-9A-F]{2}/gm) ?? [])
  }

  #read(): SecureContextOptions {
    const ca = readFileSync(this.#files.trusted, 'utf8')
    const both = readFileSync(this.#files.own, 'utf8')
    const options = { ca: [...certificatesIn(ca)], cert: both, key: both, minVersion: 'TLSv1.3' }
    tls.createSecureContext(options as SecureContextOptions)
    return options as SecureContextOptions
  }
}

const certificatesIn = (pem: string): string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []

/** Whose certificate the other end has shown; undefined: none that our authority has made. */
export function provenNameOf(socket: unknown): string | undefined {
  if (!(socket instanceof tls.TLSSocket) || !socket.authorized) return undefined
  const names = (socket.getPeerCertificate().subjectaltname ?? '').split(', ')
  const ours = names.find((name) => name.startsWith('DNS:') && name.endsWith(domain))
  return ours?.slice('DNS:'.length, -domain.length)
}

/** From now on this process trusts that authority too, in whatever it connects to. */
export function trustAlso(caFile: string): void {
  const more = certificatesIn(readFileSync(caFile, 'utf8'))
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...more])
}
