// Gaps: by how much the guest came later to its clock than it had meant to. This is what a
// migration looks like from inside. Each reader has its own maximum, so that none takes another's.
#include "guest.h"

static u64 longest[GAP_READERS];

void gap_observe(u64 due, u64 now) {
  if (now <= due) return;
  for (u32 reader = 0; reader < GAP_READERS; reader++)
    if (now - due > longest[reader]) longest[reader] = now - due;
}

u64 gap_take_us(enum gap_reader reader) {
  u64 taken = longest[reader];
  longest[reader] = 0;
  return us_from_ticks(taken);
}
