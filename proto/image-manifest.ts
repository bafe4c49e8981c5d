// What lies in the folder of an image that was pulled or added: `godwit image` writes it, agents
// read it. `<images>/<name>/manifest.json` beside the files it names.
// Not here: how an image is made (cli/image/), how it is booted (engine/boot-layout.ts).
// Sizes in bytes, RAM in MiB.

import { z } from 'zod'
import { Name } from './vm-spec.ts'

export const manifestFile = 'manifest.json'

const ImageFile = z.strictObject({
  /** Beside the manifest. */
  file: z.string().regex(/^[\w.-]+$/),
  bytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
export type ImageFile = z.infer<typeof ImageFile>

export const ImageManifest = z.strictObject({
  format: z.literal(1),
  name: Name,
  /** One line for a person. */
  about: z.string(),
  kernel: ImageFile,
  initramfs: ImageFile.optional(),
  /** What runs in M-mode under a kernel that boots as on hardware. */
  firmware: ImageFile.optional(),
  /** `machine`: the kernel is itself what begins in M-mode. */
  entry: z.enum(['supervisor', 'machine']).default('supervisor'),
  /** Boot arguments of a VM that is given none. */
  args: z.string().max(1024).optional(),
  /** RAM of a VM that is given none. */
  memoryMibDefault: z.int().positive().optional(),
  /** What it was made from. */
  packages: z.array(z.strictObject({ name: z.string(), version: z.string() })),
})
export type ImageManifest = z.infer<typeof ImageManifest>

/** All files of an image, by what they are. */
export const filesOf = ({ kernel, initramfs, firmware }: ImageManifest): ImageFile[] =>
  [kernel, initramfs, firmware].filter((file) => file !== undefined)

/** The manifest in these bytes; undefined: they are none that this release knows. */
export function readManifest(bytes: Uint8Array): ImageManifest | undefined {
  try {
    return ImageManifest.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data
  } catch {
    return undefined
  }
}
