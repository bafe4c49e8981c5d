// A file as memory that threads share: handed to another one it is not copied, however large it is,
// and it is read beside the thread that asks for it. Where the host has large pages to give, it is
// asked for them: the first touch of a small one costs more than reading what goes there. Bytes.

import { open } from 'node:fs/promises'
import type { LargePages } from './host-memory.ts'

const chunkBytes = 4 << 20

/** Rejects as `node:fs` does. */
export async function readSharedFile(
  location: URL | string,
  large?: Pick<LargePages, 'wish'>,
): Promise<Uint8Array> {
  const file = await open(location)
  try {
    const { size } = await file.stat()
    const bytes = new Uint8Array(new SharedArrayBuffer(size))
    large?.wish(bytes, 0, size)
    let at = 0
    while (at < size) {
      const { bytesRead } = await file.read(bytes, at, Math.min(chunkBytes, size - at), at)
      if (bytesRead === 0) return bytes.slice(0, at) // shorter now than it was
      at += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}
