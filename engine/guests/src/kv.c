// workload=kv: puts and gets on the console, puts acknowledged when they are durable. Two batches:
// one is on its way to the disk while the other takes what arrives meanwhile, so that all of it
// shares the next flush. The table changes only when a batch is durable.
#include "guest.h"

enum { REQUEST_ID_ROOM = 21 };
struct put {
  struct kv_entry entry;
  char id[REQUEST_ID_ROOM];
};
struct put_batch {
  struct put puts[KV_BATCH_MAX];
  u64 count;
};
static struct put_batch batches[2];
static struct put_batch *filling = &batches[0], *committing = &batches[1];
static u64 puts, gets;

static bool text_good(const char *text, u64 bytes_min, u64 bytes_max) {
  u64 bytes = string_length(text);
  if (bytes < bytes_min || bytes > bytes_max) return false;
  for (; *text; text++) {
    bool letter = (*text | 32) >= 'a' && (*text | 32) <= 'z';
    bool digit_or_colon = *text >= '0' && *text <= ':';
    if (!letter && !digit_or_colon && *text != '_' && *text != '.' && *text != '-') return false;
  }
  return true;
}

static const char *disk_error(void) {
  if (kv_log.disk == KV_DISK_NONE) return "no-disk";
  if (kv_log.disk == KV_DISK_BAD) return "bad-disk";
  return kv_log.disk == KV_DISK_FAILED ? "disk-failed" : NULL;
}

/** True when the table might not hold it: puts under way are counted as if each were a new key. */
static bool table_full_for(const char *key) {
  bool room = kv_table_keys() + filling->count + committing->count < kv_table_keys_max();
  return !room && !kv_table_get(key, string_length(key));
}

static void put_answer(const struct request *request) {
  const char *key = request->words > 1 ? request->word[1] : "";
  const char *value = request->words > 2 ? request->word[2] : "";
  const char *error = disk_error();
  if (!error && !text_good(key, 1, KEY_BYTES_MAX)) error = "bad-key";
  if (!error && (request->words > 3 || !text_good(value, 0, VALUE_BYTES_MAX))) error = "bad-value";
  if (!error && table_full_for(key)) error = "full";
  if (error) return answer_error(request->id, error);
  struct put *put = &filling->puts[filling->count++];
  memset(put, 0, sizeof *put);
  memcpy(put->id, request->id, string_length(request->id));
  put->entry.key_bytes = (u8)string_length(key);
  put->entry.value_bytes = (u8)string_length(value);
  memcpy(put->entry.key, key, put->entry.key_bytes);
  memcpy(put->entry.value, value, put->entry.value_bytes);
}

static void get_answer(const struct request *request) {
  const char *key = request->words > 1 ? request->word[1] : "";
  const char *error = kv_log.disk == KV_DISK_FAILED ? NULL : disk_error(); // what is in RAM is true
  if (!error && (request->words > 2 || !text_good(key, 1, KEY_BYTES_MAX))) error = "bad-key";
  if (error) return answer_error(request->id, error);
  gets++;
  const struct kv_entry *entry = kv_table_get(key, string_length(key));
  put_text(request->id);
  put_text(entry ? " value " : " none");
  if (entry) put_bytes(entry->value, entry->value_bytes);
  put_char('\n');
}

static void count_answer(const struct request *request) {
  put_text(request->id);
  put_text(" count ");
  put_number(kv_table_keys());
  put_char(' ');
  put_number(kv_log.last_sequence);
  put_char('\n');
}

static bool kv_serve(const struct request *request) {
  const char *verb = request->word[0];
  if (string_equal(verb, "put")) put_answer(request);
  else if (string_equal(verb, "get")) get_answer(request);
  else if (string_equal(verb, "count")) count_answer(request);
  else return false;
  return true;
}

static bool kv_can_serve(void) { return filling->count < KV_BATCH_MAX; }

static void refuse_all(struct put_batch *batch, const char *error) {
  for (u64 i = 0; i < batch->count; i++) answer_error(batch->puts[i].id, error);
  batch->count = 0;
}

static void acknowledge_all(struct put_batch *batch) {
  for (u64 i = 0; i < batch->count; i++) {
    const struct put *put = &batch->puts[i];
    if (!kv_table_put(&put->entry)) fatal("no slot for an accepted", "key"); // a bug
    put_text(put->id);
    put_text(" ok ");
    put_number(put->entry.sequence);
    put_char('\n');
  }
  puts += batch->count;
  batch->count = 0;
}

/** What has been filled goes to the disk; the other batch, empty, is filled from now on. */
static void commit_filled(void) {
  const char *error = disk_error();
  if (!error && !kv_log_make_room(filling->count)) error = disk_error() ? disk_error() : "full";
  if (error) return refuse_all(filling, error);
  struct kv_entry *entries[KV_BATCH_MAX];
  for (u64 i = 0; i < filling->count; i++) entries[i] = &filling->puts[i].entry;
  struct put_batch *filled = filling;
  filling = committing;
  committing = filled;
  kv_log_commit(entries, committing->count);
}

static u64 kv_run(u64 now) {
  if (committing->count) {
    enum block_outcome outcome = kv_log_poll();
    if (outcome == BLOCK_BUSY) return TIME_NEVER; // the disk's interrupt wakes us
    if (outcome == BLOCK_DONE) acknowledge_all(committing);
    else refuse_all(committing, "disk-failed");
  }
  if (filling->count == 0) return TIME_NEVER;
  commit_filled();
  return now;
}

static void kv_start(void) {
  kv_table_start();
  kv_log_start();
}

static void kv_stats(void) {
  put_field("keys", kv_table_keys());
  put_field("sequence", kv_log.last_sequence);
  put_field("puts", puts);
  put_field("gets", gets);
  put_field("flushes", kv_log.flushes);
  put_field("compactions", kv_log.compactions);
}

const struct workload kv_workload = {
    .name = "kv", .start = kv_start, .run = kv_run, .serve = kv_serve, .stats = kv_stats,
    .can_serve = kv_can_serve,
};
