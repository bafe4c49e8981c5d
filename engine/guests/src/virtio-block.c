// A block device over virtio-mmio (Virtual I/O Device 1.2, section 5.2), one queue, one request at
// a time. It must offer VIRTIO_BLK_F_FLUSH: without a flush nobody can promise that a write is
// durable. Not here: the transport (virtio.c).
#include "virtio.h"

enum { VIRTIO_BLOCK = 2, FEATURE_FLUSH = 1 << 9 };
enum { QUEUE_ENTRIES = 4 }; // a request has three descriptors at most; a power of two

struct request_header { u32 type, reserved; u64 sector; };
struct driver_ring { u16 flags, index, ring[QUEUE_ENTRIES]; };
struct device_ring { u16 flags, index; struct used_element ring[QUEUE_ENTRIES]; };

static u64 base, capacity_sectors;
static struct descriptor descriptors[QUEUE_ENTRIES] __attribute__((aligned(16)));
static struct driver_ring available __attribute__((aligned(2)));
static volatile struct device_ring used __attribute__((aligned(4)));
static struct request_header header;
static volatile u8 status;

static void block_interrupt(void) { virtio_acknowledge(base); }

bool block_start(void) {
  const struct virtio_slot *slot = virtio_find(VIRTIO_BLOCK, 0);
  if (!slot) return false;
  base = slot->base;
  if (!virtio_negotiate(base, FEATURE_FLUSH)) return false;
  virtio_queue_start(base, 0, QUEUE_ENTRIES, descriptors, &available, &used);
  capacity_sectors = *virtio_register(base, CONFIG) |
      (u64)*virtio_register(base, CONFIG + 4) << 32;
  trap_on_irq(slot->irq, block_interrupt);
  virtio_ready(base);
  return true;
}

u64 block_sectors(void) { return capacity_sectors; }

void block_submit(enum block_operation operation, u64 sector, void *buffer, u64 sectors) {
  bool has_data = operation != BLOCK_FLUSH;
  u16 data_flags = DESCRIPTOR_NEXT | (operation == BLOCK_READ ? DESCRIPTOR_WRITE : 0);
  header = (struct request_header){.type = operation, .sector = has_data ? sector : 0};
  status = 0xff;
  u16 second = has_data ? 1 : 2;
  descriptors[0] = (struct descriptor){(u64)&header, sizeof header, DESCRIPTOR_NEXT, second};
  descriptors[1] = (struct descriptor){(u64)buffer, (u32)(sectors * SECTOR_BYTES), data_flags, 2};
  descriptors[2] = (struct descriptor){(u64)&status, 1, DESCRIPTOR_WRITE, 0};
  available.ring[available.index % QUEUE_ENTRIES] = 0;
  fence(); // the request before the index that announces it
  available.index++;
  fence();
  *virtio_register(base, QUEUE_NOTIFY) = 0;
}

enum block_outcome block_poll(void) {
  if (used.index != available.index) return BLOCK_BUSY;
  fence(); // the index before what it announces
  return status == 0 ? BLOCK_DONE : BLOCK_FAILED;
}

bool block_wait(enum block_operation operation, u64 sector, void *buffer, u64 sectors) {
  block_submit(operation, sector, buffer, sectors);
  u64 saved = interrupts_off();
  while (block_poll() == BLOCK_BUSY) wait_for_interrupt();
  interrupts_restore(saved);
  return block_poll() == BLOCK_DONE;
}
