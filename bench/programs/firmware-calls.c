// The cheapest SBI call, get_spec_version of the base extension (SBI v1.0, chapter 4), over and
// over: firmware on one machine, the VMM itself on the other.
#include "runtime/riscv/riscv.h"

enum { SBI_BASE = 0x10, CALLS = 2000 * 1000 };

void program(void) {
  uint64_t answered = 0;
  for (unsigned n = 0; n < CALLS; n++) answered += sbi_call(SBI_BASE, 0, 0, 0) != 0;
  report("firmware-calls", answered);
}
