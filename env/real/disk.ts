// A folder of flat files as a Disk. Synchronous on purpose: a guest's request is carried out inside
// its slice. flush() is fdatasync: what it promises survives the loss of power, as far as the disk
// below is honest.

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../env.ts'

/** The folder is made when it is missing. */
export function openFolderDisk(folder: string): Disk {
  mkdirSync(folder, { recursive: true })
  const pathOf = (name: string) => {
    if (!/^[a-z0-9.-]{1,120}$/.test(name) || name.startsWith('.'))
      throw new Error(`${name} is no name for a disk file: use a-z, 0-9, . and -`)
    return join(folder, name)
  }
  return {
    open(name, mode) {
      const path = pathOf(name)
      const isNew = mode === 'create' && !existsSync(path)
      const file = new FolderFile(openSync(path, isNew ? 'wx+' : mode === 'read' ? 'r' : 'r+'))
      try {
        if (isNew) makeDurable(folder)
      } catch (thrown) {
        file.close()
        // Who tries again would find it, and take its name for durable.
        rmSync(path, { force: true })
        throw thrown
      }
      return file
    },
    exists: (name) => existsSync(pathOf(name)),
    rename: (from, to) => {
      renameSync(pathOf(from), pathOf(to))
      makeDurable(folder)
    },
    remove: (name) => rmSync(pathOf(name), { force: true }),
    list: () => readdirSync(folder).sort(),
  }
}

/**
 * A new name is durable only when its folder is: without this a flushed file could be gone after a
 * power loss.
 */
function makeDurable(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** No file has it: what is asked of a closed one fails. */
const closed = -1

class FolderFile implements DiskFile {
  #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  get sizeBytes(): number {
    return fstatSync(this.#fd).size
  }

  read(offset: number, into: Uint8Array): void {
    let done = 0
    while (done < into.length) {
      const got = readSync(this.#fd, into, done, into.length - done, offset + done)
      if (got === 0) break
      done += got
    }
    into.fill(0, done)
  }

  write(offset: number, from: Uint8Array): void {
    let done = 0
    while (done < from.length)
      done += writeSync(this.#fd, from, done, from.length - done, offset + done)
  }

  flush(): void {
    fdatasyncSync(this.#fd)
  }

  /** Once: by then another file of this process, or of a thread of it, may have its number. */
  close(): void {
    const fd = this.#fd
    this.#fd = closed
    if (fd !== closed) closeSync(fd)
  }
}
