// Constants that two rooms must agree on, each with its reason. Bytes are bytes, times are
// milliseconds.

/** A page of guest memory: RISC-V's smallest (privileged specification, section on Sv39). */
export const pageBytes = 4096
export const mebibyte = 1 << 20
export const pagesPerMebibyte = mebibyte / pageBytes

/** The version of everything in proto/. Two ends that differ by more than one refuse each other. */
export const protocolVersion = 4
/** Ends before this know one network for all VMs, and nothing of segments. */
export const segmentVersion = 4
/** Ends before this know no terms: there was one coordinator. */
export const termVersion = 3
/** Ends before this know of one link a migration. */
export const streamsVersion = 4
/** Beyond that, more links are only more to do. */
export const streamsMax = 16
/** Agents before this cannot merge layers of disks, nor swap those of a VM. */
export const mergeVersion = 4

/**
 * A control message is small; pages travel in frames. Anything larger is an attack or a mistake.
 */
export const controlBytesMax = 4 * mebibyte
/** 256 pages a frame: large enough for the socket's full speed, small enough to interleave. */
export const pagesPerFrameMax = 256
/**
 * Of a full frame: an odd number, so that behind their indices (page-frame.ts) the pages begin at a
 * multiple of eight bytes. Shared memory is copied by words only then, else byte by byte.
 */
export const pagesPerFullFrame = pagesPerFrameMax - 1
/** Header + indices + pages, rounded up. */
export const frameBytesMax = pagesPerFrameMax * (pageBytes + 8) + 256

/** How often an agent tells the coordinator that it lives. */
export const heartbeatMs = 250
/** How long a node may run protected VMs after the heartbeat that was acknowledged was *sent*. */
export const leaseMs = 2500
/**
 * Added by the coordinator before it recovers: clock drift, a pCPU slice, and the pause of a busy
 * machine.
 */
export const leaseMarginMs = 500
