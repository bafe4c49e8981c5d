// A block device over virtio-mmio (Virtual I/O Device 1.2, sections 4.2 and 5.2), modern interface
// only, one queue, one request at a time. It must offer VIRTIO_BLK_F_FLUSH: without a flush nobody
// can promise that a write is durable.
#include "guest.h"

enum {
  MAGIC = 0x000, VERSION = 0x004, DEVICE_ID = 0x008, DEVICE_FEATURES = 0x010,
  DEVICE_FEATURES_SELECT = 0x014, DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SELECT = 0x024,
  QUEUE_SELECT = 0x030, QUEUE_SIZE = 0x038, QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050,
  INTERRUPT_STATUS = 0x060, INTERRUPT_ACKNOWLEDGE = 0x064, STATUS = 0x070,
  QUEUE_DESCRIPTORS = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0, CONFIG = 0x100,
};
enum { VIRTIO_MAGIC = 0x74726976, VIRTIO_MODERN = 2, VIRTIO_BLOCK = 2 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 128 };
enum { FEATURE_FLUSH = 1 << 9, FEATURE_VERSION_1_HIGH = 1 << 0 }; // bit 32: bit 0 of the high word
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };
enum { QUEUE_ENTRIES = 4 }; // a request has three descriptors at most; a power of two

struct request_header { u32 type, reserved; u64 sector; };
struct descriptor { u64 address; u32 bytes; u16 flags, next; };
struct driver_ring { u16 flags, index, ring[QUEUE_ENTRIES]; };
struct used_element { u32 id, bytes; };
struct device_ring { u16 flags, index; struct used_element ring[QUEUE_ENTRIES]; };

static u64 base, capacity_sectors;
static struct descriptor descriptors[QUEUE_ENTRIES] __attribute__((aligned(16)));
static struct driver_ring available __attribute__((aligned(2)));
static volatile struct device_ring used __attribute__((aligned(4)));
static struct request_header header;
static volatile u8 status;

static volatile u32 *device(u32 offset) { return (volatile u32 *)(base + offset); }

static void fence(void) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }

static void block_interrupt(void) { *device(INTERRUPT_ACKNOWLEDGE) = *device(INTERRUPT_STATUS); }

static void device_address(u32 offset, const volatile void *address) {
  *device(offset) = (u32)(u64)address;
  *device(offset + 4) = (u32)((u64)address >> 32);
}

/** Section 3.1.1, steps 1 to 6: false when the device cannot do what we need. */
static bool negotiate(void) {
  *device(STATUS) = 0;
  *device(STATUS) = ACKNOWLEDGE;
  *device(STATUS) = ACKNOWLEDGE | DRIVER;
  *device(DEVICE_FEATURES_SELECT) = 0;
  u32 low = *device(DEVICE_FEATURES);
  *device(DEVICE_FEATURES_SELECT) = 1;
  u32 high = *device(DEVICE_FEATURES);
  if (!(low & FEATURE_FLUSH) || !(high & FEATURE_VERSION_1_HIGH)) return false;
  *device(DRIVER_FEATURES_SELECT) = 0;
  *device(DRIVER_FEATURES) = FEATURE_FLUSH;
  *device(DRIVER_FEATURES_SELECT) = 1;
  *device(DRIVER_FEATURES) = FEATURE_VERSION_1_HIGH;
  *device(STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
  return *device(STATUS) & FEATURES_OK;
}

static void queue_start(void) {
  *device(QUEUE_SELECT) = 0;
  *device(QUEUE_SIZE) = QUEUE_ENTRIES;
  device_address(QUEUE_DESCRIPTORS, descriptors);
  device_address(QUEUE_DRIVER, &available);
  device_address(QUEUE_DEVICE, &used);
  *device(QUEUE_READY) = 1;
}

static const struct virtio_slot *find_slot(void) {
  for (u32 i = 0; i < machine.virtio_count; i++) {
    base = machine.virtio[i].base;
    if (*device(MAGIC) == VIRTIO_MAGIC && *device(VERSION) == VIRTIO_MODERN &&
        *device(DEVICE_ID) == VIRTIO_BLOCK)
      return &machine.virtio[i];
  }
  return NULL;
}

bool block_start(void) {
  const struct virtio_slot *slot = find_slot();
  if (!slot) return false;
  if (!negotiate()) {
    *device(STATUS) = FAILED;
    return false;
  }
  queue_start();
  capacity_sectors = *device(CONFIG) | (u64)*device(CONFIG + 4) << 32;
  trap_on_irq(slot->irq, block_interrupt);
  *device(STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
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
  *device(QUEUE_NOTIFY) = 0;
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
