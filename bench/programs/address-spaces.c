// Page-table switches: four address spaces that share the kernel's part and have 16 pages of their
// own at one address. Each turn writes satp, fences, and touches the space's pages.
#include "runtime/riscv/riscv.h"

enum { SPACES = 4, PAGES = 16, SWITCHES = 150 * 1000 };
#define WINDOW 0x40000000ul
static page_table roots[SPACES], middles[SPACES], lasts[SPACES];
static uint64_t pages[SPACES][PAGES][PAGE_BYTES / 8] __attribute__((aligned(4096)));

static void make_space(int space) {
  uint64_t rights = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;
  for (int i = 0; i < 512; i++) roots[space][i] = root_table[i];
  roots[space][WINDOW >> 30] = pte_for((uint64_t)middles[space], PTE_V);
  middles[space][0] = pte_for((uint64_t)lasts[space], PTE_V);
  for (int i = 0; i < PAGES; i++) lasts[space][i] = pte_for((uint64_t)pages[space][i], rights);
}

void program(void) {
  for (int space = 0; space < SPACES; space++) make_space(space);
  for (int n = 0; n < SWITCHES; n++) {
    uint64_t satp = satp_for(roots[n % SPACES]);
    __asm__ volatile("csrw satp, %0\n\tsfence.vma" ::"r"(satp) : "memory");
    for (int i = 0; i < PAGES; i++) *(volatile uint64_t *)(WINDOW + i * PAGE_BYTES) += n + i;
  }
  uint64_t sum = 0;
  for (int space = 0; space < SPACES; space++)
    for (int i = 0; i < PAGES; i++) sum = sum * 31 + pages[space][i][0];
  report("address-spaces", sum);
}
