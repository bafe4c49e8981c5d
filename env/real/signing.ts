// Signatures by Ed25519 (RFC 8032), as the machine's own library has them. Keys outside are 32
// bytes; a private key is kept as PKCS #8 in PEM (RFC 8410). Not here: who is trusted
// (coordinator/templates/), where a key is kept (cli/).

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto'

/** What a public key begins with in DER (RFC 8410, section 4): the 32 bytes follow. */
const publicPrefix = Uint8Array.from([
  ...[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
])

export interface PrivateKey {
  /** 32 bytes: what others know it by. */
  readonly publicKey: Uint8Array
  readonly pem: string
  readonly key: KeyObject
}

export function makeKey(): PrivateKey {
  const { privateKey } = generateKeyPairSync('ed25519')
  return readKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
}

/** Throws when it is no such key. */
export function readKey(pem: string): PrivateKey {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is no Ed25519 key')
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return { publicKey: new Uint8Array(der.subarray(publicPrefix.length)), pem, key }
}

/** 64 bytes. */
export const sign = ({ key }: PrivateKey, bytes: Uint8Array): Uint8Array =>
  new Uint8Array(signBytes(null, bytes, key))

/** False for anything that is no signature or no key. */
export function verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    const der = Buffer.concat([publicPrefix, publicKey])
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return verifyBytes(null, bytes, key, signature)
  } catch {
    return false
  }
}
