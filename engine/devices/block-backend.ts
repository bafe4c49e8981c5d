// What a block device needs of the thing that keeps its bytes: a port, with no implementation here.
// layered-disk.ts is the one that VMs use; tests bring their own.
//
// Offsets and lengths in bytes, multiples of 512 when they come from virtio-block.ts. All calls are
// synchronous: they happen inside a VM's slice. A call that cannot be done throws; the VM is then
// stopped with `disk-failed`, because a guest that goes on without its disk may acknowledge what it
// never kept.

export interface BlockBackend {
  readonly sizeBytes: number
  /** Fills `into` from `offset` on. Never written bytes read as zeros. */
  read(offset: number, into: Uint8Array): void
  /** Seen by every later read at once; durable only after flush(). */
  write(offset: number, from: Uint8Array): void
  /** Comes back when every earlier write would survive a power cut. */
  flush(): void
  /** Gives up the backend without flushing. */
  close(): void
  /**
   * Of one that is made of layers: below its top are these from now on, the oldest first, and they
   * hold what those before them hold. When it throws, nothing has changed.
   */
  swapSealed?(layers: readonly string[]): void
}
