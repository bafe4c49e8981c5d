// So many things a second, spread over ticks of 2 ms: short enough to show a migration's downtime
// as a gap, long enough that waking up costs nothing.
#include "guest.h"

enum { TICK_US = 2000, MAKE_UP_PER_SECOND = 10 };

void pace_start(struct pace *pace, u64 per_second) {
  *pace = (struct pace){.per_second = per_second, .began = time_now()};
}

static u64 due_by(const struct pace *pace, u64 now) {
  return (now - pace->began) * pace->per_second / machine.ticks_per_second;
}

u64 pace_take(struct pace *pace, u64 now, u64 most) {
  if (pace->per_second == 0) return most;
  u64 due = due_by(pace, now);
  // After a stop only the last 100 ms are made up: a VM that was away must not flood its new node.
  u64 backlog_most = pace->per_second / MAKE_UP_PER_SECOND + 1;
  if (due - pace->done > backlog_most) {
    pace->began = now;
    pace->done = 0;
    return most < backlog_most ? most : backlog_most;
  }
  u64 taken = due - pace->done < most ? due - pace->done : most;
  pace->done += taken;
  // Whole seconds are dropped from both sides, or the product in due_by would overflow in time.
  for (; pace->done >= pace->per_second; pace->done -= pace->per_second)
    pace->began += machine.ticks_per_second;
  return taken;
}

u64 pace_next(const struct pace *pace, u64 now) {
  if (pace->per_second == 0 || due_by(pace, now) > pace->done) return now;
  u64 next_due = pace->began +
      ((pace->done + 1) * machine.ticks_per_second + pace->per_second - 1) / pace->per_second;
  u64 next_tick = now + ticks_from_us(TICK_US);
  return next_due > next_tick ? next_due : next_tick;
}
