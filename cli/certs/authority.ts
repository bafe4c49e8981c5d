// A cluster's certificates: its own authority, and a certificate for the coordinator and for each
// node, in one folder. P-256 keys, SHA-256, X.509 version 3. A file is replaced whole, so that who
// watches it (env/real/credentials.ts) never reads half of one.
//
//   ca.pem           whom everybody in the cluster trusts; two while the authority changes
//   ca-key.pem       makes certificates: it stays on the machine where they are made
//   NAME.pem         key and certificate of `coordinator` or of a node: goes to that machine alone
//   revoked          what is trusted no more: goes to all machines, beside ca.pem
//
// Source: RFC 5280 (certificates), RFC 6125 (names in them).

import 'reflect-metadata'
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { certificateName, coordinatorName, revokedFile } from '#env/real.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { namePattern } from '#proto/ids.ts'

const dayMs = 86_400_000
const authorityDays = 3650
/** Soon enough that a lost key does not matter for ever; `rotate` makes them anew. */
const nodeDays = 90
/** Whoever looks then makes them anew. */
export const renewWithinMs = 30 * dayMs
/** Clocks differ. */
const earlierMs = 60 * 60_000
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const caKey = 'ca-key'
/** The authority's own, which are of no node. */
const ownFiles = ['ca', caKey]
/** Names by which a browser or the command on the same machine calls the coordinator. */
const ownHosts = ['localhost', '127.0.0.1', '::1'] as const

export interface CertificateRow {
  readonly name: string
  readonly names: string
  readonly expiresWallMs: number
  readonly fingerprint: string
}

export class Authority {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  get caFile(): string {
    return join(this.#folder, 'ca.pem')
  }

  get isThere(): boolean {
    return existsSync(this.caFile)
  }

  /** Makes the authority and the coordinator's certificate. @param hosts more names of it */
  async init(hosts: readonly string[]): Promise<void> {
    if (this.isThere)
      throw new FaultError(
        fault(
          'name-taken',
          `${this.#folder} has an authority already; another one: godwit certs rotate --authority` +
            ` --folder ${this.#folder}`,
        ),
      )
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    await this.#newAuthority('')
    await this.issue(coordinatorName, hosts)
  }

