// The images that were pulled on this machine: one folder each, whole or not there at all, with a
// manifest that tells what is in it. Not here: what the manifest may say (proto/image-manifest.ts),
// how an image is made (debian.ts).

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
  type ImageFile,
  type ImageManifest,
  manifestFile,
  readManifest,
} from '#proto/image-manifest.ts'

/** What an image is made of, before it is written. */
export interface ImageParts {
  readonly about: string
  readonly kernel: Uint8Array
  readonly initramfs: Uint8Array
  readonly packages: ImageManifest['packages']
}

export class ImageFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** The manifest of an image whose files are as it says; undefined: there is none such. */
  find(name: string): ImageManifest | undefined {
    const folder = join(this.path, name)
    if (!existsSync(join(folder, manifestFile))) return undefined
    const manifest = readManifest(readFileSync(join(folder, manifestFile)))
    if (manifest?.name !== name) return undefined
    const files = [manifest.kernel, ...(manifest.initramfs ? [manifest.initramfs] : [])]
    return files.every((file) => isWhole(folder, file)) ? manifest : undefined
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
    const manifest: ImageManifest = {
      format: 1,
      name,
      about: parts.about,
      kernel: write(aside, 'kernel', parts.kernel),
      initramfs: write(aside, 'initramfs', parts.initramfs),
      packages: parts.packages,
    }
    writeFileSync(join(aside, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`)
    const place = join(this.path, name)
    if (existsSync(place)) renameSync(place, join(workspace, 'old'))
    renameSync(aside, place)
    return manifest
  }
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function write(folder: string, file: string, bytes: Uint8Array): ImageFile {
  writeFileSync(join(folder, file), bytes)
  return { file, bytes: bytes.length, sha256: sha256Of(bytes) }
}

function isWhole(folder: string, { file, sha256 }: ImageFile): boolean {
  const path = join(folder, file)
  return existsSync(path) && sha256Of(readFileSync(path)) === sha256
}
