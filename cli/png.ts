// Pixels as a PNG file: red, green and blue, eight bits each, no filter.
// Not here: where pixels come from (screen-shot.ts).
// Source: Portable Network Graphics (PNG) Specification, third edition, sections 5 (datastream), 10
// (compression), 11.2 (IHDR, IDAT, IEND).

import { crc32, deflateSync } from 'node:zlib'

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const channels = 3

/** `rgba`: four bytes a pixel, line by line; the fourth is ignored. */
export function encodePng(width: number, height: number, rgba: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(13))
  header.setUint32(0, width)
  header.setUint32(4, height)
  // Eight bits a channel, colour type 2 (truecolour), then the only methods there are.
  header.setUint8(8, 8)
  header.setUint8(9, 2)
  const lines = new Uint8Array(height * (1 + width * channels))
  for (let y = 0, at = 0; y < height; y++) {
    at++ // Filter type 0: none.
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < channels; channel++)
        lines[at++] = rgba[(y * width + x) * 4 + channel] ?? 0
  }
  return Buffer.concat([
    signature,
    chunk('IHDR', new Uint8Array(header.buffer)),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', new Uint8Array(0)),
  ])
}

/** Length, type, data, and a checksum over type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  checksum.writeUInt32BE(crc32(typed))
  return Buffer.concat([length, typed, checksum])
}
