// An image of files of one's own: a kernel, or any program that runs without a system under it,
// compiled by whomever.
// Not here: where images lie (image-folder.ts), what is put where in RAM, and whether an ELF file
// can be (engine/boot-layout.ts: a node says so when a VM is to start).

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { ImageManifest } from '#proto/image-manifest.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import type { ImageParts } from './image-folder.ts'

export interface OwnFiles extends Partial<Pick<ImageManifest, 'entry' | 'args'>> {
  readonly kernel: string
  readonly initrd?: string
  readonly firmware?: string
  readonly memory?: number
}

export function imageOf(own: OwnFiles): ImageParts {
  const { kernel, initrd, firmware, entry, args, memory } = own
  if (entry === 'machine' && firmware !== undefined)
    throw wrong('A kernel that begins in M-mode has no firmware under it: leave out one of them.')
  const named = [kernel, initrd, firmware].filter((path) => path !== undefined)
  return {
    about: `your ${named.map((path) => basename(path)).join(', ')}`,
    kernel: read(kernel),
    ...(initrd !== undefined && { initramfs: read(initrd) }),
    ...(firmware !== undefined && { firmware: read(firmware) }),
    ...(entry !== undefined && { entry }),
    ...(args !== undefined && { args }),
    ...(memory !== undefined && { memoryMibDefault: memory }),
    packages: [],
  }
}

function read(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > 0) return bytes
  } catch (cause) {
    throw wrong(`Cannot read the file: ${(cause as Error).message}`)
  }
  throw wrong(`${path} is empty.`)
}

const wrong = (message: string) => new CommandError(exitCode.usage, message)
