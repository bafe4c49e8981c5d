// Zstandard (RFC 8878) as Node has it: compression on the threads of its pool, so that whoever asks
// goes on meanwhile; decompression at once, since it is faster than the copies around it.

import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Zstd } from '../env.ts'

const compress = promisify(zstdCompress)

const atLevel = (level: number) => ({ params: { [constants.ZSTD_c_compressionLevel]: level } })

export const realZstd: Zstd = {
  compress: (bytes, level) => compress(bytes, atLevel(level)),
  decompress(packed, length) {
    try {
      const bytes = zstdDecompressSync(packed, { maxOutputLength: length })
      return bytes.length === length ? bytes : undefined
    } catch {
      return undefined
    }
  },
}

/** The same at once: for a world whose time stands still meanwhile. */
export const promptZstd: Zstd = {
  ...realZstd,
  compress: async (bytes, level) => zstdCompressSync(bytes, atLevel(level)),
}
