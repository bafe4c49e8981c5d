// Loads from random places of 64 MiB, each address made from the value before, so that none can be
// begun early: what a TLB miss and its page walk cost.
#include "runtime/runtime.h"

enum { WORDS = 8 * 1024 * 1024, LOADS = 5 * 1000 * 1000 };
static uint64_t words[WORDS];

void program(void) {
  // One store a page: an untouched page of RAM might be nowhere yet.
  for (uint64_t i = 0; i < WORDS; i += PAGE_BYTES / 8) words[i] = i;
  uint64_t seed = 4, sum = 0;
  for (unsigned n = 0; n < LOADS; n++) sum += words[(next_random(&seed) ^ sum) >> 41];
  report("random-loads", sum);
}
