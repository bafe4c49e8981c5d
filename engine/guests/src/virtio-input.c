// Keyboards and pointers over virtio (Virtual I/O Device 1.2, section 5.8): whatever input devices
// there are, as one stream of events in the order of the devices' interrupts.
// All buffers are lent at once, and each is lent again when its event has been read, so that no
// event is lost for want of one: what does not fit waits in the device.
#include "virtio.h"

enum { VIRTIO_INPUT = 18, DEVICES_MAX = 2, QUEUE_ENTRIES = 64 };

struct driver_ring { u16 flags, index, ring[QUEUE_ENTRIES]; };
struct device_ring { u16 flags, index; struct used_element ring[QUEUE_ENTRIES]; };

static struct device {
  u64 base;
  u16 seen; // of the used ring
  struct descriptor descriptors[QUEUE_ENTRIES] __attribute__((aligned(16)));
  struct driver_ring available __attribute__((aligned(2)));
  volatile struct device_ring used __attribute__((aligned(4)));
  volatile struct input_event events[QUEUE_ENTRIES];
} devices[DEVICES_MAX];
static u32 device_count;

/**
 * Of a device that is only being started too: what was done while we booted comes as soon as it is
 * ready, and an interrupt that nobody acknowledges comes again for ever.
 */
static void input_interrupt(void) {
  for (u32 i = 0; i < DEVICES_MAX; i++)
    if (devices[i].base) virtio_acknowledge(devices[i].base);
}

static void lend(struct device *device, u16 entry) {
  device->available.ring[device->available.index % QUEUE_ENTRIES] = entry;
  fence(); // the entry before the index that announces it
  device->available.index++;
}

static bool device_start(struct device *device, const struct virtio_slot *slot) {
  device->base = slot->base;
  if (!virtio_negotiate(slot->base, 0)) return false;
  for (u16 entry = 0; entry < QUEUE_ENTRIES; entry++) {
    device->descriptors[entry] = (struct descriptor){
        (u64)&device->events[entry], sizeof device->events[entry], DESCRIPTOR_WRITE, 0};
    lend(device, entry);
  }
  virtio_queue_start(slot->base, 0, QUEUE_ENTRIES, device->descriptors, &device->available,
                     &device->used);
  trap_on_irq(slot->irq, input_interrupt);
  virtio_ready(slot->base);
  return true;
}

u32 input_start(void) {
  for (u32 at = 0; device_count < DEVICES_MAX;) {
    const struct virtio_slot *slot = virtio_find(VIRTIO_INPUT, at);
    if (!slot) break;
    if (device_start(&devices[device_count], slot)) device_count++;
    at = (u32)(slot - machine.virtio) + 1;
  }
  return device_count;
}

static bool device_next(struct device *device, struct input_event *event) {
  if (device->used.index == device->seen) return false;
  fence(); // the index before what it announces
  u16 entry = (u16)(device->used.ring[device->seen % QUEUE_ENTRIES].id % QUEUE_ENTRIES);
  device->seen++;
  *event = device->events[entry];
  lend(device, entry);
  // What waits in the device for a buffer comes when it is told that there is one.
  *virtio_register(device->base, QUEUE_NOTIFY) = 0;
  return true;
}

bool input_next(struct input_event *event) {
  for (u32 i = 0; i < device_count; i++)
    if (device_next(&devices[i], event)) return true;
  return false;
}