  /** A certificate for the coordinator or a node; one that is there already is made anew. */
  async issue(name: string, hosts: readonly string[] = []): Promise<void> {
    if (!namePattern.test(name) || ownFiles.includes(name))
      throw new FaultError(fault('bad-certificate', `no node can be called \`${name}\` here`))
    const { certificate, key } = await this.#authority()
    const keys = await newKeys()
    const more = name === coordinatorName ? [...new Set([...ownHosts, ...hosts])] : hosts
    const names = [dns(certificateName(name)), ...more.map(hostName)]
    const made = await x509.X509CertificateGenerator.create({
      ...{
        serialNumber: randomBytes(16)
          .toString('hex')
          .replace(/^[89a-f]/, '1'),
      },
      ...{ subject: subjectOf(name), issuer: certificate.subject, signingAlgorithm: algorithm },
      ...{ ...validFor(nodeDays), publicKey: keys.publicKey, signingKey: key },
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.AuthorityKeyIdentifierExtension.create(certificate.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    this.#write(`${name}.pem`, `${await pemOfKey(keys.privateKey)}\n${made.toString('pem')}\n`)
  }

  /** It is trusted no more, by whoever has this list. @returns the whole fingerprint */
  revoke(name: string): string {
    const own = this.show().find((row) => row.name === name)
    if (!own || name === 'ca')
      throw new FaultError(fault('bad-certificate', `there is no certificate of ${name} here`))
    const file = join(this.#folder, `${name}.pem`)
    const { fingerprint256 } = new X509Certificate(readFileSync(file))
    const list = join(this.#folder, revokedFile)
    const before = existsSync(list) ? readFileSync(list, 'utf8') : ''
    const line = `${fingerprint256} ${name} ${new Date().toISOString()}\n`
    if (!before.includes(fingerprint256)) this.#write(revokedFile, before + line)
    return fingerprint256
  }

  /** All certificates anew, under the same names. @param alsoAuthority a new one of that too */
  async rotate(alsoAuthority: boolean): Promise<readonly string[]> {
    // Who still has a certificate of the old authority is trusted until the next rotation.
    if (alsoAuthority) await this.#newAuthority(firstOf(readFileSync(this.caFile, 'utf8')))
    const rows = this.show().filter(({ name }) => name !== 'ca')
    for (const { name, names } of rows) await this.issue(name, hostsIn(names))
    return rows.map(({ name }) => name)
  }

  /** Everything there is, the authority first. */
  show(): CertificateRow[] {
    if (!this.isThere) throw new FaultError(noAuthority(this.#folder))
    const files = readdirSync(this.#folder).filter((file) => /^[a-z0-9-]+\.pem$/.test(file))
    const names = files.map((file) => file.replace('.pem', '')).filter((name) => name !== caKey)
    const sorted = names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    return sorted.map((name) => {
      const read = new X509Certificate(readFileSync(join(this.#folder, `${name}.pem`)))
      const expiresWallMs = read.validToDate.getTime()
      const fingerprint = read.fingerprint256.slice(0, 23)
      return { name, names: read.subjectAltName ?? '', expiresWallMs, fingerprint }
    })
  }

  async #newAuthority(others: string): Promise<void> {
    const keys = await newKeys()
    const name = `CN=Godwit cluster ${randomBytes(4).toString('hex')}`
    const made = await x509.X509CertificateGenerator.createSelfSigned({
      ...{ name, keys, signingAlgorithm: algorithm, ...validFor(authorityDays) },
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    this.#write('ca-key.pem', `${await pemOfKey(keys.privateKey)}\n`)
    this.#write('ca.pem', `${made.toString('pem')}\n${others}`)
  }

  async #authority() {
    if (!this.isThere) throw new FaultError(noAuthority(this.#folder))
    const keyPem = readFileSync(join(this.#folder, 'ca-key.pem'), 'utf8')
    const der = x509.PemConverter.decodeFirst(keyPem)
    const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
    return {
      certificate: new x509.X509Certificate(firstOf(readFileSync(this.caFile, 'utf8'))),
      key,
    }
  }

  #write(file: string, text: string): void {
    const path = join(this.#folder, file)
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
}

/**
 * Names are in the alternative names (RFC 6125); etcd with users refuses a certificate that has a
 * common name (embed/serve.go: it would be ignored).
 */
const subjectOf = (name: string): string => `O=Godwit, OU=${name}`
const noAuthority = (folder: string) =>
  fault('bad-certificate', `${folder} has no authority: godwit certs init --folder ${folder}`)
const rank = (name: string) =>
  ['ca', coordinatorName, ''].indexOf(name === 'ca' ? 'ca' : name) >>> 0
const dns = (value: string) => ({ type: 'dns' as const, value })
const hostName = (host: string) =>
  /^[\d.]+$|:/.test(host) ? { type: 'ip' as const, value: host } : dns(host)
/** Of a text like `DNS:a, IP Address:::1`; our own name is not among them. */
const hostsIn = (names: string): string[] =>
  names
    .split(', ')
    .map((name) => name.replace(/^(DNS|IP Address):/, '').replace('0:0:0:0:0:0:0:1', '::1'))
    .filter((name) => name !== '' && !name.endsWith(certificateName('')))
const firstOf = (pem: string): string => {
  const end = '-----END CERTIFICATE-----'
  return `${pem.slice(0, pem.indexOf(end))}${end}\n`
}

const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key)
  return x509.PemConverter.encode(der, 'PRIVATE KEY')
}
const validFor = (days: number) => ({
  notBefore: new Date(Date.now() - earlierMs),
  notAfter: new Date(Date.now() + days * dayMs),
})
