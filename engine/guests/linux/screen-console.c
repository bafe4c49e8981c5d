// Shows a Linux console on the screen of its VM: the letters of tty1, as the kernel keeps them for
// /dev/vcsa1, drawn into the frame buffer that the device tree names. For kernels without a driver
// of a simple frame buffer, as Debian's for riscv64 is. Not here: keys (the kernel's own virtio
// input driver brings them to tty1).
// No libc: system calls alone (Linux, asm-generic/unistd.h). Letters are our own guest's (font.c).
// Called with the frame buffer's folder in /proc/device-tree. Sizes in pixels and letters.
#include "../src/guest.h"

enum { SYS_ioctl = 29, SYS_openat = 56, SYS_read = 63, SYS_pread64 = 67, SYS_ppoll = 73 };
enum { SYS_exit = 93, SYS_nanosleep = 101, SYS_mmap = 222, AT_FDCWD = -100, O_RDWR = 2 };
enum { PROT_READ_WRITE = 3, MAP_SHARED = 1, POLLPRI = 2, VT_RESIZE = 0x5609 };
enum { CELLS_MAX = 320 * 134, HEAD_BYTES = 4, SECOND_MS = 1000, FRAME_NS = 30000000 };

struct poll { i32 file; short events, revents; };
struct duration { i64 seconds, nanoseconds; };

static u8 now[HEAD_BYTES + 2 * CELLS_MAX], before[HEAD_BYTES + 2 * CELLS_MAX];
static u32 *pixels;
static u32 width, height, stride, columns, rows, scale;

/** The colours of the kernel's attributes: black, blue, green, cyan, red, magenta, brown, grey. */
static const u32 colours[] = {
    0x14191b, 0x4f8fd0, 0x6cc28d, 0x5fb0bb, 0xf2808d, 0xb48ede, 0xe0b04c, 0xdfe7e6,
};

static i64 call(i64 number, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f) {
  register i64 a0 __asm__("a0") = a;
  register i64 a1 __asm__("a1") = b;
  register i64 a2 __asm__("a2") = c;
  register i64 a3 __asm__("a3") = d;
  register i64 a4 __asm__("a4") = e;
  register i64 a5 __asm__("a5") = f;
  register i64 a7 __asm__("a7") = number;
  __asm__ volatile("ecall"
                   : "+r"(a0)
                   : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                   : "memory");
  return a0;
}

static void __attribute__((noreturn)) leave(i64 code) {
  for (;;) call(SYS_exit, code, 0, 0, 0, 0, 0);
}

static i64 must(i64 result, i64 code) {
  if (result < 0) leave(code);
  return result;
}

/** The last 32 bits of a property of the frame buffer's folder. */
static u32 property(i64 folder, const char *name, u32 bytes) {
  u8 value[16];
  i64 file = must(call(SYS_openat, folder, (i64)name, 0, 0, 0, 0), 2);
  if (call(SYS_read, file, (i64)value, bytes, 0, 0, 0) != bytes) leave(3);
  const u8 *last = value + bytes - 4;
  return (u32)last[0] << 24 | (u32)last[1] << 16 | (u32)last[2] << 8 | last[3];
}

static void screen_map(const char *path) {
  i64 folder = must(call(SYS_openat, AT_FDCWD, (i64)path, 0, 0, 0, 0), 4);
  width = property(folder, "width", 4);
  height = property(folder, "height", 4);
  stride = property(folder, "stride", 4) / 4;
  u64 base = (u64)property(folder, "reg", 4) << 32 | property(folder, "reg", 8);
  i64 bytes = (i64)height * stride * 4;
  i64 memory = must(call(SYS_openat, AT_FDCWD, (i64) "/dev/mem", O_RDWR, 0, 0, 0), 5);
  i64 at = call(SYS_mmap, 0, bytes, PROT_READ_WRITE, MAP_SHARED, memory, (i64)base);
  if (at < 0 && at > -4096) leave(6);
  pixels = (u32 *)at;
}

