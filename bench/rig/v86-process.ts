// A process that is nothing but one machine of v86 (npm package `v86`, BSD-2-Clause): boots a
// multiboot kernel without a BIOS, writes its serial port to stdout, and ends when the kernel says
// `off`, since it has no power to cut. Not here: timing. Run: node bench/rig/v86-process.ts ELF

import { readFileSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { V86 } from 'v86'
import { ramMib } from './ram.ts'

const wasmOfPackage = fileURLToPath(new URL('v86.wasm', import.meta.resolve('v86')))
const file = readFileSync(process.argv[2] ?? '')

const machine = new V86({
  wasm_path: wasmOfPackage,
  multiboot: { buffer: new Uint8Array(file).buffer },
  memory_size: ramMib << 20,
  vga_memory_size: 1 << 20,
  disable_speaker: true,
  autostart: true,
})
let written = ''
machine.add_listener('serial0-output-byte', (byte: number) => {
  written += String.fromCharCode(byte)
  if (!written.endsWith('off\n')) return
  writeSync(1, written)
  process.exit(0)
})
