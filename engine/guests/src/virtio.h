// A virtio device over memory-mapped registers (Virtual I/O Device 1.2, section 4.2), modern
// interface only: the registers, the rings of a queue, and what every driver does to begin.
// Not here: what a kind of device is asked (virtio-block.c, virtio-input.c). Sizes are bytes.
#pragma once
#include "guest.h"

enum {
  MAGIC = 0x000, VERSION = 0x004, DEVICE_ID = 0x008, DEVICE_FEATURES = 0x010,
  DEVICE_FEATURES_SELECT = 0x014, DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SELECT = 0x024,
  QUEUE_SELECT = 0x030, QUEUE_SIZE = 0x038, QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050,
  INTERRUPT_STATUS = 0x060, INTERRUPT_ACKNOWLEDGE = 0x064, STATUS = 0x070,
  QUEUE_DESCRIPTORS = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0, CONFIG = 0x100,
};
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };

struct descriptor { u64 address; u32 bytes; u16 flags, next; };
struct used_element { u32 id, bytes; };

static inline volatile u32 *virtio_register(u64 base, u32 offset) {
  return (volatile u32 *)(base + offset);
}

static inline void fence(void) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }

/** The first device of this kind from the slot `from` on, or NULL. */
const struct virtio_slot *virtio_find(u32 device_id, u32 from);
/** Steps 1 to 6 of section 3.1.1: false when the device does not offer these low features. */
bool virtio_negotiate(u64 base, u32 features);
void virtio_queue_start(u64 base, u32 queue, u32 entries, const void *descriptors,
                        const volatile void *driver, const volatile void *device);
/** From here on the device works. */
void virtio_ready(u64 base);
void virtio_acknowledge(u64 base);
