// The images this node can boot: names of VmSpec.image → kernel, initial RAM disk and firmware. Our
// own guest comes along; others are pulled or added into a folder, and found there when a VM wants
// them, so that nothing is to be restarted after that.
// Not here: reading files (process.ts hands the reader in), what our guest does (docs/guest.md),
// how an image gets there (docs/images.md).

import type { BootImage } from '#engine/boot-layout.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { namePattern } from '#proto/ids.ts'
import { type ImageFile, manifestFile, readManifest } from '#proto/image-manifest.ts'
import { ownImage } from '#proto/vm-spec.ts'

const builtIn: Readonly<Record<string, URL>> = {
  [ownImage]: new URL('../engine/guests/godwit-guest.bin', import.meta.url),
}
/** What `godwit image pull` can build. */
const pulled: readonly string[] = ['debian', 'u-boot']

/** The bytes of a file; rejects when it cannot be read. */
export type ReadFile = (location: URL | string) => Promise<Uint8Array>

/**
 * Reads an image by its name; `folder` holds those that were pulled or added. Rejects with
 * `no-image` when there is none of that name, or it is not whole.
 */
export function imageReader(read: ReadFile, folder: string): (name: string) => Promise<BootImage> {
  const comesAlong = new Map<string, Promise<BootImage>>()
  return (name) => {
    const location = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined
    if (location === undefined) return readFromFolder(read, folder, name)
    const image = comesAlong.get(name) ?? readBuiltIn(read, name, location)
    comesAlong.set(name, image)
    return image
  }
}

const noImage = (message: string) => new FaultError(fault('no-image', message))

async function readBuiltIn(read: ReadFile, name: string, location: URL): Promise<BootImage> {
  try {
    return { kernel: await read(location), defaultArgs: 'workload=cpu load=10' }
  } catch (cause) {
    throw noImage(`image ${name} cannot be read (${String(cause)}); run: npm run guest`)
  }
}

/** Not kept: a kernel is large, and another may be pulled meanwhile. */
async function readFromFolder(read: ReadFile, folder: string, name: string): Promise<BootImage> {
  if (!namePattern.test(name)) throw noImage(`no image ${name} here: that is no name`)
  const place = `${folder}/${name}`
  const manifest = await read(`${place}/${manifestFile}`).then(readManifest, () => {
    throw noImage(`image ${name} is not in ${folder}; ${howToGet(name)}`)
  })
  if (manifest === undefined) throw damaged(place, name)
  const part = async ({ file, bytes: length }: ImageFile) => {
    const bytes = await read(`${place}/${file}`).catch(() => undefined)
    if (bytes?.length !== length) throw damaged(place, name)
    return bytes
  }
  const { kernel, initramfs, firmware, entry, args } = manifest
  return {
    kernel: await part(kernel),
    ...(initramfs && { initrd: await part(initramfs) }),
    ...(firmware && { firmware: await part(firmware) }),
    ...(entry === 'machine' && { entersMachineMode: true }),
    ...(args !== undefined && { defaultArgs: args }),
  }
}

const howToGet = (name: string) =>
  pulled.includes(name)
    ? `run: godwit image pull ${name}`
    : `there are ${[...Object.keys(builtIn), ...pulled].join(', ')}, ` +
      'and those of your own: godwit image add'

const damaged = (place: string, name: string) =>
  noImage(
    `the image in ${place} is not whole; ` +
      (pulled.includes(name) ? `run: godwit image pull ${name} --fresh` : 'add it again'),
  )
