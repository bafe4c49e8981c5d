// What every virtio driver does to begin; see virtio.h.
#include "virtio.h"

enum { VIRTIO_MAGIC = 0x74726976, VIRTIO_MODERN = 2 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 128 };
enum { FEATURE_VERSION_1_HIGH = 1 << 0 }; // bit 32: bit 0 of the high word

const struct virtio_slot *virtio_find(u32 device_id, u32 from) {
  for (u32 i = from; i < machine.virtio_count; i++) {
    u64 base = machine.virtio[i].base;
    if (*virtio_register(base, MAGIC) == VIRTIO_MAGIC &&
        *virtio_register(base, VERSION) == VIRTIO_MODERN &&
        *virtio_register(base, DEVICE_ID) == device_id)
      return &machine.virtio[i];
  }
  return NULL;
}

static bool features_agreed(u64 base, u32 features) {
  *virtio_register(base, STATUS) = 0;
  *virtio_register(base, STATUS) = ACKNOWLEDGE;
  *virtio_register(base, STATUS) = ACKNOWLEDGE | DRIVER;
  *virtio_register(base, DEVICE_FEATURES_SELECT) = 0;
  u32 low = *virtio_register(base, DEVICE_FEATURES);
  *virtio_register(base, DEVICE_FEATURES_SELECT) = 1;
  u32 high = *virtio_register(base, DEVICE_FEATURES);
  if ((low & features) != features || !(high & FEATURE_VERSION_1_HIGH)) return false;
  *virtio_register(base, DRIVER_FEATURES_SELECT) = 0;
  *virtio_register(base, DRIVER_FEATURES) = features;
  *virtio_register(base, DRIVER_FEATURES_SELECT) = 1;
  *virtio_register(base, DRIVER_FEATURES) = FEATURE_VERSION_1_HIGH;
  *virtio_register(base, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
  return *virtio_register(base, STATUS) & FEATURES_OK;
}

bool virtio_negotiate(u64 base, u32 features) {
  bool agreed = features_agreed(base, features);
  if (!agreed) *virtio_register(base, STATUS) = FAILED;
  return agreed;
}

static void put_address(u64 base, u32 offset, const volatile void *address) {
  *virtio_register(base, offset) = (u32)(u64)address;
  *virtio_register(base, offset + 4) = (u32)((u64)address >> 32);
}

void virtio_queue_start(u64 base, u32 queue, u32 entries, const void *descriptors,
                        const volatile void *driver, const volatile void *device) {
  *virtio_register(base, QUEUE_SELECT) = queue;
  *virtio_register(base, QUEUE_SIZE) = entries;
  put_address(base, QUEUE_DESCRIPTORS, descriptors);
  put_address(base, QUEUE_DRIVER, driver);
  put_address(base, QUEUE_DEVICE, device);
  *virtio_register(base, QUEUE_READY) = 1;
}

void virtio_ready(u64 base) {
  *virtio_register(base, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
}

void virtio_acknowledge(u64 base) {
  *virtio_register(base, INTERRUPT_ACKNOWLEDGE) = *virtio_register(base, INTERRUPT_STATUS);
}
