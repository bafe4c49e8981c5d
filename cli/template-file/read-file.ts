// A template's file that is read: its head and its manifest at once, its content chunk by chunk.
// Whatever is in it may be damaged or made to harm: every length is held against what may be.
// Not here: the format itself (proto/templates/). Bytes.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { realZstd } from '#env/real/zstd.ts'
import { sha256, verify } from '#env/real.ts'
import { FaultError } from '#proto/faults.ts'
import {
  chunkHeadBytes,
  damaged,
  decodeChunkHead,
  decodeHead,
  type FileHead,
  headBytes,
  hexText,
  keyText,
  signedText,
} from '#proto/templates/file.ts'
import {
  chunkAt,
  chunkBytes,
  chunkCount,
  decodeManifest,
  isChunk,
  type TemplateManifest,
} from '#proto/templates/manifest.ts'
import { CommandError, exitCode } from '../exit-code.ts'

export class ReadFile {
  readonly id: string
  readonly bytes: number
  readonly manifest: TemplateManifest
  readonly packedManifest: Uint8Array
  readonly #head: FileHead
  readonly #fd: number

  /** Throws FaultErrors: it is none, or not whole. */
  constructor(path: string) {
    this.#fd = open(path)
    this.bytes = fstatSync(this.#fd).size
    const head = decodeHead(this.#read(0, headBytes))
    if ('code' in head) throw new FaultError(head)
    this.#head = head
    this.packedManifest = this.#read(headBytes, head.manifestBytes)
    const manifest = decodeManifest(this.packedManifest)
    if ('code' in manifest) throw new FaultError(manifest)
    this.manifest = manifest
    this.id = hexText(sha256(this.packedManifest))
  }

  /** As it is passed on. Undefined: nobody has signed it. */
  get signature(): { readonly key: string; readonly hex: string } | undefined {
    const { signature } = this.#head
    return signature && { key: keyText(signature.key), hex: hexText(signature.bytes) }
  }

  /** It is of this very file. */
  get isSignatureGood(): boolean {
    const { signature } = this.#head
    return signature !== undefined && verify(signature.key, signedText(this.id), signature.bytes)
  }

  /** Header and bytes of each chunk that is wanted, in order. */
  *chunks(isWanted: (chunk: number) => boolean): Iterable<Uint8Array> {
    let at = headBytes + this.packedManifest.length
    for (let chunk = 0; chunk < chunkCount(this.manifest); chunk++) {
      const head = decodeChunkHead(this.#read(at, chunkHeadBytes))
      if ('code' in head) throw new FaultError(head)
      const length = chunkHeadBytes + head.packedBytes
      if (isWanted(chunk)) yield this.#read(at, length)
      at += length
    }
    if (at < this.bytes) throw new FaultError(damaged('goes on behind its end'))
    if (at > this.bytes) throw new FaultError(damaged('is cut'))
  }

  /** Holds all of its content against the manifest. Throws a FaultError for what is wrong. */
  verify(): void {
    let chunk = 0
    for (const bytes of this.chunks(() => true)) {
      const wanted = chunkAt(this.manifest, chunk++)
      const head = decodeChunkHead(bytes.subarray(0, chunkHeadBytes))
      const packed = bytes.subarray(chunkHeadBytes)
      const isPacked = !('code' in head) && head.isPacked
      const content = isPacked ? realZstd.decompress(packed, chunkBytes(wanted)) : packed
      if (!content || !isChunk(this.manifest, wanted, content, sha256))
        throw new FaultError(damaged('has content that its manifest does not name'))
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  #read(offset: number, length: number): Uint8Array {
    if (offset + length > this.bytes) throw new FaultError(damaged('is cut'))
    const into = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const got = readSync(this.#fd, into, done, length - done, offset + done)
      if (got === 0) throw new FaultError(damaged('is cut'))
      done += got
    }
    return into
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new CommandError(exitCode.usage, `${path} cannot be read: ${why}`)
  }
}
