// The images this node can boot: names of VmSpec.image → kernel and initial RAM disk. Our own guest
// comes along; others are pulled into a folder, and found there when a VM wants them, so that
// nothing is to be restarted after a pull.
// Not here: reading files (main.ts hands the reader in), what our guest does (docs/guest.md), how
// an image is pulled (docs/linux.md).

import type { BootImage } from '#engine/boot-layout.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { type ImageFile, manifestFile, readManifest } from '#proto/image-manifest.ts'

const builtIn: Readonly<Record<string, URL>> = {
  'godwit-guest': new URL('../engine/guests/godwit-guest.bin', import.meta.url),
}
/** What `godwit image pull` can build. */
const pulled = ['debian']

export const imageNames: ReadonlySet<string> = new Set([...Object.keys(builtIn), ...pulled])

/** The bytes of a file; rejects when it cannot be read. */
export type ReadFile = (location: URL | string) => Promise<Uint8Array>

/**
 * Reads an image by its name; `folder` holds those that were pulled. Rejects with `no-image` when
 * there is none of that name, or it is not whole.
 */
export function imageReader(read: ReadFile, folder: string): (name: string) => Promise<BootImage> {
  const comesAlong = new Map<string, Promise<BootImage>>()
  return (name) => {
    const location = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined
    if (location === undefined) return readPulled(read, folder, name)
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
async function readPulled(read: ReadFile, folder: string, name: string): Promise<BootImage> {
  if (!pulled.includes(name)) throw noImage(`no image ${name} here`)
  const place = `${folder}/${name}`
  const manifest = await read(`${place}/${manifestFile}`).then(readManifest, () => {
    throw noImage(`image ${name} is not in ${folder}; run: godwit image pull ${name}`)
  })
  if (manifest === undefined) throw damaged(place, name)
  const part = async ({ file, bytes: length }: ImageFile) => {
    const bytes = await read(`${place}/${file}`).catch(() => undefined)
    if (bytes?.length !== length) throw damaged(place, name)
    return bytes
  }
  const kernel = await part(manifest.kernel)
  return manifest.initramfs ? { kernel, initrd: await part(manifest.initramfs) } : { kernel }
}

const damaged = (place: string, name: string) =>
  noImage(`the image in ${place} is not whole; run: godwit image pull ${name} --fresh`)
