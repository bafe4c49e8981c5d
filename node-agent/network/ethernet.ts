// Ethernet frames as a switch sees them: addresses, types, and the frames that a node makes itself.
// Not here: where a frame goes (switch.ts), what is inside it for a guest (address-answers.ts).
// Source: IEEE 802.3 (frames), RFC 903 (reverse ARP), RFC 826 (the packet's layout). Addresses are
// numbers of 48 bits, which a double holds exactly: a number is a cheap key of a map.

export const broadcastMac = 2 ** 48 - 1
export const ethertypes = { ipv4: 0x0800, arp: 0x0806, rarp: 0x8035 } as const
export const ethernetHeaderBytes = 14
/** A shorter frame is filled up with zeros on a wire, and some drivers expect that. */
const wireBytesMin = 60
const addressBytes = 6

/** The address at that offset of a frame that is long enough. */
export const macAt = (frame: Uint8Array, at: number): number =>
  word(frame, at) * 2 ** 32 + word(frame, at + 2) * 2 ** 16 + word(frame, at + 4)

export const destinationOf = (frame: Uint8Array): number => macAt(frame, 0)
export const sourceOf = (frame: Uint8Array): number => macAt(frame, addressBytes)
export const typeOf = (frame: Uint8Array): number => word(frame, 2 * addressBytes)
/** For many: the broadcast address too. The lowest bit of the first octet says so. */
export const isGroup = (mac: number): boolean => (Math.floor(mac / 2 ** 40) & 1) === 1

/** `02:…` as an identity has it. */
export const macOfText = (text: string): number => Number.parseInt(text.replaceAll(':', ''), 16)

/** A frame to be filled from byte 14 on. */
export function newFrame(
  destination: number,
  source: number,
  type: number,
  payloadBytes: number,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(Math.max(wireBytesMin, ethernetHeaderBytes + payloadBytes))
  putMac(frame, 0, destination)
  putMac(frame, addressBytes, source)
  putWord(frame, 2 * addressBytes, type)
  return frame
}

export function putMac(frame: Uint8Array, at: number, mac: number): void {
  putWord(frame, at, Math.floor(mac / 2 ** 32))
  putWord(frame, at + 2, Math.floor(mac / 2 ** 16) & 0xffff)
  putWord(frame, at + 4, mac % 2 ** 16)
}

/** Network byte order: the high byte first. */
export const word = (frame: Uint8Array, at: number): number =>
  ((frame[at] as number) << 8) | (frame[at + 1] as number)

export function putWord(frame: Uint8Array, at: number, value: number): void {
  frame[at] = value >>> 8
  frame[at + 1] = value & 0xff
}

/** Where the addresses of an ARP or RARP packet are, in the frame. */
export const arpOffsets = {
  operation: 20,
  senderMac: 22,
  senderIpv4: 28,
  targetMac: 32,
  targetIpv4: 38,
  end: 42,
} as const

/** An ARP or RARP packet for Ethernet and IPv4; whoever asks for it fills in the addresses. */
export function newArp(
  destination: number,
  source: number,
  type: number,
  operation: number,
): Uint8Array<ArrayBuffer> {
  const frame = newFrame(destination, source, type, arpOffsets.end - ethernetHeaderBytes)
  frame.set([0, 1, 8, 0, 6, 4], ethernetHeaderBytes)
  putWord(frame, arpOffsets.operation, operation)
  return frame
}

/**
 * What a VM "says" where it has begun to run, so that all switches learn where it is now: a reverse
 * ARP request, which asks nothing of any guest. QEMU announces its guests in the same way.
 */
export function announcement(mac: number): Uint8Array<ArrayBuffer> {
  const reverseRequest = 3
  const frame = newArp(broadcastMac, mac, ethertypes.rarp, reverseRequest)
  putMac(frame, arpOffsets.senderMac, mac)
  putMac(frame, arpOffsets.targetMac, mac)
  return frame
}
