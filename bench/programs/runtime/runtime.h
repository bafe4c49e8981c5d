// What a bench program gets: a console, an end, and RAM behind paging. A program is one C file with
// `void program(void)`; it says what it computed with report(), so that two machines can be
// compared. It never looks at a clock: time is taken from outside. Not a libc. Sizes in bytes.
// riscv/ is a guest in S-mode with Sv39; i386/ is the same for a multiboot machine with paging on.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEBIBYTE (1024ul * 1024ul)
#define PAGE_BYTES 4096ul

/** One line `result NAME VALUE` on the console. */
void report(const char *name, uint64_t value);
void put_text(const char *text);
/** Says `failed WHY` and ends the machine. */
_Noreturn void fail(const char *why);
_Noreturn void power_off(void);
void put_byte(char byte);

/** xorshift64* (Marsaglia 2003, Vigna 2016): the same bytes on every machine. */
static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dull;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *at, int byte, size_t bytes);

void program(void);
