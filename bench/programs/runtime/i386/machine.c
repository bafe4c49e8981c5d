// Two-level paging with RAM mapped one to one: every other 4 MiB in one large page, the rest in pages
// of 4 KiB, so that both kinds are walked, as on RISC-V. Console: the first serial port. Nothing here
// can cut the power: who watches the console ends the machine when it reads `off`.
// Source: Intel SDM volume 3, "32-Bit Paging"; 16550 UART, transmit register.
#include "../runtime.h"

#define LARGE_BYTES (4 * MEBIBYTE)
#define RAM_BYTES (160 * MEBIBYTE)
enum { PRESENT = 1, WRITABLE = 2, LARGE = 128, COM1 = 0x3f8 };
typedef uint32_t page_table[1024] __attribute__((aligned(4096)));

static page_table directory;
static page_table last_tables[RAM_BYTES / LARGE_BYTES / 2];

void paging_enable(void) {
  for (uint32_t n = 0; n < RAM_BYTES / LARGE_BYTES; n++) {
    uint32_t start = n * LARGE_BYTES;
    directory[n] = start | PRESENT | WRITABLE | LARGE;
    if (n % 2 != 0) continue;
    uint32_t *leaves = last_tables[n / 2];
    for (uint32_t i = 0; i < 1024; i++) leaves[i] = (start + i * PAGE_BYTES) | PRESENT | WRITABLE;
    directory[n] = (uint32_t)leaves | PRESENT | WRITABLE;
  }
  uint32_t cr0;
  __asm__ volatile("mov %0, %%cr3" ::"r"(directory) : "memory");
  __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
  __asm__ volatile("mov %0, %%cr0" ::"r"(cr0 | 1u << 31) : "memory");
}

void put_byte(char byte) { __asm__ volatile("outb %0, %1" ::"a"(byte), "Nd"((uint16_t)COM1)); }

void power_off(void) {
  put_text("off\n");
  for (;;) __asm__ volatile("cli\n\thlt");
}
