// The keys in RAM: open addressing with linear probing (Knuth, The Art of Computer Programming 3,
// section 6.4, algorithm L). Nothing is ever deleted. As many slots as half of the free RAM holds,
// a power of two; filled to three quarters, behind which probing becomes slow.
#include "guest.h"

enum { SLOTS_MAX = 65536 };
static struct kv_entry *slots;
static u64 slot_count, keys;

void kv_table_start(void) {
  slot_count = SLOTS_MAX;
  while (slot_count * sizeof *slots > arena_free_bytes() / 2) slot_count /= 2;
  slots = arena_take(slot_count * sizeof *slots, "key table");
  memset(slots, 0, slot_count * sizeof *slots);
  keys = 0;
}

u64 kv_table_keys(void) { return keys; }

u64 kv_table_keys_max(void) { return slot_count / 4 * 3; }

/** The key's slot, or the free one where it would be. There is always a free one. */
static struct kv_entry *find(const char *key, u64 key_bytes) {
  u64 at = checksum32(key, key_bytes);
  for (;; at++) {
    struct kv_entry *slot = &slots[at & (slot_count - 1)];
    if (slot->key_bytes == 0) return slot;
    if (slot->key_bytes == key_bytes && memcmp(slot->key, key, key_bytes) == 0) return slot;
  }
}

const struct kv_entry *kv_table_get(const char *key, u64 key_bytes) {
  const struct kv_entry *slot = find(key, key_bytes);
  return slot->key_bytes ? slot : NULL;
}

bool kv_table_put(const struct kv_entry *entry) {
  struct kv_entry *slot = find(entry->key, entry->key_bytes);
  if (slot->key_bytes == 0) {
    if (keys >= kv_table_keys_max()) return false;
    keys++;
  }
  *slot = *entry;
  return true;
}

const struct kv_entry *kv_table_next(const struct kv_entry *after) {
  for (const struct kv_entry *slot = after ? after + 1 : slots; slot < slots + slot_count; slot++)
    if (slot->key_bytes) return slot;
  return NULL;
}
