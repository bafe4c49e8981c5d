// Reads the flattened device tree (Devicetree Specification v0.4, chapter 5) in one pass and keeps
// what the guest needs. It trusts the firmware as to lengths, and supposes two address and two size
// cells at the root, which is what `virt` machines have. Depth 1 is the root's children.
#include "guest.h"

struct machine machine;

enum { FDT_MAGIC = 0xd00dfeed };
enum { FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4 };

/** What has been seen of the node that is being read. */
struct node {
  bool is_memory, is_virtio, is_identity, is_screen;
  u64 base, bytes;
  u32 irq, width, height, stride;
};

static u32 big32(const u8 *at) {
  return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static u64 big64(const u8 *at) { return (u64)big32(at) << 32 | big32(at + 4); }

static void property_read(struct node *node, const char *name, const u8 *value, u32 bytes) {
  if (string_equal(name, "device_type")) {
    node->is_memory = string_equal((const char *)value, "memory");
  } else if (string_equal(name, "compatible")) {
    node->is_virtio = string_equal((const char *)value, "virtio,mmio");
    node->is_identity = string_equal((const char *)value, "godwit,identity");
    node->is_screen = string_equal((const char *)value, "simple-framebuffer");
  } else if (string_equal(name, "reg") && bytes >= 16) {
    node->base = big64(value);
    node->bytes = big64(value + 8);
  } else if (string_equal(name, "interrupts") && bytes >= 4) {
    node->irq = big32(value);
  } else if (string_equal(name, "width") && bytes == 4) {
    node->width = big32(value);
  } else if (string_equal(name, "height") && bytes == 4) {
    node->height = big32(value);
  } else if (string_equal(name, "stride") && bytes == 4) {
    node->stride = big32(value);
  } else if (string_equal(name, "timebase-frequency") && bytes == 4) {
    machine.ticks_per_second = big32(value);
  } else if (string_equal(name, "bootargs")) {
    u64 count = bytes < sizeof machine.bootargs ? bytes : sizeof machine.bootargs - 1;
    memcpy(machine.bootargs, value, count);
  }
}

static void node_keep(const struct node *node) {
  if (node->is_memory) {
    machine.ram_start = node->base;
    machine.ram_bytes = node->bytes;
  }
  if (node->is_virtio && machine.virtio_count < VIRTIO_SLOTS_MAX)
    machine.virtio[machine.virtio_count++] = (struct virtio_slot){node->base, node->irq};
  if (node->is_screen) {
    machine.screen_base = node->base;
    machine.screen_width = node->width;
    machine.screen_height = node->height;
    machine.screen_stride = node->stride;
  }
  if (node->is_identity) {
    machine.identity_base = node->base;
    machine.identity_irq = node->irq;
  }
}

bool device_tree_read(const void *dtb) {
  const u8 *header = dtb;
  if (big32(header) != FDT_MAGIC) return false;
  const u8 *at = header + big32(header + 8);
  const char *names = (const char *)header + big32(header + 12);
  struct node node = {0};
  machine.ticks_per_second = 10000000; // `virt` says so too
  for (;;) {
    u32 token = big32(at);
    at += 4;
    if (token == FDT_BEGIN_NODE) {
      at += (string_length((const char *)at) + 4) & ~3ul;
      node = (struct node){0};
    } else if (token == FDT_PROP) {
      u32 bytes = big32(at);
      property_read(&node, names + big32(at + 4), at + 8, bytes);
      at += 8 + ((bytes + 3) & ~3u);
    } else if (token == FDT_END_NODE) {
      node_keep(&node);
      node = (struct node){0};
    } else if (token != FDT_NOP) {
      return machine.ram_bytes != 0;
    }
  }
}
