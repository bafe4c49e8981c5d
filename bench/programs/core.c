// A mix like that of an embedded processor's benchmark: a linked list searched, reversed and
// sorted, small integer matrices, a state machine that reads numbers from text, and a CRC over the
// results. Our own code; not CoreMark, whose figures it resembles (cpu.ts --elf runs the real one).
#include "runtime/runtime.h"

#ifndef TIMES
#define TIMES 1 // as long: core-long.c
#endif

enum { ITERATIONS = TIMES * 20 * 1000, ITEMS = 40, ORDER = 10, PASSES = 6, TEXT = 420 };

static uint16_t crc16(uint16_t crc, uint32_t value) {
  for (int bit = 0; bit < 32; bit++, value >>= 1)
    crc = (uint16_t)((crc >> 1) ^ (((crc ^ value) & 1) ? 0xa001 : 0));
  return crc;
}

struct item {
  struct item *next;
  int16_t key, place;
};
static struct item items[ITEMS];

static struct item *list_made(uint64_t *seed) {
  for (int i = 0; i < ITEMS; i++) {
    items[i].next = i + 1 < ITEMS ? &items[i + 1] : NULL;
    items[i].key = (int16_t)(next_random(seed) >> 50);
    items[i].place = (int16_t)i;
  }
  return items;
}

static struct item *reversed(struct item *list) {
  struct item *done = NULL;
  while (list) {
    struct item *next = list->next;
    list->next = done;
    done = list;
    list = next;
  }
  return done;
}

static const struct item *found(const struct item *list, int16_t key) {
  while (list && (list->key & 0xff) != (key & 0xff)) list = list->next;
  return list;
}

static int by_key(const struct item *a, const struct item *b) { return a->key - b->key; }
static int by_place(const struct item *a, const struct item *b) { return a->place - b->place; }

typedef int comparison(const struct item *, const struct item *);

static struct item *sorted(struct item *list, comparison *compare) {
  if (!list || !list->next) return list;
  struct item *slow = list, *fast = list->next;
  while (fast && fast->next) slow = slow->next, fast = fast->next->next;
  struct item *half = slow->next;
  slow->next = NULL;
  struct item *a = sorted(list, compare), *b = sorted(half, compare), *head = NULL, **tail = &head;
  while (a && b) {
    struct item **least = compare(a, b) <= 0 ? &a : &b;
    *tail = *least;
    tail = &(*least)->next;
    *least = (*least)->next;
  }
  *tail = a ? a : b;
  return head;
}

static uint16_t list_work(struct item **list, int16_t key, uint16_t crc) {
  int hits = 0;
  for (int16_t n = 0; n < 30; n++) {
    const struct item *hit = found(*list, (int16_t)(key + n * 37));
    if (hit) hits += hit->place;
    *list = reversed(*list);
  }
  *list = sorted(*list, by_key);
  crc = crc16(crc, (uint32_t)(*list)->key + (uint32_t)hits);
  *list = sorted(*list, by_place);
  return crc;
}

static int16_t left[ORDER][ORDER], right[ORDER][ORDER];
static int32_t product[ORDER][ORDER];

static uint16_t matrix_work(int16_t seed, uint16_t crc) {
  for (int i = 0; i < ORDER; i++)
    for (int j = 0; j < ORDER; j++) left[i][j] = (int16_t)(left[i][j] + seed), right[j][i] ^= seed;
  int32_t sum = 0;
  for (int i = 0; i < ORDER; i++) {
    for (int j = 0; j < ORDER; j++) {
      int32_t cell = 0;
      for (int k = 0; k < ORDER; k++) {
        int32_t term = left[i][k] * right[k][j];
        cell += (term >> 2 & 15) * (term >> 5 & 127) + term;
      }
      product[i][j] = cell;
      sum += cell > sum ? 10 : cell & 3;
    }
  }
  return crc16(crc, (uint32_t)sum);
}

enum state {
  START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, POWER, INVALID, STATES
};
static char text[TEXT + 1];
static uint32_t visits[STATES];

static enum state after(enum state state, char c) {
  bool digit = c >= '0' && c <= '9';
  switch (state) {
    case START: return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN: return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER: return digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case POINT: return digit ? FRACTION : INVALID;
    case FRACTION: return digit ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case EXPONENT: return digit ? POWER : c == '+' || c == '-' ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN: return digit ? POWER : INVALID;
    case POWER: return digit ? POWER : INVALID;
    default: return INVALID;
  }
}

static uint16_t state_work(uint16_t crc) {
  for (int i = 0; i < STATES; i++) visits[i] = 0;
  enum state state = START;
  for (const char *c = text; *c; c++) {
    state = *c == ',' ? START : after(state, *c);
    visits[state]++;
  }
  for (int i = 0; i < STATES; i++) crc = crc16(crc, visits[i]);
  return crc;
}

static void make_text(void) {
  static const char numbers[] = "5012,1234,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,"
                                "-.123e-2,-87e+832,+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,";
  for (int i = 0; i < TEXT; i++) text[i] = numbers[i % (int)(sizeof numbers - 1)];
}

void program(void) {
  uint64_t seed = 1;
  uint16_t crc = 0;
  make_text();
  struct item *list = list_made(&seed);
  for (int n = 0; n < ITERATIONS; n++) {
    crc = list_work(&list, (int16_t)n, crc);
    for (int pass = 0; pass < PASSES; pass++) crc = matrix_work((int16_t)((n + pass) & 31), crc);
    crc = state_work(crc);
  }
  report("core", crc);
}
