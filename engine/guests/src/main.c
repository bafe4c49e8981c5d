// The guest's life: find out what machine this is, start the workload, and then for ever do what is
// due and sleep until something is. It never spins when there is nothing to do.
#include "guest.h"

extern char image_end[];

static void banner(void) {
  put_text("godwit-guest 1 workload=");
  put_text(workload->name);
  put_text(" ram=");
  put_number(machine.ram_bytes / MEBIBYTE);
  put_text("MiB instance=");
  put_instance();
  put_text(" ready\n");
}

static void start(const void *dtb) {
  bool tree_good = device_tree_read(dtb);
  traps_enable();
  console_start();
  if (!tree_good) fatal("no device tree at", "a1");
  arena_open((u64)image_end, machine.ram_start + machine.ram_bytes);
  paging_enable();
  timer_start();
  identity_start();
  workload_choose();
  workload->start();
  banner();
}

static void serve_requests(void) {
  while (!workload->can_serve || workload->can_serve()) {
    char *line = console_line();
    if (!line) return;
    request_serve(line);
  }
}

/** Sleeps until `due`, but not if an interrupt since `seen` has left something to look at. */
static void sleep_until(u64 due, u64 seen) {
  if (due <= time_now()) return;
  u64 saved = interrupts_off();
  if (interrupts_taken() == seen) {
    timer_set(due);
    wait_for_interrupt();
  }
  interrupts_restore(saved);
}

void guest_main(const void *dtb) {
  start(dtb);
  u64 tick = ticks_from_us(argument_number("tick", 100) * 1000);
  u64 watchdog_ms = argument_number("watchdog", 0);
  u64 due = time_now();
  for (;;) {
    if (watchdog_ms) sbi_heartbeat(watchdog_ms);
    u64 seen = interrupts_taken();
    u64 now = time_now();
    gap_observe(due, now);
    identity_refresh();
    serve_requests();
    due = workload->run(now);
    if (tick && due > now + tick) due = now + tick;
    sleep_until(due, seen);
  }
}
