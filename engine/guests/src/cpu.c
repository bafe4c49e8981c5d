// workload=cpu: busy for `load` percent of each period by the guest's own clock, asleep for the
// rest.
#include "guest.h"

enum { PERIOD_US = 20000, LOOP_STEPS = 1000 };

static u64 began, period, busy, loops;
static volatile u64 result; // so that the compiler may not leave the work out

static void compute(void) {
  u64 state = result | 1;
  for (u32 step = 0; step < LOOP_STEPS; step++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
  }
  result = state;
  loops++;
}

static u64 cpu_run(u64 now) {
  if (busy == 0) return TIME_NEVER;
  u64 into_period = (now - began) % period;
  if (into_period >= busy) return now + period - into_period;
  compute();
  return now;
}

static void cpu_start(void) {
  u64 load = argument_number("load", 30);
  if (load > 100) fatal("at most 100 percent:", "load");
  period = ticks_from_us(PERIOD_US);
  busy = period * load / 100;
  began = time_now();
}

static void cpu_stats(void) { put_field("loops", loops); }

const struct workload cpu_workload = {
    .name = "cpu", .start = cpu_start, .run = cpu_run, .stats = cpu_stats,
};
