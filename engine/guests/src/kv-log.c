// The keys on disk: two halves, each a header sector and then one record a sector (docs/guest.md
// has the layout and the reasons). The half with the higher generation counts. Only the tail is
// ever written, a batch at a time, and nothing is acknowledged before a flush behind it has
// completed.
#include "guest.h"

enum { HEADER_MAGIC = 0x31484b47, RECORD_MAGIC = 0x31524b47 }; // "GKH1", "GKR1"
#define DISK_BYTES_MIN (128 * 1024ul)

struct header {
  u32 magic, checksum; // of what follows
  u64 generation, compacted, last_sequence;
};
struct record {
  u32 magic, checksum; // of what follows
  u64 generation;
  struct kv_entry entry;
};
union sector {
  struct header header;
  struct record record;
  u8 bytes[SECTOR_BYTES];
};
#define SEALED_FROM 8 // both structs: behind the checksum

struct kv_log_state kv_log;
static union sector batch[KV_BATCH_MAX];
static u64 half_sectors, half; // the half in use: 0 or 1
static u64 generation, next_record;
static u64 committing;
static bool flushing;

static u64 records_max(void) { return half_sectors - 1; }

static u64 record_sector(u64 of_half, u64 record) { return of_half * half_sectors + 1 + record; }

static u32 seal_of(const void *sealed, u64 bytes) {
  return checksum32((const u8 *)sealed + SEALED_FROM, bytes - SEALED_FROM);
}

static void fail(void) { kv_log.disk = KV_DISK_FAILED; }

static bool flush_wait(void) {
  kv_log.flushes++;
  return block_wait(BLOCK_FLUSH, 0, NULL, 0);
}

static void batch_set(u64 at, const struct kv_entry *entry, u64 in_generation) {
  union sector *sector = &batch[at];
  memset(sector, 0, sizeof *sector);
  sector->record.magic = RECORD_MAGIC;
  sector->record.generation = in_generation;
  sector->record.entry = *entry;
  sector->record.checksum = seal_of(&sector->record, sizeof sector->record);
}

static bool record_good(const struct record *record) {
  return record->magic == RECORD_MAGIC && record->generation == generation &&
      record->checksum == seal_of(record, sizeof *record);
}

static bool header_write(u64 of_half, u64 of_generation, u64 compacted) {
  union sector *sector = &batch[0];
  memset(sector, 0, sizeof *sector);
  sector->header = (struct header){
      .magic = HEADER_MAGIC, .generation = of_generation, .compacted = compacted,
      .last_sequence = kv_log.last_sequence,
  };
  sector->header.checksum = seal_of(&sector->header, sizeof sector->header);
  return block_wait(BLOCK_WRITE, of_half * half_sectors, sector, 1) && flush_wait();
}

/** The half's header as it is on disk; generation 0 when there is none. */
static struct header header_read(u64 of_half, bool *blank) {
  if (!block_wait(BLOCK_READ, of_half * half_sectors, batch, 1)) {
    fail();
    return (struct header){0};
  }
  for (u64 i = 0; i < SECTOR_BYTES; i++) *blank &= batch[0].bytes[i] == 0;
  struct header *header = &batch[0].header;
  bool good = header->magic == HEADER_MAGIC && header->checksum == seal_of(header, sizeof *header);
  return good ? *header : (struct header){0};
}

/** Takes the record as the next one; false when the log ends before it. */
static bool replay(const struct record *record, u64 compacted) {
  bool in_tail = next_record >= compacted;
  if (!record_good(record)) return false;
  if (in_tail && record->entry.sequence != kv_log.last_sequence + 1) return false;
  if (!kv_table_put(&record->entry)) fatal("more keys on disk than there is RAM for:", "key table");
  if (in_tail) kv_log.last_sequence++;
  next_record++;
  return true;
}

