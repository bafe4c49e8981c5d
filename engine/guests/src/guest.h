// The map of the guest: the door of every file of it. One hart, no libc, no floating point.
// Interrupt handlers only move bytes between devices and rings and set flags; the rest happens in
// main.c's loop. Times are ticks of the time CSR unless a name says otherwise; sizes are bytes.
// The machine is that of QEMU's `virt` board. The words on the console are in docs/guest.md.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define PAGE_BYTES 4096ul
#define MEBIBYTE (1ul << 20)

// bytes.c: what a libc would bring, and mixing.
void *memcpy(void *to, const void *from, u64 bytes);
void *memset(void *to, int value, u64 bytes);
int memcmp(const void *a, const void *b, u64 bytes);
u64 string_length(const char *text);
bool string_equal(const char *a, const char *b);
/** A bijection of 64-bit numbers that leaves no pattern (the finalizer of splitmix64). */
u64 mix64(u64 value);
/** 32-bit FNV-1a. */
u32 checksum32(const void *bytes, u64 count);
/** Fills with bytes that no compressor shortens; the same for the same seed. */
void fill_noise(u64 *to, u64 bytes, u64 seed);

// sbi.c: calls to the firmware (SBI v2.0).
void sbi_set_timer(u64 at);
void sbi_heartbeat(u64 within_ms);
void __attribute__((noreturn)) sbi_power_off(bool failed);

// device-tree.c: what the machine says it is.
#define VIRTIO_SLOTS_MAX 8
struct virtio_slot {
  u64 base;
  u32 irq;
};
struct machine {
  u64 ram_start, ram_bytes;
  u64 ticks_per_second;
  u64 screen_base; // 0: none; four bytes a pixel, red above green above blue
  u32 screen_width, screen_height, screen_stride;
  u64 identity_base; // 0: none
  u32 identity_irq;
  u32 virtio_count;
  struct virtio_slot virtio[VIRTIO_SLOTS_MAX];
  char bootargs[1025];
};
extern struct machine machine;
/** Reads the flattened device tree; keeps no pointer into it. False: it is none. */
bool device_tree_read(const void *dtb);

// boot-arguments.c: key=value words of machine.bootargs.
/** The value of `key`, cut to the room there is; false when it is not there. */
bool argument_text(const char *key, char *into, u64 room);
/** The number, or `otherwise` when it is not there; fatal when it is none. */
u64 argument_number(const char *key, u64 otherwise);

// arena.c: RAM behind the image, given out once and never taken back.
void arena_open(u64 from, u64 to);
u64 arena_free_bytes(void);
/** Page-aligned; fatal when there is not so much, naming `what`. */
void *arena_take(u64 bytes, const char *what);

// paging.c: Sv39, identity map. Writable memory cannot be executed, code cannot be written.
void paging_enable(void);

// trap.c: interrupts and the PLIC.
void traps_enable(void);
void trap_on_irq(u32 irq, void (*handler)(void));
/** How many have been taken since boot. */
u64 interrupts_taken(void);
/** Masks interrupts; what it returns goes to interrupts_restore. */
u64 interrupts_off(void);
void interrupts_restore(u64 saved);
/** Sleeps until an interrupt is pending (it may be already), then takes it. Call it masked. */
void wait_for_interrupt(void);

// timer.c: the guest's clock.
u64 time_now(void);
void timer_start(void);
/** Wakes wait_for_interrupt at `at`; TIME_NEVER: not. */
void timer_set(u64 at);
void timer_interrupt(void);
u64 ticks_from_us(u64 us);
u64 us_from_ticks(u64 ticks);
u64 uptime_ms(void);
#define TIME_NEVER (~0ul)

// gap.c: the longest time in which the guest did not get to its clock.
enum gap_reader { GAP_STATS, GAP_REPORT, GAP_READERS };
/** The guest meant to be here at `due` and is here at `now`. */
void gap_observe(u64 due, u64 now);
/** The longest since this reader last took it, in µs. */
u64 gap_take_us(enum gap_reader reader);

// console.c: the UART, behind a ring for each direction.
#define LINE_BYTES_MAX 256
void console_start(void);
/** The next whole line without its end, or NULL. One that is too long comes as an empty string. */
char *console_line(void);
void put_char(char c);
void put_text(const char *text);
void put_bytes(const char *text, u64 count);
void put_number(u64 value);
void put_hex(u64 value, u32 digits);
/** ` name=value` */
void put_field(const char *name, u64 value);
/** Sends all of it, waiting for the UART. */
void console_drain(void);
/** Says `fatal <reason> <what>` and powers off. */
void __attribute__((noreturn)) fatal(const char *reason, const char *what);

// identity.c: who this VM is, by the "godwit,identity" device.
struct identity {
  bool present;
  u32 generation;
  u8 instance[16], mac[6], seed[32];
};
extern struct identity identity;
void identity_start(void);
/** Reads it again and says so, when the machine has changed it. */
void identity_refresh(void);
void put_instance(void);
void put_mac(void);
/** The first 8 bytes of the random seed. */
u64 identity_seed64(void);

