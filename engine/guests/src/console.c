// The console: a 16550 UART (National Semiconductor PC16550D data sheet, section 8) behind two
// rings. Interrupts fill the input ring and empty the output ring. A full input ring masks the
// receive interrupt, so that further bytes wait in the UART and none is lost; a full output ring
// makes the writer wait. Lines are cut out of the input ring when they are whole.
#include "guest.h"

#define UART ((volatile u8 *)0x10000000ul)
enum { UART_IRQ = 10, UART_FIFO_BYTES = 16 };
enum { RBR_THR = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
enum { IER_RECEIVE = 1, IER_TRANSMIT = 2, LSR_DATA_READY = 1, LSR_TRANSMIT_EMPTY = 0x20 };

enum { RING_BYTES = 8192 }; // a power of two: indices run free and are masked
struct ring {
  char bytes[RING_BYTES];
  volatile u32 head, tail; // written at head, read at tail
};
static struct ring input, output;

/** An interrupt between two instructions must find a ring true: nothing is moved past this. */
static void settled(void) { __asm__ volatile("" ::: "memory"); }

static u32 ring_used(const struct ring *ring) { return ring->head - ring->tail; }

static void ring_put(struct ring *ring, char c) {
  ring->bytes[ring->head % RING_BYTES] = c;
  settled(); // the byte before the index that announces it
  ring->head = ring->head + 1;
}

static char ring_get(struct ring *ring) {
  char c = ring->bytes[ring->tail % RING_BYTES];
  settled(); // the byte before its place is given away
  ring->tail = ring->tail + 1;
  return c;
}

/** Moves what can be moved between UART and rings, and asks for interrupts about the rest. */
static void pump(void) {
  u8 wanted = 0;
  while (ring_used(&input) < RING_BYTES && (UART[LSR] & LSR_DATA_READY))
    ring_put(&input, (char)UART[RBR_THR]);
  if (ring_used(&input) < RING_BYTES) wanted |= IER_RECEIVE;
  while (ring_used(&output) && (UART[LSR] & LSR_TRANSMIT_EMPTY))
    for (u32 room = UART_FIFO_BYTES; room && ring_used(&output); room--)
      UART[RBR_THR] = (u8)ring_get(&output);
  if (ring_used(&output)) wanted |= IER_TRANSMIT;
  UART[IER] = wanted;
}

static void pump_masked(void) {
  u64 saved = interrupts_off();
  pump();
  interrupts_restore(saved);
}

void console_start(void) {
  UART[LCR] = 3; // 8 bits, no parity, one stop bit; the speed is the firmware's
  UART[FCR] = 1; // FIFOs on, interrupt at the first byte
  UART[MCR] = 8; // OUT2: on a PC it gates the interrupt
  trap_on_irq(UART_IRQ, pump);
  pump_masked();
}

char *console_line(void) {
  static char line[LINE_BYTES_MAX + 1];
  static u32 count;
  static bool too_long;
  while (ring_used(&input)) {
    bool was_full = ring_used(&input) == RING_BYTES;
    char c = ring_get(&input);
    if (was_full) pump_masked();
    if (c != '\n' && c != '\r') {
      if (count < LINE_BYTES_MAX) line[count++] = c ? c : '?'; // NUL would end the line early
      else too_long = true;
      continue;
    }
    if (count == 0) continue;
    line[too_long ? 0 : count] = 0;
    count = 0;
    too_long = false;
    return line;
  }
  return NULL;
}

void put_char(char c) {
  while (ring_used(&output) == RING_BYTES) pump_masked();
  ring_put(&output, c);
  if (c == '\n') pump_masked(); // a line at a time: fewer trips to the device
}

void console_drain(void) {
  while (ring_used(&output)) pump_masked();
}

void put_bytes(const char *text, u64 count) {
  while (count--) put_char(*text++);
}

void put_text(const char *text) { put_bytes(text, string_length(text)); }

void put_number(u64 value) {
  char digits[20];
  u32 at = sizeof digits;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  put_bytes(digits + at, sizeof digits - at);
}

void put_hex(u64 value, u32 digits) {
  while (digits--) put_char("0123456789abcdef"[value >> (4 * digits) & 15]);
}

void put_field(const char *name, u64 value) {
  put_char(' ');
  put_text(name);
  put_char('=');
  put_number(value);
}

void fatal(const char *reason, const char *what) {
  put_text("fatal ");
  put_text(reason);
  put_char(' ');
  put_text(what);
  put_char('\n');
  console_drain();
  sbi_power_off(true);
}
