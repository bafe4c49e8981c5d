// workload=check: memory that proves itself. Each page holds a pattern made of its number, its
// version and a seed; pages are rewritten with their next version, and all of them are verified
// round after round. At the first wrong byte everything stops, so that the evidence stays as it was
// found.
#include "guest.h"

enum { BATCH_PAGES = 16, PAGE_WORDS = PAGE_BYTES / 8 };
#define STEP 0x9e3779b97f4a7c15ul // odd: the sequence has the full period

static u64 (*pages)[PAGE_WORDS];
static u32 *versions;
static u64 page_count, seed, random_state;
static bool rewriting;
static struct pace rewrite_pace, verify_pace;
static u64 rounds, round_page, rewrites;
static struct { bool found; u64 gpa, say_at; u8 want, got; } bad;

static u64 pattern_start(u64 page) { return mix64(seed ^ page << 32 ^ versions[page]); }

static u64 pattern_word(u64 state) { return state ^ state >> 29; }

static void write_page(u64 page) {
  u64 state = pattern_start(page);
  for (u64 *word = pages[page]; word < pages[page] + PAGE_WORDS; word++)
    *word = pattern_word(state += STEP);
}

static void rewrite_some_page(void) {
  random_state = mix64(random_state);
  u64 page = random_state % page_count;
  versions[page]++;
  write_page(page);
  rewrites++;
}

static void note_bad(const u64 *word, u64 want) {
  const u8 *got_bytes = (const u8 *)word, *want_bytes = (const u8 *)&want;
  u64 at = 0;
  while (got_bytes[at] == want_bytes[at]) at++;
  bad.found = true;
  bad.gpa = (u64)word + at;
  bad.want = want_bytes[at];
  bad.got = got_bytes[at];
}

static void verify_page(u64 page) {
  u64 state = pattern_start(page);
  for (const u64 *word = pages[page]; word < pages[page] + PAGE_WORDS; word++) {
    u64 want = pattern_word(state += STEP);
    if (*word != want) return note_bad(word, want);
  }
}

static void say_ok(void) {
  put_text("check ok");
  put_field("round", rounds);
  put_field("pages", page_count);
  put_char('\n');
}

static u64 say_bad(u64 now) {
  if (now < bad.say_at) return bad.say_at;
  put_text("check BAD gpa=0x");
  put_hex(bad.gpa, 10);
  put_text(" want=0x");
  put_hex(bad.want, 2);
  put_text(" got=0x");
  put_hex(bad.got, 2);
  put_char('\n');
  return bad.say_at = now + machine.ticks_per_second;
}

static u64 check_run(u64 now) {
  if (bad.found) return say_bad(now);
  u64 due = rewriting ? pace_take(&rewrite_pace, now, BATCH_PAGES) : 0;
  while (due--) rewrite_some_page();
  for (due = pace_take(&verify_pace, now, BATCH_PAGES); due && !bad.found; due--) {
    verify_page(round_page);
    if (++round_page < page_count || bad.found) continue;
    round_page = 0;
    rounds++;
    say_ok();
  }
  if (bad.found) return now;
  u64 next = pace_next(&verify_pace, now);
  u64 next_rewrite = rewriting ? pace_next(&rewrite_pace, now) : TIME_NEVER;
  return next_rewrite < next ? next_rewrite : next;
}

static void check_start(void) {
  u64 bytes = argument_number("mib", 8) * MEBIBYTE;
  u64 rate = argument_number("rate", 1000);
  if (bytes == 0) fatal("at least 1 is needed for:", "mib");
  page_count = bytes / PAGE_BYTES;
  pages = arena_take(bytes, "mib");
  versions = arena_take(page_count * sizeof *versions, "versions");
  memset(versions, 0, page_count * sizeof *versions);
  seed = random_state = mix64(identity_seed64());
  for (u64 page = 0; page < page_count; page++) write_page(page);
  rewriting = rate > 0;
  pace_start(&rewrite_pace, rate);
  pace_start(&verify_pace, page_count); // a round a second
}

static void check_stats(void) {
  put_field("rounds", rounds);
  put_field("pages", page_count);
  put_field("rewrites", rewrites);
  put_field("bad", bad.found);
}

const struct workload check_workload = {
    .name = "check", .start = check_start, .run = check_run, .stats = check_stats,
};
