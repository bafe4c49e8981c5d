// Memory copied and sorted: 4 MiB blocks moved with memcpy at several alignments, a quicksort of
// 32-bit keys and a merge sort of records, each several MiB.
#include "runtime/runtime.h"

#ifndef TIMES
#define TIMES 1 // as long: memory-long.c
#endif

enum { COPY_BYTES = 4 * 1024 * 1024, COPIES = TIMES * 120, KEYS = 1500 * 1000, RECORDS = 500 * 1000 };
static uint8_t left[COPY_BYTES + 64], right[COPY_BYTES + 64];
static uint32_t keys[KEYS];
struct record {
  uint32_t key, payload[3];
};
static struct record records[RECORDS], merged[RECORDS];

static uint32_t copy_blocks(void) {
  uint64_t seed = 1;
  for (unsigned i = 0; i < sizeof left; i++) left[i] = (uint8_t)(next_random(&seed) >> 56);
  for (unsigned n = 0; n < COPIES; n++) {
    unsigned shift = n % 8 * 8;
    memcpy(right + shift, left, COPY_BYTES);
    memcpy(left, right + 64 - shift, COPY_BYTES);
  }
  uint32_t sum = 0;
  for (unsigned i = 0; i < sizeof left; i++) sum = sum * 31 + left[i];
  return sum;
}

static void insertion_sort(uint32_t *at, int count) {
  for (int i = 1; i < count; i++) {
    uint32_t key = at[i];
    int j = i;
    for (; j > 0 && at[j - 1] > key; j--) at[j] = at[j - 1];
    at[j] = key;
  }
}

static void swap(uint32_t *a, uint32_t *b) {
  uint32_t kept = *a;
  *a = *b;
  *b = kept;
}

/** Quicksort by the median of three (Sedgewick 1978); the shorter side by recursion. */
static void quick_sort(uint32_t *at, int count) {
  while (count > 16) {
    uint32_t *middle = at + count / 2, *last = at + count - 1;
    if (*middle < *at) swap(middle, at);
    if (*last < *at) swap(last, at);
    if (*last < *middle) swap(last, middle);
    uint32_t pivot = *middle;
    int i = 0, j = count - 1;
    while (i <= j) {
      while (at[i] < pivot) i++;
      while (at[j] > pivot) j--;
      if (i <= j) swap(&at[i++], &at[j--]);
    }
    if (j + 1 < count - i) {
      quick_sort(at, j + 1);
      at += i, count -= i;
    } else {
      quick_sort(at + i, count - i);
      count = j + 1;
    }
  }
  insertion_sort(at, count);
}

static void merge(const struct record *a, const struct record *a_end, const struct record *b,
                  const struct record *b_end, struct record *into) {
  while (a < a_end && b < b_end) *into++ = b->key < a->key ? *b++ : *a++;
  while (a < a_end) *into++ = *a++;
  while (b < b_end) *into++ = *b++;
}

/** Bottom up; returns where the sorted records ended up. */
static struct record *merge_sort(struct record *from, struct record *into, int count) {
  for (int width = 1; width < count; width *= 2) {
    for (int at = 0; at < count; at += 2 * width) {
      int middle = at + width < count ? at + width : count;
      int end = at + 2 * width < count ? at + 2 * width : count;
      merge(from + at, from + middle, from + middle, from + end, into + at);
    }
    struct record *kept = from;
    from = into;
    into = kept;
  }
  return from;
}

void program(void) {
  report("copy", copy_blocks());
  uint64_t seed = 2;
  uint32_t sum = 0;
  for (unsigned round = 0; round < TIMES * 2; round++) {
    for (unsigned i = 0; i < KEYS; i++) keys[i] = (uint32_t)(next_random(&seed) >> 32);
    quick_sort(keys, KEYS);
    for (unsigned i = 0; i < KEYS; i++) sum = sum * 31 + keys[i];
  }
  report("quick-sort", sum);
  for (unsigned round = 0; round < TIMES; round++) {
    for (unsigned i = 0; i < RECORDS; i++)
      records[i] = (struct record){(uint32_t)(next_random(&seed) >> 40), {i, ~i, i * 3}};
    const struct record *sorted = merge_sort(records, merged, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) sum = sum * 31 + sorted[i].payload[0];
  }
  report("merge-sort", sum);
}
