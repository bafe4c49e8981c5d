// What only a RISC-V bench program can ask of its machine: address spaces, U-mode, CSRs, SBI.
#pragma once
#include "../runtime.h"

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128 };
typedef uint64_t page_table[512] __attribute__((aligned(4096)));

/** The table that paging_enable() made: RAM from the image on, mapped one to one. */
extern page_table root_table;

static inline uint64_t pte_for(uint64_t address, uint64_t rights) {
  return address >> 12 << 10 | rights;
}

static inline uint64_t satp_for(const uint64_t *root) {
  return 8ull << 60 | (uint64_t)root >> 12;
}

#define READ_CSR(name)                                       \
  ({                                                         \
    uint64_t value_;                                         \
    __asm__ volatile("csrr %0, " #name : "=r"(value_));      \
    value_;                                                  \
  })

/** Returns the SBI's value; fails when the call does. */
static inline uint64_t sbi_call(uint64_t extension, uint64_t function, uint64_t argument0,
                                uint64_t argument1) {
  register uint64_t a0 __asm__("a0") = argument0;
  register uint64_t a1 __asm__("a1") = argument1;
  register uint64_t a6 __asm__("a6") = function;
  register uint64_t a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
  if (a0 != 0) fail("an SBI call");
  return a1;
}

_Noreturn void user_enter(void (*code)(void), void *user_stack, void *kernel_stack);
/** A trap from U-mode: its arguments a0 to a5, then the cause. A program with a user gives one. */
uint64_t user_trapped(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                      uint64_t cause);
