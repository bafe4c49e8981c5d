// The command line: words `key=value` between spaces, from /chosen/bootargs of the device tree.
#include "guest.h"

/** Where the value of `key` begins, or NULL. The first of several counts. */
static const char *value_of(const char *key) {
  u64 key_bytes = string_length(key);
  for (const char *at = machine.bootargs; *at;) {
    while (*at == ' ') at++;
    const char *word = at;
    while (*at && *at != ' ') at++;
    if ((u64)(at - word) > key_bytes && memcmp(word, key, key_bytes) == 0 && word[key_bytes] == '=')
      return word + key_bytes + 1;
  }
  return NULL;
}

bool argument_text(const char *key, char *into, u64 room) {
  const char *value = value_of(key);
  if (!value) return false;
  while (*value && *value != ' ' && --room) *into++ = *value++;
  *into = 0;
  return true;
}

u64 argument_number(const char *key, u64 otherwise) {
  const char *value = value_of(key);
  if (!value) return otherwise;
  u64 number = 0, digits = 0;
  // Nine digits are more than any of our arguments needs, and products of them do not overflow.
  for (; *value >= '0' && *value <= '9' && digits < 9; value++, digits++)
    number = number * 10 + (u64)(*value - '0');
  if (digits == 0 || (*value && *value != ' ')) fatal("not a number up to 999999999:", key);
  return number;
}
