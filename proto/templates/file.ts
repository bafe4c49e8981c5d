// A template as one file: the frame around its manifest and its content. Numbers little-endian,
// sizes in bytes. Not here: what the manifest says (manifest.ts), how a file moves between client
// and store (messages.ts).
//
//   0     "GDWTMPLT", u32 version, u32 length of the manifest
//   16    who signed it: an Ed25519 public key (RFC 8032), 32 bytes, and 64 of signature; both all
//         zero when nobody did
//   112   the manifest. Its SHA-256 is the id of the file: whatever is in it is named in there by
//         its own digest
//   then  the chunks, in the manifest's order, each: u32 packed length, u32 encoding, its bytes
//
// A file ends with its last chunk. What is signed are the bytes of signedText(id).

import { type Fault, fault } from '../faults.ts'

/** "GDWTMPLT", as it lies in the file. */
const magic = 0x544c_504d_5457_4447n
const version = 1
export const headBytes = 112
export const chunkHeadBytes = 8
/** So much of pages or disk is compressed at once: 64 pages, or 64 blocks. */
export const chunkBytesMax = 256 * 1024
/** What zstd may make of bytes that it cannot compress. */
const packedBytesMax = chunkBytesMax + 4096
/** More than a VM with all the memory and disk that one may have needs: 3 GiB and 16 GiB. */
export const manifestBytesMax = 64 << 20
export const keyBytes = 32
export const signatureBytes = 64

export interface Signature {
  readonly key: Uint8Array
  readonly bytes: Uint8Array
}

export interface FileHead {
  readonly manifestBytes: number
  /** Undefined: nobody has signed it. */
  readonly signature: Signature | undefined
}

export function encodeHead({ manifestBytes, signature }: FileHead): Uint8Array {
  const head = new Uint8Array(headBytes)
  const view = new DataView(head.buffer)
  view.setBigUint64(0, magic, true)
  view.setUint32(8, version, true)
  view.setUint32(12, manifestBytes, true)
  if (signature) {
    head.set(signature.key, 16)
    head.set(signature.bytes, 16 + keyBytes)
  }
  return head
}

export function decodeHead(head: Uint8Array): FileHead | Fault {
  if (head.length !== headBytes) return damaged('is too short to be one')
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  if (view.getBigUint64(0, true) !== magic)
    return fault('bad-template', 'this file is no template: give one of godwit template export')
  const found = view.getUint32(8, true)
  if (found !== version)
    return fault(
      'bad-template',
      `the file has format ${found}, this release knows ${version}: use the one that wrote it`,
    )
  const manifestBytes = view.getUint32(12, true)
  if (manifestBytes === 0 || manifestBytes > manifestBytesMax)
    return damaged(`claims a manifest of ${manifestBytes} bytes`)
  const key = head.slice(16, 16 + keyBytes)
  const bytes = head.slice(16 + keyBytes)
  const isSigned = key.some((byte) => byte !== 0) || bytes.some((byte) => byte !== 0)
  return { manifestBytes, signature: isSigned ? { key, bytes } : undefined }
}

export const encodings = { raw: 0, zstd: 1 } as const

/** Header and bytes of a chunk. */
export function encodeChunk(content: Uint8Array, packed: Uint8Array): Uint8Array {
  const isPacked = packed.length < content.length
  const bytes = isPacked ? packed : content
  const chunk = new Uint8Array(chunkHeadBytes + bytes.length)
  const view = new DataView(chunk.buffer)
  view.setUint32(0, bytes.length, true)
  view.setUint32(4, isPacked ? encodings.zstd : encodings.raw, true)
  chunk.set(bytes, chunkHeadBytes)
  return chunk
}

export function decodeChunkHead(
  head: Uint8Array,
): { readonly packedBytes: number; readonly isPacked: boolean } | Fault {
  if (head.length !== chunkHeadBytes) return damaged('ends inside a chunk')
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  const packedBytes = view.getUint32(0, true)
  const encoding = view.getUint32(4, true)
  if (packedBytes === 0 || packedBytes > packedBytesMax)
    return damaged(`claims a chunk of ${packedBytes} bytes`)
  if (encoding !== encodings.raw && encoding !== encodings.zstd)
    return damaged(`has a chunk in encoding ${encoding}`)
  return { packedBytes, isPacked: encoding === encodings.zstd }
}

/** What a signature is over: nothing else that is signed begins like that. */
export const signedText = (id: string): Uint8Array =>
  new TextEncoder().encode(`godwit template file 1: ${id}`)

/** Why a file cannot be used, whatever is wrong with it. */
export const damaged = (how: string): Fault =>
  fault('bad-template', `the template file ${how}: it was damaged or altered; export it again`)

/** Lower case; of a digest or a key. */
export const hexText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

const keyPrefix = 'gwk_'
/** A public key as people pass it on. */
export const keyText = (key: Uint8Array): string => keyPrefix + hexText(key)
export const keyPattern = /^gwk_[0-9a-f]{64}$/

/** The bytes of a key's text; undefined: it is none. */
export function readKeyText(text: string): Uint8Array | undefined {
  if (!keyPattern.test(text)) return undefined
  return Uint8Array.from(text.slice(keyPrefix.length).match(/../g) ?? [], (byte) =>
    Number.parseInt(byte, 16),
  )
}
