// The guest's clock: the time CSR to read it, the SBI timer to be woken. 64 bits, never wraps.
#include "guest.h"

static u64 booted_at;

u64 time_now(void) {
  u64 now;
  __asm__ volatile("csrr %0, time" : "=r"(now)::"memory");
  return now;
}

void timer_start(void) {
  booted_at = time_now();
  sbi_set_timer(TIME_NEVER);
}

void timer_set(u64 at) { sbi_set_timer(at); }

// The interrupt stays pending until the alarm lies in the future: so it goes away for good, and
// main.c sets the next one when it knows when that is.
void timer_interrupt(void) { sbi_set_timer(TIME_NEVER); }

u64 ticks_from_us(u64 us) { return us * (machine.ticks_per_second / 100000) / 10; }

u64 us_from_ticks(u64 ticks) { return ticks * 10 / (machine.ticks_per_second / 100000); }

u64 uptime_ms(void) { return us_from_ticks(time_now() - booted_at) / 1000; }
