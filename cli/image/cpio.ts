// A cpio archive of the "newc" kind, which Linux unpacks as its initial RAM disk. Only writing,
// only what an initial RAM disk needs: folders, files, links, devices; all owned by root, no times,
// so that the same entries give the same bytes.
// Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.

export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'file'
      readonly path: string
      readonly bytes: Uint8Array
      readonly mode: number
    }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }
  | {
      readonly kind: 'character-device'
      readonly path: string
      readonly major: number
      readonly minor: number
    }

/** File types of st_mode (POSIX <sys/stat.h>). */
const types = { folder: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const
const trailer = 'TRAILER!!!'
/** Header, name and content each end at a multiple of this. */
const alignment = 4

interface Member {
  readonly path: string
  readonly mode: number
  readonly bytes: Uint8Array
  readonly device: readonly [major: number, minor: number]
}

export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const end: Member = { path: trailer, mode: 0, bytes: new Uint8Array(), device: [0, 0] }
  const parts = [...entries.map(memberOf), end].flatMap((member, i) => bytesOf(member, i + 1))
  const archive = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    archive.set(part, at)
    at += part.length
  }
  return archive
}

function memberOf(entry: CpioEntry): Member {
  const { path } = entry
  const nothing = { path, bytes: new Uint8Array(), device: [0, 0] as const }
  switch (entry.kind) {
    case 'folder':
      return { ...nothing, mode: types.folder | 0o755 }
    case 'file':
      return { ...nothing, mode: types.file | entry.mode, bytes: entry.bytes }
    case 'link':
      return { ...nothing, mode: types.link | 0o777, bytes: new TextEncoder().encode(entry.to) }
    case 'character-device':
      return { ...nothing, mode: types.device | 0o600, device: [entry.major, entry.minor] }
  }
}

function bytesOf({ path, mode, bytes, device }: Member, inode: number): Uint8Array[] {
  const name = new TextEncoder().encode(`${path}\0`)
  const links = 1
  const fields = [
    ...[inode, mode, 0, 0, links, 0, bytes.length],
    ...[0, 0, ...device, name.length, 0],
  ]
  const header = fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')
  const head = new TextEncoder().encode(`070701${header}`)
  return [head, name, padding(head.length + name.length), bytes, padding(bytes.length)]
}

const padding = (length: number) => new Uint8Array((alignment - (length % alignment)) % alignment)
