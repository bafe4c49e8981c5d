// What goes into an initial RAM disk of unpacked packages, and where it lies there.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { debianInitramfs } from '#cli/image/debian-initramfs.ts'
import { treeBytes, treeEntries } from '#cli/image/package-tree.ts'
import { temporaryHome } from '../rehearsal.ts'

/** A program, a library that it needs by a link, and what people read of it. */
function unpacked(): string {
  const root = temporaryHome()
  for (const folder of ['usr/bin', 'usr/lib', 'usr/share/doc/bc', 'usr/share/man/man1', 'etc'])
    mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, 'usr/bin/bc'), 'program')
  chmodSync(join(root, 'usr/bin/bc'), 0o755)
  writeFileSync(join(root, 'usr/lib/libm.so.6.1'), 'x'.repeat(5000))
  symlinkSync('libm.so.6.1', join(root, 'usr/lib/libm.so.6'))
  writeFileSync(join(root, 'usr/share/doc/bc/copyright'), 'words')
  writeFileSync(join(root, 'usr/share/man/man1/bc.1'), 'words')
  writeFileSync(join(root, 'etc/bc.conf'), '')
  return root
}

test('everything is taken along but what only people read', () => {
  const entries = treeEntries(unpacked())
  expect(entries.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    ...['folder etc', 'file etc/bc.conf', 'folder usr', 'folder usr/bin', 'file usr/bin/bc'],
    ...['folder usr/lib', 'link usr/lib/libm.so.6', 'file usr/lib/libm.so.6.1'],
    'folder usr/share',
  ])
  expect(entries).toContainEqual({ kind: 'link', path: 'usr/lib/libm.so.6', to: 'libm.so.6.1' })
  expect(entries.find(({ path }) => path === 'usr/bin/bc')).toMatchObject({ mode: 0o755 })
})

test('in RAM a file takes whole pages', () => {
  expect(treeBytes(treeEntries(unpacked()))).toBe(4096 + 8192)
})

test('with packages all programs lie below /usr, BusyBox among them; without, as before', () => {
  const parts = {
    ...{ busybox: new Uint8Array(1), modules: new Map(), screenConsole: new Uint8Array(1) },
    banner: 'of a test',
  }
  const pathsIn = (archive: Uint8Array) =>
    [
      ...Buffer.from(archive)
        .toString('latin1')
        .matchAll(/070701[0-9A-F]{104}([^\0]+)\0/g),
    ].map(([, path]) => path)
  expect(pathsIn(debianInitramfs(parts))).toContain('bin/busybox')
  const paths = pathsIn(debianInitramfs({ ...parts, programs: treeEntries(unpacked()) }))
  for (const path of ['bin', 'init', 'etc/inittab', 'usr/bin/bc', 'usr/bin/busybox', 'usr/bin/sh'])
    expect(paths).toContain(path)
  expect(paths).not.toContain('bin/busybox')
  // Each lies in a folder that was there before it.
  const seen = new Set<string>()
  for (const path of paths) {
    const folder = path?.split('/').slice(0, -1).join('/')
    if (folder) expect(seen, path).toContain(folder)
    seen.add(path ?? '')
  }
})
