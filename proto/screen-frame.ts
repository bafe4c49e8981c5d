// What has changed on a screen, as one binary frame: pages of its pixels, of which those of one
// colour are only named. Page n holds the pixels from n * 1024 on, line after line, so that what
// the dirty log says of RAM needs no translation.
// Not here: who packs and unpacks the body (raw deflate, RFC 1951: what a browser unpacks by
// itself, and every zlib makes), who asks for frames (screen-messages.ts).
//
//   header, 20 bytes   u32 magic, u32 frame, u16 width, u16 height, u32 pages, u32 body bytes
//   body, packed       u16 solid runs, each: u16 page, u16 pages, u32 colour
//                      u16 pages, each: u16 page;  then 4,096 bytes a page
//
// All little-endian. A pixel is four bytes: blue, green, red, nothing.

import { pageBytes } from './units.ts'

/** "GWSC". */
const magic = 0x43535747
const headerBytes = 20
const solidBytes = 8
export const pixelsPerPage = pageBytes / 4
/** Pages with content in one frame, about a mebibyte: what is more comes in the next. */
export const pagesPerScreenFrameMax = 256
/** No screen has more: 1920x1200. */
const pagesMax = 2250
const bodyBytesMax = 4 + pagesMax * solidBytes + pagesPerScreenFrameMax * (2 + pageBytes)

export interface FrameHeader {
  /** Numbers grow with each frame to one watcher. */
  readonly frame: number
  readonly width: number
  readonly height: number
  /** That the frame brings; solid ones are among them. */
  readonly pages: number
}

export interface SolidRun {
  readonly page: number
  readonly pages: number
  /** 0xRRGGBB */
  readonly colour: number
}

export interface ScreenChange {
  readonly solid: readonly SolidRun[]
  readonly pages: readonly number[]
  /** 4,096 bytes for each of `pages`. */
  readonly bytes: Uint8Array
}

export const pagesOfScreen = (width: number, height: number): number =>
  Math.ceil((width * height) / pixelsPerPage)

/** The body before it is packed. */
export function encodeBody({ solid, pages, bytes }: ScreenChange): Uint8Array {
  const body = new Uint8Array(4 + solid.length * solidBytes + pages.length * 2 + bytes.length)
  const view = new DataView(body.buffer)
  view.setUint16(0, solid.length, true)
  let at = 2
  for (const { page, pages: count, colour } of solid) {
    view.setUint16(at, page, true)
    view.setUint16(at + 2, count, true)
    view.setUint32(at + 4, colour, true)
    at += solidBytes
  }
  view.setUint16(at, pages.length, true)
  at += 2
  for (const page of pages) {
    view.setUint16(at, page, true)
    at += 2
  }
  body.set(bytes, at)
  return body
}

export function encodeFrame(
  { frame, width, height, pages }: FrameHeader,
  bodyBytes: number,
  packed: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerBytes + packed.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, frame, true)
  view.setUint16(8, width, true)
  view.setUint16(10, height, true)
  view.setUint32(12, pages, true)
  view.setUint32(16, bodyBytes, true)
  bytes.set(packed, headerBytes)
  return bytes
}

export interface ReadFrame extends FrameHeader {
  readonly bodyBytes: number
  readonly packed: Uint8Array<ArrayBuffer>
}

/** Undefined: it is none, or says what cannot be. */
export function readFrame(bytes: Uint8Array): ReadFrame | undefined {
  if (bytes.length < headerBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0, true) !== magic) return undefined
  const [width, height] = [view.getUint16(8, true), view.getUint16(10, true)]
  const [pages, bodyBytes] = [view.getUint32(12, true), view.getUint32(16, true)]
  const all = pagesOfScreen(width, height)
  if (all === 0 || all > pagesMax || pages > all || bodyBytes > bodyBytesMax) return undefined
  const frame = view.getUint32(4, true)
  return { frame, width, height, pages, bodyBytes, packed: bytes.slice(headerBytes) }
}

/** Undefined: it is not the body of such a frame. */
export function readBody(
  body: Uint8Array,
  { width, height }: FrameHeader,
): ScreenChange | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const all = pagesOfScreen(width, height)
  if (body.length < 4) return undefined
  const solidEnd = 2 + view.getUint16(0, true) * solidBytes
  if (solidEnd + 2 > body.length) return undefined
  const solid: SolidRun[] = []
  for (let at = 2; at < solidEnd; at += solidBytes) {
    const [page, pages] = [view.getUint16(at, true), view.getUint16(at + 2, true)]
    solid.push({ page, pages, colour: view.getUint32(at + 4, true) })
  }
  const count = view.getUint16(solidEnd, true)
  const bytesAt = solidEnd + 2 + 2 * count
  if (bytesAt + count * pageBytes !== body.length) return undefined
  const pages = Array.from({ length: count }, (_, n) => view.getUint16(solidEnd + 2 + 2 * n, true))
  const isInside =
    solid.every(({ page, pages: run }) => page + run <= all) && pages.every((page) => page < all)
  return isInside ? { solid, pages, bytes: body.subarray(bytesAt) } : undefined
}

/** Puts a change into a picture of four bytes a pixel: red, green, blue, opaque. */
export function applyChange(rgba: Uint8Array | Uint8ClampedArray, change: ScreenChange): void {
  for (const { page, pages, colour } of change.solid) {
    const end = Math.min((page + pages) * pixelsPerPage * 4, rgba.length)
    for (let at = page * pixelsPerPage * 4; at < end; at += 4) {
      rgba[at] = (colour >> 16) & 0xff
      rgba[at + 1] = (colour >> 8) & 0xff
      rgba[at + 2] = colour & 0xff
      rgba[at + 3] = 0xff
    }
  }
  for (const [n, page] of change.pages.entries()) {
    let from = n * pageBytes
    const end = Math.min((page + 1) * pixelsPerPage * 4, rgba.length)
    for (let at = page * pixelsPerPage * 4; at < end; at += 4, from += 4) {
      rgba[at] = change.bytes[from + 2] ?? 0
      rgba[at + 1] = change.bytes[from + 1] ?? 0
      rgba[at + 2] = change.bytes[from] ?? 0
      rgba[at + 3] = 0xff
    }
  }
}
