// Sv39 with an identity map (privileged specification, section on Sv39), so that real page tables
// are walked: 4 KiB leaves for the 2 MiB that hold the image, each part with its own rights, 2 MiB
// leaves for the rest of RAM and for the devices; with a screen, for it too, and one for the page of
// the wall clock. The first page stays unmapped: NULL faults.
#include "guest.h"

enum { V = 1 << 0, R = 1 << 1, W = 1 << 2, X = 1 << 3, A = 1 << 6, D = 1 << 7 };
#define LEAF (V | A | D) // A and D set by us: the hardware may fault instead of setting them
#define MEGAPAGE_BYTES (2 * MEBIBYTE)
#define GIGAPAGE_BYTES (1024 * MEBIBYTE)
#define SATP_SV39 (8ul << 60)

typedef u64 table[512];
extern char text_start[], text_end[], rodata_end[];

static u64 entry_for(u64 address, u64 rights) { return address >> 12 << 10 | rights; }

static u64 *table_new(void) { return memset(arena_take(PAGE_BYTES, "page tables"), 0, PAGE_BYTES); }

/** The table that the entry points to; made when there is none. */
static u64 *table_below(u64 *entry) {
  if (!(*entry & V)) *entry = entry_for((u64)table_new(), V);
  return (u64 *)(*entry >> 10 << 12);
}

static void map_megapage(u64 *root, u64 address) {
  u64 *middle = table_below(&root[address / GIGAPAGE_BYTES]);
  middle[address / MEGAPAGE_BYTES % 512] = entry_for(address, LEAF | R | W);
}

static void map_page(u64 *root, u64 address) {
  u64 *middle = table_below(&root[address / GIGAPAGE_BYTES]);
  u64 *leaves = table_below(&middle[address / MEGAPAGE_BYTES % 512]);
  leaves[address / PAGE_BYTES % 512] = entry_for(address, LEAF | R | W);
}

/** Whole megapages: what they hold besides is RAM, which is mapped the same way. */
static void map_screen(u64 *root) {
  u64 end = machine.screen_base + machine.screen_height * (u64)machine.screen_stride;
  for (u64 at = machine.screen_base & ~(MEGAPAGE_BYTES - 1); at < end; at += MEGAPAGE_BYTES)
    map_megapage(root, at);
}

static u64 image_rights(u64 address) {
  if (address >= (u64)text_start && address < (u64)text_end) return LEAF | R | X;
  if (address >= (u64)text_end && address < (u64)rodata_end) return LEAF | R;
  return LEAF | R | W;
}

static void map_image(u64 *root) {
  u64 start = (u64)text_start; // 2 MiB aligned: link.ld
  u64 *middle = table_below(&root[start / GIGAPAGE_BYTES]);
  u64 *leaves = table_new();
  for (u64 i = 0; i < 512; i++) {
    u64 address = start + i * PAGE_BYTES;
    leaves[i] = entry_for(address, image_rights(address));
  }
  middle[start / MEGAPAGE_BYTES % 512] = entry_for((u64)leaves, V);
}

void paging_enable(void) {
  u64 *root = table_new();
  map_megapage(root, 0x0c000000); // PLIC: priorities and enables
  map_megapage(root, 0x0c200000); // PLIC: thresholds and claims
  map_megapage(root, 0x10000000); // UART, virtio, and below the identity device:
  map_megapage(root, 0x10200000);
  for (u64 at = 0; at < machine.ram_bytes; at += MEGAPAGE_BYTES)
    map_megapage(root, machine.ram_start + at);
  if (machine.screen_base) {
    map_screen(root);
    map_page(root, WALL_CLOCK_BASE);
  }
  map_image(root);
  __asm__ volatile("csrw satp, %0\n\tsfence.vma" ::"r"(SATP_SV39 | (u64)root >> 12) : "memory");
}
