// Bytes: what the compiler takes for granted from a libc, checksums, and numbers without a pattern.
// Word by word where both ends are aligned, because pages are what is copied most.
#include "guest.h"

void *memcpy(void *to, const void *from, u64 bytes) {
  u8 *out = to;
  const u8 *in = from;
  if ((((u64)out | (u64)in) & 7) == 0)
    for (; bytes >= 8; bytes -= 8, out += 8, in += 8) *(u64 *)out = *(const u64 *)in;
  while (bytes--) *out++ = *in++;
  return to;
}

void *memset(void *to, int value, u64 bytes) {
  u8 *out = to;
  u64 word = (u8)value * 0x0101010101010101ul;
  if (((u64)out & 7) == 0)
    for (; bytes >= 8; bytes -= 8, out += 8) *(u64 *)out = word;
  while (bytes--) *out++ = (u8)value;
  return to;
}

int memcmp(const void *a, const void *b, u64 bytes) {
  const u8 *left = a, *right = b;
  for (; bytes; bytes--, left++, right++)
    if (*left != *right) return *left - *right;
  return 0;
}

u64 string_length(const char *text) {
  u64 count = 0;
  while (text[count]) count++;
  return count;
}

bool string_equal(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

u64 mix64(u64 value) {
  value += 0x9e3779b97f4a7c15ul;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ul;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebul;
  return value ^ (value >> 31);
}

u32 checksum32(const void *bytes, u64 count) {
  const u8 *in = bytes;
  u32 sum = 0x811c9dc5;
  while (count--) sum = (sum ^ *in++) * 0x01000193;
  return sum;
}

void fill_noise(u64 *to, u64 bytes, u64 seed) {
  u64 state = mix64(seed) | 1; // xorshift64 never leaves 0, so it must not start there
  for (u64 *end = to + bytes / 8; to < end; to++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    *to = state;
  }
}
