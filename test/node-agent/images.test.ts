// Which images a node finds, and what it says of those it does not.

import { expect, test } from 'vitest'
import { imageReader } from '#node-agent/images.ts'

const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const part = (file: string, bytes: number) => ({ file, bytes, sha256: 'ab'.repeat(32) })
const manifest = {
  ...{ format: 1, name: 'debian', about: 'for a test', packages: [] },
  kernel: part('kernel', 3),
  initramfs: part('initramfs', 2),
}

/** A reader over files in memory; their paths end as given. */
function reader(files: Readonly<Record<string, Uint8Array>>) {
  const read = async (location: URL | string) => {
    const found = Object.entries(files).find(([path]) => String(location).endsWith(path))
    if (found === undefined) throw new Error(`ENOENT ${location}`)
    return found[1]
  }
  return imageReader(read, '/home/images')
}

const whole = {
  '/home/images/debian/manifest.json': encoded(manifest),
  '/home/images/debian/kernel': Uint8Array.of(1, 2, 3),
  '/home/images/debian/initramfs': Uint8Array.of(4, 5),
}

test('our own guest comes along, a kernel alone, with something to do when nobody says what', async () => {
  const read = reader({ 'engine/guests/godwit-guest.bin': Uint8Array.of(7) })
  expect(await read('godwit-guest')).toEqual({
    kernel: Uint8Array.of(7),
    defaultArgs: 'workload=cpu load=10',
  })
})

test('a pulled image is kernel and initial RAM disk', async () => {
  expect(await reader(whole)('debian')).toEqual({
    kernel: Uint8Array.of(1, 2, 3),
    initrd: Uint8Array.of(4, 5),
  })
})

test('one that is not there is a fault that names the command', async () => {
  const wanted = { fault: { code: 'no-image' }, message: /godwit image pull debian$/ }
  await expect(reader({})('debian')).rejects.toMatchObject({ fault: wanted.fault })
  await expect(reader({})('debian')).rejects.toThrow(wanted.message)
  await expect(reader(whole)('../debian')).rejects.toThrow('no image ../debian here')
  await expect(reader(whole)('mine')).rejects.toThrow('godwit image add')
})

test('one of somebody’s own may bring firmware, its mode and its arguments', async () => {
  const own = {
    ...manifest,
    ...{ name: 'mine', entry: 'machine', args: 'quiet', firmware: part('firmware', 1) },
  }
  const files = {
    '/mine/manifest.json': encoded(own),
    '/mine/kernel': Uint8Array.of(1, 2, 3),
    '/mine/initramfs': Uint8Array.of(4, 5),
    '/mine/firmware': Uint8Array.of(6),
  }
  expect(await reader(files)('mine')).toMatchObject({
    firmware: Uint8Array.of(6),
    entersMachineMode: true,
    defaultArgs: 'quiet',
  })
})

test.each([
  ['no manifest that we know', { '/manifest.json': encoded({ format: 2 }) }],
  ['a kernel that was cut', { '/home/images/debian/kernel': Uint8Array.of(1) }],
] as const)('%s: pull it again', async (_, broken) => {
  const files = { ...broken, ...whole, ...broken }
  await expect(reader(files)('debian')).rejects.toThrow('godwit image pull debian --fresh')
})
