// The images that were pulled or added on this machine: one folder each, whole or not there at all,
// with a manifest that tells what is in it. Not here: what the manifest may say
// (proto/image-manifest.ts), how an image is made (debian.ts, u-boot.ts, own-files.ts).

import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  filesOf,
  type ImageFile,
  type ImageManifest,
  manifestFile,
  readManifest,
} from '#proto/image-manifest.ts'

/** What an image is made of, before it is written. */
export interface ImageParts
  extends Partial<Pick<ImageManifest, 'entry' | 'args' | 'memoryMibDefault'>> {
  readonly about: string
  readonly kernel: Uint8Array
  readonly initramfs?: Uint8Array
  readonly firmware?: Uint8Array
  readonly packages: ImageManifest['packages']
}

export class ImageFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** What an image says of itself; undefined: there is none such. */
  manifest(name: string): ImageManifest | undefined {
    const place = join(this.path, name, manifestFile)
    const manifest = existsSync(place) ? readManifest(readFileSync(place)) : undefined
    return manifest?.name === name ? manifest : undefined
  }

  /** The manifest of an image whose files are as it says; undefined: there is none such. */
  find(name: string): ImageManifest | undefined {
    const folder = join(this.path, name)
    const manifest = this.manifest(name)
    if (manifest === undefined) return undefined
    return filesOf(manifest).every((file) => isWhole(folder, file)) ? manifest : undefined
  }

  list(): ImageManifest[] {
    if (!existsSync(this.path)) return []
    return readdirSync(this.path)
      .sort()
      .map((name) => this.find(name))
      .filter((manifest) => manifest !== undefined)
  }

  /** Runs `work` with an empty folder beside the images, which is gone afterwards. */
  async withWorkspace<T>(work: (folder: string) => Promise<T>): Promise<T> {
    mkdirSync(this.path, { recursive: true })
    const folder = mkdtempSync(join(this.path, '.pull-'))
    try {
      return await work(folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** Writes an image aside and puts it into its place at once. */
  publish(name: string, parts: ImageParts, workspace: string): ImageManifest {
    const aside = join(workspace, 'image')
    mkdirSync(aside)
    const { kernel, initramfs, firmware, entry = 'supervisor', ...words } = parts
    const manifest: ImageManifest = {
      ...{ format: 1, name, entry, ...words },
      kernel: write(aside, 'kernel', kernel),
      ...(initramfs && { initramfs: write(aside, 'initramfs', initramfs) }),
      ...(firmware && { firmware: write(aside, 'firmware', firmware) }),
    }
    writeFileSync(join(aside, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`)
    const place = join(this.path, name)
    if (existsSync(place)) renameSync(place, join(workspace, 'old'))
    renameSync(aside, place)
    return manifest
  }
}

/** Those of this user. */
export const imagesOf = ({ home }: { readonly home: string }) =>
  new ImageFolder(join(home, 'images'))

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function write(folder: string, file: string, bytes: Uint8Array): ImageFile {
  writeFileSync(join(folder, file), bytes)
  return { file, bytes: bytes.length, sha256: sha256Of(bytes) }
}

function isWhole(folder: string, { file, sha256 }: ImageFile): boolean {
  const path = join(folder, file)
  return existsSync(path) && sha256Of(readFileSync(path)) === sha256
}
