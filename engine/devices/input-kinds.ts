// What a keyboard and a pointer say of themselves: names, and which events they may send. A table.
// Not here: the device (virtio-input.ts).
// Source: VIRTIO 1.2, 5.8.4 (selectors), 5.8.5; Linux, include/uapi/linux/input-event-codes.h (the
// numbers of types and codes), which the specification refers to.

export interface InputKind {
  readonly name: 'keyboard' | 'pointer'
  readonly title: string
  /** Event type → the codes it may come with. */
  readonly codes: ReadonlyMap<number, readonly number[]>
  /** Absolute axes go from 0 to this. */
  readonly axisMax: number
}

/** select, subsel, size, five reserved bytes; then a union of 128. */
export const unionOffset = 8
export const configBytes = unionOffset + 128

const selectors = { name: 0x01, serial: 0x02, ids: 0x03, eventBits: 0x11, axis: 0x12 } as const
const types = { key: 1, relative: 2, absolute: 3 } as const
const axes = { x: 0, y: 1 } as const
const wheel = 8
const buttons = { left: 0x110, right: 0x111, middle: 0x112 } as const
/** KEY_ESC to KEY_MICMUTE: every key of a keyboard, in the kernel's numbers. */
const keys = Array.from({ length: 248 }, (_, n) => n + 1)
/** BUS_VIRTUAL; vendor and version are nobody's. */
const busVirtual = 6

export const keyboard: InputKind = {
  name: 'keyboard',
  title: 'Godwit keyboard',
  codes: new Map([[types.key, keys]]),
  axisMax: 0,
}

/** Absolute: where it points to on the screen, whatever the screen's size. */
export const pointer: InputKind = {
  name: 'pointer',
  title: 'Godwit pointer',
  codes: new Map<number, readonly number[]>([
    [types.key, [buttons.left, buttons.right, buttons.middle]],
    [types.relative, [wheel]],
    [types.absolute, [axes.x, axes.y]],
  ]),
  axisMax: 32767,
}

/** The bytes of the union for what the driver has selected; none when there is nothing to say. */
export function answerOf(kind: InputKind, select: number, subselect: number): Uint8Array {
  if (select === selectors.name && subselect === 0) return new TextEncoder().encode(kind.title)
  if (select === selectors.ids && subselect === 0) return idsOf(kind)
  if (select === selectors.eventBits) return bitsOf(kind.codes.get(subselect) ?? [])
  const hasAxis = kind.codes.get(types.absolute)?.includes(subselect) === true
  if (select === selectors.axis && hasAxis) return axisOf(kind)
  return new Uint8Array(0)
}

/** le16 bus, vendor, product, version. */
const idsOf = ({ name }: InputKind): Uint8Array =>
  new Uint8Array(Uint16Array.of(busVirtual, 0, name === 'keyboard' ? 1 : 2, 1).buffer)

/** le32 min, max, fuzz, flat, resolution. */
const axisOf = ({ axisMax }: InputKind): Uint8Array =>
  new Uint8Array(Uint32Array.of(0, axisMax, 0, 0, 0).buffer)

/** One bit a code, up to the highest. */
function bitsOf(codes: readonly number[]): Uint8Array {
  if (codes.length === 0) return new Uint8Array(0)
  const bits = new Uint8Array((Math.max(...codes) >> 3) + 1)
  for (const code of codes) bits[code >> 3] = (bits[code >> 3] ?? 0) | (1 << (code & 7))
  return bits
}