// virtio-block.c: one request at a time.
#define SECTOR_BYTES 512ul
enum block_operation { BLOCK_READ = 0, BLOCK_WRITE = 1, BLOCK_FLUSH = 4 };
enum block_outcome { BLOCK_BUSY, BLOCK_DONE, BLOCK_FAILED };
/** False: there is no block device that can flush. */
bool block_start(void);
u64 block_sectors(void);
/** Starts it; `sectors` at `buffer` must stay until it is over. */
void block_submit(enum block_operation operation, u64 sector, void *buffer, u64 sectors);
/** How the last request went. */
enum block_outcome block_poll(void);
/** Submits and sleeps until it is over; true when it went well. */
bool block_wait(enum block_operation operation, u64 sector, void *buffer, u64 sectors);

// virtio-input.c: what is typed and pointed at, by all input devices there are.
enum input_type { EVENT_SYNC = 0, EVENT_KEY = 1, EVENT_RELATIVE = 2, EVENT_ABSOLUTE = 3 };
struct input_event {
  u16 type, code; // of Linux's input-event-codes.h
  i32 value;
};
/** How many devices there are. */
u32 input_start(void);
/** The next event, or false: there is none now. */
bool input_next(struct input_event *event);

// wall-clock.c: wall time.
#define WALL_CLOCK_BASE 0x101000ul
struct date { u32 year, month, day, hour, minute, second; };
/** Since 1970. */
u64 wall_seconds(void);
struct date date_of(u64 seconds);

// font.c: letters.
enum { GLYPH_WIDTH = 5, GLYPH_HEIGHT = 9 };
enum ink { INK_NONE, INK_HALF, INK_FULL };
enum ink glyph_dot(char letter, int x, int y);
/** The same at twice the size, with rounded corners. */
enum ink glyph_half_dot(char letter, int half_x, int half_y);

// kv-table.c: the keys in RAM. It holds acknowledged writes only.
#define KEY_BYTES_MAX 32
#define VALUE_BYTES_MAX 64
struct kv_entry {
  u64 sequence;
  u8 key_bytes, value_bytes; // key_bytes 0: the slot is free
  char key[KEY_BYTES_MAX], value[VALUE_BYTES_MAX];
};
void kv_table_start(void);
u64 kv_table_keys(void);
u64 kv_table_keys_max(void);
const struct kv_entry *kv_table_get(const char *key, u64 key_bytes);
/** False: it is full. */
bool kv_table_put(const struct kv_entry *entry);
/** The entries, in no order: pass NULL first, then the last one; NULL at the end. */
const struct kv_entry *kv_table_next(const struct kv_entry *after);

// kv-log.c: the keys on disk.
#define KV_BATCH_MAX 64
enum kv_disk { KV_DISK_GOOD, KV_DISK_NONE, KV_DISK_BAD, KV_DISK_FAILED };
struct kv_log_state {
  enum kv_disk disk;
  u64 last_sequence, flushes, compactions;
};
extern struct kv_log_state kv_log;
/** Finds the disk and replays it into the table. */
void kv_log_start(void);
/** True when `records` more fit, making room by compaction if need be. Not during a commit. */
bool kv_log_make_room(u64 records);
/** Begins to write entries and flush; their sequences are set, following the last one. */
void kv_log_commit(struct kv_entry *const *entries, u64 count);
/** How the commit goes. */
enum block_outcome kv_log_poll(void);

// requests.c: words of a request, and what every workload answers.
struct request {
  const char *id;
  u32 words; // verb included
  const char *word[4];
};
/** Takes the line apart and has it answered. */
void request_serve(char *line);
/** `<reqid> error <text>` */
void answer_error(const char *id, const char *text);

// workload.c: which one runs.
struct workload {
  const char *name;
  void (*start)(void);
  /** Does what is due and returns when it wants to run again; a time that is past: at once. */
  u64 (*run)(u64 now);
  /** Answers the request, or returns false: not one of its own. May be NULL. */
  bool (*serve)(const struct request *request);
  /** Prints its counters with put_field. */
  void (*stats)(void);
  /** False: no request can be taken now. May be NULL. */
  bool (*can_serve)(void);
};
extern const struct workload kv_workload, dirty_workload, cpu_workload, check_workload;
extern const struct workload desktop_workload;
extern const struct workload *workload;
void workload_choose(void);

// pace.c: so many things a second, in ticks of 2 ms.
struct pace {
  u64 per_second; // 0: as fast as it can
  u64 began, done;
};
void pace_start(struct pace *pace, u64 per_second);
/** How many are due now, at most `most`; what is taken counts as done. */
u64 pace_take(struct pace *pace, u64 now, u64 most);
/** When the next is due, at least one tick from now; `now` when it is behind. */
u64 pace_next(const struct pace *pace, u64 now);
