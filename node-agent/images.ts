// The images this node can boot: names of VmSpec.image → where their bytes are in the repository.
// Not here: reading them (main.ts hands the reader in), what they do (docs/guest.md).

import type { BootImage } from '#engine/boot-layout.ts'
import { FaultError, fault } from '#proto/faults.ts'

const locations: Readonly<Record<string, URL>> = {
  'godwit-guest': new URL('../engine/guests/godwit-guest.bin', import.meta.url),
}

export const imageNames: ReadonlySet<string> = new Set(Object.keys(locations))

/**
 * Reads each image once. Rejects with `no-image` when there is none of that name or it cannot be
 * read.
 */
export function imageReader(
  read: (location: URL) => Promise<Uint8Array>,
): (name: string) => Promise<BootImage> {
  const loaded = new Map<string, Promise<BootImage>>()
  return (name) => {
    const location = Object.hasOwn(locations, name) ? locations[name] : undefined
    if (!location) return Promise.reject(new FaultError(fault('no-image', `no image ${name} here`)))
    const image =
      loaded.get(name) ??
      read(location).then(
        (kernel) => ({ kernel }),
        (cause) => unreadable(name, cause),
      )
    loaded.set(name, image)
    return image
  }
}

function unreadable(name: string, cause: unknown): never {
  throw new FaultError(
    fault('no-image', `image ${name} cannot be read (${String(cause)}); run: npm run guest`),
  )
}