/** As many letters as fit, if that many can be kept. */
static void console_fit(void) {
  scale = width < 560 ? 1 : 2;
  u16 size[3] = {(u16)(height / ((GLYPH_HEIGHT + 1) * scale)),
                 (u16)(width / ((GLYPH_WIDTH + 1) * scale)), 0};
  i64 terminal = must(call(SYS_openat, AT_FDCWD, (i64) "/dev/tty1", O_RDWR, 0, 0, 0), 7);
  call(SYS_ioctl, terminal, VT_RESIZE, (i64)size, 0, 0, 0);
}

static enum ink ink_at(char letter, u32 x, u32 y) {
  if (scale == 1) return glyph_dot(letter, (int)x, (int)y);
  return glyph_half_dot(letter, (int)x, (int)y);
}

static u32 mixed(u32 a, u32 b) { return ((a ^ b) & 0xfefefe) / 2 + (a & b); }

static void cell_draw(u32 row, u32 column, bool is_cursor) {
  const u8 *cell = now + HEAD_BYTES + 2 * (row * columns + column);
  u32 ink = colours[cell[1] & 7], paper = colours[cell[1] >> 4 & 7];
  u32 inks[] = {is_cursor ? ink : paper, mixed(ink, paper), is_cursor ? paper : ink};
  u32 cell_width = (GLYPH_WIDTH + 1) * scale, cell_height = (GLYPH_HEIGHT + 1) * scale;
  u32 left = column * cell_width, top = row * cell_height;
  if (left + cell_width > width || top + cell_height > height) return;
  for (u32 y = 0; y < cell_height; y++)
    for (u32 x = 0; x < cell_width; x++)
      pixels[(top + y) * stride + left + x] = inks[ink_at((char)cell[0], x, y)];
}

/** Cells that have changed, and where the cursor was and is. */
static void console_draw(i64 console) {
  i64 bytes = call(SYS_pread64, console, (i64)now, sizeof now, 0, 0, 0);
  if (bytes < HEAD_BYTES) return;
  bool is_new = now[0] != before[0] || now[1] != before[1];
  rows = now[0];
  columns = now[1];
  for (u32 row = 0; row < rows; row++)
    for (u32 column = 0; column < columns; column++) {
      u32 at = HEAD_BYTES + 2 * (row * columns + column);
      bool is_cursor = column == now[2] && row == now[3];
      bool was_cursor = column == before[2] && row == before[3];
      bool differs = now[at] != before[at] || now[at + 1] != before[at + 1];
      if (is_new || differs || is_cursor != was_cursor) cell_draw(row, column, is_cursor);
    }
  memcpy(before, now, sizeof now);
}

static void screen_clear(void) {
  for (u32 y = 0; y < height; y++)
    for (u32 x = 0; x < width; x++) pixels[y * stride + x] = colours[0];
}

void __attribute__((noreturn)) screen_console(const i64 *stack) {
  if (stack[0] != 2) leave(1);
  screen_map((const char *)stack[2]);
  console_fit();
  screen_clear();
  i64 console = must(call(SYS_openat, AT_FDCWD, (i64) "/dev/vcsa1", 0, 0, 0, 0), 8);
  for (;;) {
    console_draw(console);
    // The kernel tells when letters change; not so often, all the same.
    struct duration frame = {0, FRAME_NS}, second = {SECOND_MS / 1000, 0};
    call(SYS_nanosleep, (i64)&frame, 0, 0, 0, 0, 0);
    struct poll change = {(i32)console, POLLPRI, 0};
    call(SYS_ppoll, (i64)&change, 1, (i64)&second, 0, 0, 0);
  }
}

__asm__(".globl _start\n_start:\n\tmv a0, sp\n\tandi sp, sp, -16\n\tcall screen_console\n");
