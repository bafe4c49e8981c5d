// A template's file while it is written: beside its place, under a name that says that it is not
// whole, and in its place at once when it is. Not here: what is in it (proto/templates/).

import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { type PrivateKey, sign } from '#env/real.ts'
import { FaultError } from '#proto/faults.ts'
import {
  chunkHeadBytes,
  decodeChunkHead,
  encodeHead,
  headBytes,
  signedText,
} from '#proto/templates/file.ts'
import type { FileSize } from '#proto/templates/messages.ts'
import { CommandError, exitCode } from '../exit-code.ts'

export class WrittenFile {
  readonly #path: string
  readonly #temp: string
  readonly #fd: number
  readonly #manifest = createHash('sha256')
  #manifestBytes = 0
  #manifestLeft = 0
  #at = headBytes
  #chunks = 0
  /** Where the next chunk begins, and what of its head has come. */
  #nextChunkAt = Number.POSITIVE_INFINITY
  #chunkHead: number[] = []

  /** Throws a CommandError when there is such a file. */
  constructor(path: string) {
    if (existsSync(path))
      throw new CommandError(exitCode.failed, `${path} is there already: give another name.`)
    this.#path = path
    this.#temp = `${path}.${randomBytes(4).toString('hex')}.part`
    this.#fd = openSync(this.#temp, 'wx', 0o600)
  }

  /** Chunks that have begun to come. */
  get chunks(): number {
    return this.#chunks
  }

  /** Of all that was written. */
  get bytes(): number {
    return this.#at
  }

  begins({ manifestBytes }: FileSize): void {
    this.#manifestBytes = manifestBytes
    this.#manifestLeft = manifestBytes
    this.#nextChunkAt = headBytes + manifestBytes
  }

  part(bytes: Uint8Array): void {
    const ofManifest = Math.min(bytes.length, this.#manifestLeft)
    if (ofManifest > 0) this.#manifest.update(bytes.subarray(0, ofManifest))
    this.#manifestLeft -= ofManifest
    this.#write(bytes, this.#at)
    this.#countChunks(bytes)
    this.#at += bytes.length
  }

  #countChunks(bytes: Uint8Array): void {
    while (this.#nextChunkAt + this.#chunkHead.length < this.#at + bytes.length) {
      this.#chunkHead.push(bytes[this.#nextChunkAt + this.#chunkHead.length - this.#at] ?? 0)
      if (this.#chunkHead.length < chunkHeadBytes) continue
      const head = decodeChunkHead(Uint8Array.from(this.#chunkHead))
      if ('code' in head) throw new FaultError(head)
      this.#chunks++
      this.#nextChunkAt += chunkHeadBytes + head.packedBytes
      this.#chunkHead = []
    }
  }

  /** It is whole: signed, durable, and in its place. @returns its id */
  finish(key: PrivateKey | undefined): string {
    const id = this.#manifest.digest('hex')
    const signature = key && { key: key.publicKey, bytes: sign(key, signedText(id)) }
    this.#write(encodeHead({ manifestBytes: this.#manifestBytes, signature }), 0)
    fsyncSync(this.#fd)
    closeSync(this.#fd)
    renameSync(this.#temp, this.#path)
    return id
  }

  abandon(): void {
    closeSync(this.#fd)
    rmSync(this.#temp, { force: true })
  }

  #write(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done)
  }
}
