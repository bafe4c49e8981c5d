// Results as lines of text, and the two functions that gcc calls by itself. Words are as wide as
// the machine's registers, as in any libc for it.
#include "runtime.h"

typedef unsigned long __attribute__((may_alias)) word;
enum { WORD = sizeof(word) };

void put_text(const char *text) {
  for (; *text; text++) put_byte(*text);
}

static void put_hex(uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) put_byte("0123456789abcdef"[value >> shift & 15]);
}

void report(const char *name, uint64_t value) {
  put_text("result ");
  put_text(name);
  put_byte(' ');
  put_hex(value);
  put_byte('\n');
}

void fail(const char *why) {
  put_text("failed ");
  put_text(why);
  put_byte('\n');
  power_off();
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  char *t = to;
  const char *f = from;
  if ((((uintptr_t)t ^ (uintptr_t)f) & (WORD - 1)) == 0) {
    for (; bytes > 0 && ((uintptr_t)t & (WORD - 1)); bytes--) *t++ = *f++;
    for (; bytes >= 8 * WORD; bytes -= 8 * WORD, t += 8 * WORD, f += 8 * WORD) {
      word *tw = (word *)t;
      const word *fw = (const word *)f;
      word a = fw[0], b = fw[1], c = fw[2], d = fw[3];
      tw[0] = a, tw[1] = b, tw[2] = c, tw[3] = d;
      a = fw[4], b = fw[5], c = fw[6], d = fw[7];
      tw[4] = a, tw[5] = b, tw[6] = c, tw[7] = d;
    }
    for (; bytes >= WORD; bytes -= WORD, t += WORD, f += WORD) *(word *)t = *(const word *)f;
  }
  while (bytes-- > 0) *t++ = *f++;
  return to;
}

void *memset(void *at, int byte, size_t bytes) {
  char *t = at;
  while (bytes-- > 0) *t++ = (char)byte;
  return at;
}