static void replay_all(const struct header *header) {
  generation = header->generation;
  kv_log.last_sequence = header->last_sequence;
  next_record = 0;
  while (next_record < records_max()) {
    u64 begin = next_record, count = records_max() - begin;
    if (count > KV_BATCH_MAX) count = KV_BATCH_MAX;
    if (!block_wait(BLOCK_READ, record_sector(half, begin), batch, count)) return fail();
    for (u64 i = 0; i < count; i++)
      if (!replay(&batch[i].record, header->compacted)) {
        // These were flushed before the header that counts them: a bad one is damage.
        if (next_record < header->compacted) kv_log.disk = KV_DISK_BAD;
        return;
      }
  }
}

/** A torn batch reached no further than one batch behind the tail; none of it may come back. */
static void wipe_torn_tail(void) {
  u64 count = records_max() - next_record;
  if (count > KV_BATCH_MAX) count = KV_BATCH_MAX;
  if (count == 0) return;
  memset(batch, 0, sizeof batch);
  if (!block_wait(BLOCK_WRITE, record_sector(half, next_record), batch, count) || !flush_wait())
    fail();
}

static void format(void) {
  generation = 1;
  if (!header_write(0, generation, 0)) fail();
}

void kv_log_start(void) {
  kv_log.disk = KV_DISK_NONE;
  if (!block_start()) return;
  kv_log.disk = block_sectors() * SECTOR_BYTES >= DISK_BYTES_MIN ? KV_DISK_GOOD : KV_DISK_BAD;
  if (kv_log.disk != KV_DISK_GOOD) return;
  half_sectors = block_sectors() / 2;
  bool blank = true;
  struct header headers[2];
  for (u64 i = 0; i < 2; i++) headers[i] = header_read(i, &blank);
  if (kv_log.disk != KV_DISK_GOOD) return;
  half = headers[1].generation > headers[0].generation;
  if (headers[half].generation) {
    replay_all(&headers[half]);
    if (kv_log.disk == KV_DISK_GOOD) wipe_torn_tail();
  } else if (blank) {
    format();
  } else {
    kv_log.disk = KV_DISK_BAD;
  }
}

/** Writes the live records to the other half; false at the first that fails. */
static bool compact_records(u64 to_half) {
  u64 written = 0, filled = 0;
  const struct kv_entry *entry = kv_table_next(NULL);
  while (entry) {
    batch_set(filled++, entry, generation + 1);
    entry = kv_table_next(entry);
    if (entry && filled < KV_BATCH_MAX) continue;
    if (!block_wait(BLOCK_WRITE, record_sector(to_half, written), batch, filled)) return false;
    written += filled;
    filled = 0;
  }
  return flush_wait();
}

static void compact(void) {
  u64 to_half = 1 - half;
  // The header last, behind a flush: until it is durable the old half is the valid one, whole.
  if (!compact_records(to_half) || !header_write(to_half, generation + 1, kv_table_keys()))
    return fail();
  half = to_half;
  generation++;
  next_record = kv_table_keys();
  kv_log.compactions++;
}

bool kv_log_make_room(u64 records) {
  if (next_record + records <= records_max()) return true;
  // An eighth must be won, or a nearly full disk would be copied for every batch.
  u64 wanted = records > records_max() / 8 ? records : records_max() / 8;
  if (kv_table_keys() + wanted > records_max()) return false;
  compact();
  return kv_log.disk == KV_DISK_GOOD;
}

void kv_log_commit(struct kv_entry *const *entries, u64 count) {
  for (u64 i = 0; i < count; i++) {
    entries[i]->sequence = kv_log.last_sequence + 1 + i;
    batch_set(i, entries[i], generation);
  }
  committing = count;
  flushing = false;
  block_submit(BLOCK_WRITE, record_sector(half, next_record), batch, count);
}

enum block_outcome kv_log_poll(void) {
  enum block_outcome outcome = block_poll();
  if (outcome == BLOCK_FAILED) fail();
  if (outcome != BLOCK_DONE) return outcome;
  if (!flushing) {
    flushing = true;
    kv_log.flushes++;
    block_submit(BLOCK_FLUSH, 0, NULL, 0);
    return BLOCK_BUSY;
  }
  kv_log.last_sequence += committing;
  next_record += committing;
  return BLOCK_DONE;
}
