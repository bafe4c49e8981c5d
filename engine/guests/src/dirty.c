// workload=dirty: a writable working set. Pass p writes p into the first word of each page, and a
// word made of page and p elsewhere in it; before that it verifies both as pass p - 1 left them.
// `fill` is memory that is full of noise and never written again: it must be sent once.
#include "guest.h"

enum { BATCH_PAGES = 64, PAGE_WORDS = PAGE_BYTES / 8 };

static u64 (*pages)[PAGE_WORDS];
static u64 page_count, page, pass = 1, writes, bad, report_at;
static struct pace pace;

static u64 *touched_word(u64 of_pass) { return &pages[page][1 + of_pass % (PAGE_WORDS - 1)]; }

static u64 touch_for(u64 of_pass) { return mix64(page << 32 ^ of_pass); }

static void verify(const u64 *word, u64 want) {
  if (*word == want) return;
  bad++;
  put_text("dirty BAD gpa=0x");
  put_hex((u64)word, 10);
  put_text(" want=0x");
  put_hex(want, 16);
  put_text(" got=0x");
  put_hex(*word, 16);
  put_char('\n');
}

static void rewrite_page(void) {
  verify(&pages[page][0], pass - 1);
  if (pass > 1) verify(touched_word(pass - 1), touch_for(pass - 1));
  pages[page][0] = pass;
  *touched_word(pass) = touch_for(pass);
  writes++;
  if (++page < page_count) return;
  page = 0;
  pass++;
}

static void report(void) {
  put_text("dirty");
  put_field("writes", writes);
  put_field("gapus", gap_take_us(GAP_REPORT));
  put_char('\n');
}

static u64 dirty_run(u64 now) {
  for (u64 due = pace_take(&pace, now, BATCH_PAGES); due; due--) rewrite_page();
  if (now >= report_at) {
    report();
    report_at = now + machine.ticks_per_second;
  }
  u64 next = pace_next(&pace, now);
  return next < report_at ? next : report_at;
}

static void dirty_start(void) {
  u64 fill_bytes = argument_number("fill", 0) * MEBIBYTE;
  u64 bytes = argument_number("wss", 16) * MEBIBYTE;
  if (bytes == 0) fatal("at least 1 is needed for:", "wss");
  fill_noise(arena_take(fill_bytes, "fill"), fill_bytes, 1);
  pages = arena_take(bytes, "wss");
  fill_noise(pages[0], bytes, 2);
  page_count = bytes / PAGE_BYTES;
  for (u64 i = 0; i < page_count; i++) pages[i][0] = 0;
  pace_start(&pace, argument_number("rate", 2000));
  report_at = time_now() + machine.ticks_per_second;
}

static void dirty_stats(void) {
  put_field("writes", writes);
  put_field("passes", pass - 1);
  put_field("bad", bad);
}

const struct workload dirty_workload = {
    .name = "dirty", .start = dirty_start, .run = dirty_run, .stats = dirty_stats,
};
