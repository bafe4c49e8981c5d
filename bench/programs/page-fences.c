// A fence of one page and a load from it, over and over: what a kernel does to each page that it
// takes away from a program.
#include "runtime/riscv/riscv.h"

enum { PAGES = 64, FENCES = 600 * 1000 };
static uint64_t pages[PAGES][PAGE_BYTES / 8] __attribute__((aligned(4096)));

void program(void) {
  for (uint64_t i = 0; i < PAGES; i++) pages[i][0] = i;
  uint64_t sum = 0;
  for (unsigned n = 0; n < FENCES; n++) {
    uint64_t *at = pages[n % PAGES];
    __asm__ volatile("sfence.vma %0, zero" ::"r"(at) : "memory");
    sum += *at;
  }
  report("page-fences", sum);
}
