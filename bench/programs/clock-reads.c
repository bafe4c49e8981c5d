// The time CSR, read over and over; it must never go back.
#include "runtime/riscv/riscv.h"

enum { READS = 20 * 1000 * 1000 };

void program(void) {
  uint64_t last = 0, backward = 0;
  for (unsigned n = 0; n < READS; n++) {
    uint64_t now = READ_CSR(time);
    backward += now < last;
    last = now;
  }
  report("clock-reads", backward);
}
