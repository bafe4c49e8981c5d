// Sv39 with RAM mapped one to one (privileged specification, "Sv39"): the image in pages of 4 KiB;
// behind it every other 2 MiB in one megapage and the rest in pages of 4 KiB, so that both kinds
// are walked. Console and power by SBI (v1.0: legacy console, chapter 5; SRST, chapter 10).
#include "riscv.h"

#define RAM_START 0x80200000ul
#define RAM_BYTES (160 * MEBIBYTE)
#define MEGAPAGE_BYTES (2 * MEBIBYTE)
enum { LEAF = PTE_V | PTE_A | PTE_D | PTE_R | PTE_W, SBI_PUTCHAR = 1, SBI_SRST = 0x53525354 };

page_table root_table;
static page_table middle_table;
static page_table last_tables[RAM_BYTES / MEGAPAGE_BYTES / 2 + 1];
extern char user_start[], user_end[];

static uint64_t rights_of(uint64_t address) {
  uint64_t user = address >= (uint64_t)user_start && address < (uint64_t)user_end ? PTE_U : 0;
  return LEAF | PTE_X | user;
}

void paging_enable(void) {
  root_table[RAM_START >> 30] = pte_for((uint64_t)middle_table, PTE_V);
  for (uint64_t n = 0; n < RAM_BYTES / MEGAPAGE_BYTES; n++) {
    uint64_t start = RAM_START + n * MEGAPAGE_BYTES;
    uint64_t *entry = &middle_table[start / MEGAPAGE_BYTES % 512];
    *entry = pte_for(start, LEAF);
    if (n % 2 != 0) continue;
    uint64_t *leaves = last_tables[n / 2];
    for (uint64_t i = 0; i < 512; i++)
      leaves[i] = pte_for(start + i * PAGE_BYTES, rights_of(start + i * PAGE_BYTES));
    *entry = pte_for((uint64_t)leaves, PTE_V);
  }
  __asm__ volatile("csrw satp, %0\n\tsfence.vma" ::"r"(satp_for(root_table)) : "memory");
}

void put_byte(char byte) {
  register uint64_t a0 __asm__("a0") = (uint8_t)byte;
  register uint64_t a7 __asm__("a7") = SBI_PUTCHAR;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory", "a1");
}

void power_off(void) {
  sbi_call(SBI_SRST, 0, 0, 0);
  for (;;) __asm__ volatile("wfi"); // only if nobody answered the call
}

__attribute__((weak)) uint64_t user_trapped(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                                            uint64_t a4, uint64_t a5, uint64_t cause) {
  (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)cause;
  fail("a trap from U-mode");
}

_Noreturn void trap_unexpected(uint64_t cause, uint64_t pc, uint64_t value) {
  report("scause", cause);
  report("sepc", pc);
  report("stval", value);
  fail("a trap");
}
