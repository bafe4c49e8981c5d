// Unpacked packages as they go into an initial RAM disk: everything but what only people read, as
// Debian's own small images leave it out. Not here: how packages are fetched and unpacked
// (debian-packages.ts), what else is in the disk (debian-initramfs.ts).

import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pageBytes } from '#proto/units.ts'
import type { CpioEntry } from './cpio.ts'

const forReaders = ['bug', 'doc', 'doc-base', 'info', 'lintian', 'locale', 'man']
const leftOut = new Set(forReaders.map((name) => `usr/share/${name}`))
const modeMask = 0o7777

/** Entries of all that lies below the folder, each folder before what is in it. */
export function treeEntries(folder: string): CpioEntry[] {
  return [...entriesBelow(folder, '')]
}

function* entriesBelow(folder: string, path: string): Generator<CpioEntry> {
  for (const name of readdirSync(join(folder, path)).sort()) {
    const at = path === '' ? name : `${path}/${name}`
    if (leftOut.has(at)) continue
    const file = join(folder, at)
    const stat = lstatSync(file)
    if (stat.isSymbolicLink()) yield { kind: 'link', path: at, to: readlinkSync(file) }
    else if (stat.isFile())
      yield { kind: 'file', path: at, bytes: readFileSync(file), mode: stat.mode & modeMask }
    else if (stat.isDirectory()) {
      yield { kind: 'folder', path: at }
      yield* entriesBelow(folder, at)
    }
  }
}

/** Bytes that they take in RAM: each file has pages of its own. */
export const treeBytes = (entries: readonly CpioEntry[]): number =>
  entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? pagesUp(entry.bytes.length) : 0), 0)

const pagesUp = (bytes: number) => Math.ceil(bytes / pageBytes) * pageBytes
