// The registers of a virtio device over MMIO, and the bits of its status: a table.
// Not here: what they do (virtio-mmio.ts).
// Source: Virtual I/O Device (VIRTIO) 1.2, sections 4.2.2 (registers, version 2), 2.1 (status).
// Offsets in bytes.

/** "virt", little-endian. */
export const virtioMagic = 0x7472_6976
export const virtioMmioVersion = 2
/** "QEMU": kernels that were written for its `virt`, xv6 among them, look for no other's. */
export const virtioVendorId = 0x554d_4551

export const registers = {
  magic: 0x000,
  version: 0x004,
  deviceId: 0x008,
  vendorId: 0x00c,
  deviceFeatures: 0x010,
  deviceFeaturesSelect: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSelect: 0x024,
  queueSelect: 0x030,
  queueSizeMax: 0x034,
  queueSize: 0x038,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAcknowledge: 0x064,
  status: 0x070,
  descriptorsLow: 0x080,
  descriptorsHigh: 0x084,
  availLow: 0x090,
  availHigh: 0x094,
  usedLow: 0x0a0,
  usedHigh: 0x0a4,
  sharedMemoryFirst: 0x0b0,
  sharedMemoryLast: 0x0bc,
  configGeneration: 0x0fc,
  config: 0x100,
} as const

export const status = { driverOk: 4, featuresOk: 8, needsReset: 64 } as const
