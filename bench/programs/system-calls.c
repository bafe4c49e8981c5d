// System calls: a program in U-mode that calls S-mode and gets its answer, over and over. The
// handler saves and restores what a C function may spoil, as a kernel's does (riscv/entry.S).
#include "runtime/riscv/riscv.h"

enum { CALLS = 4 * 1000 * 1000, CALL_FROM_USER = 8, ADD = 1, END = 2 };
static char kernel_stack[16384] __attribute__((aligned(16)));
static uint64_t sum;

uint64_t user_trapped(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                      uint64_t cause) {
  (void)a2, (void)a3, (void)a4, (void)a5;
  if (cause != CALL_FROM_USER) fail("a trap from U-mode that is no call");
  if (a0 == END) {
    report("system-calls", sum);
    power_off();
  }
  sum += a1;
  return sum;
}

/** Touches no data: its code alone is mapped for U-mode. */
__attribute__((section(".user"), naked)) static void user(void) {
  __asm__ volatile("li s0, %0\n"
                   "1: li a0, %1\n"
                   "mv a1, s0\n"
                   "ecall\n"
                   "addi s0, s0, -1\n"
                   "bnez s0, 1b\n"
                   "li a0, %2\n"
                   "ecall\n"
                   "j ." ::"i"(CALLS), "i"(ADD), "i"(END));
}

void program(void) { user_enter(user, NULL, kernel_stack + sizeof kernel_stack); }
