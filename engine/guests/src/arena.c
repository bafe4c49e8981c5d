// RAM behind the image, given out at start and never taken back: nothing here can leak or fragment.
#include "guest.h"

static u64 next, end;

void arena_open(u64 from, u64 to) {
  next = (from + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  end = to;
}

u64 arena_free_bytes(void) { return end > next ? end - next : 0; }

void *arena_take(u64 bytes, const char *what) {
  bytes = (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  if (bytes > arena_free_bytes()) fatal("more than there is RAM for:", what);
  void *taken = (void *)next;
  next += bytes;
  return taken;
}
