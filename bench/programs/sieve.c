// The sieve of Eratosthenes over 4 million bytes, several times: byte stores at growing strides.
#include "runtime/runtime.h"

#ifndef TIMES
#define TIMES 1 // as long: sieve-long.c
#endif

enum { LIMIT = 4 * 1000 * 1000, ROUNDS = TIMES * 20 };
static uint8_t is_composite[LIMIT];

static unsigned sieve(void) {
  unsigned primes = 0;
  for (unsigned i = 0; i < LIMIT; i++) is_composite[i] = 0;
  for (unsigned i = 2; i < LIMIT; i++) {
    if (is_composite[i]) continue;
    primes++;
    if (i > LIMIT / i) continue;
    for (unsigned j = i * i; j < LIMIT; j += i) is_composite[j] = 1;
  }
  return primes;
}

void program(void) {
  unsigned primes = 0;
  for (unsigned round = 0; round < ROUNDS; round++) primes += sieve();
  report("sieve", primes);
}
