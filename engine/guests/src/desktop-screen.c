// Drawing on the screen, by way of a copy in RAM: see desktop.h.
#include "desktop.h"

enum { DAMAGES_MAX = 12, STRIPES = 100, ARROW_WIDTH = 12, ARROW_HEIGHT = 18 };

static u32 *copy, *shown;
static i32 width, height, stride; // of the screen's lines; in pixels
static struct rect damages[DAMAGES_MAX];
static u32 damage_count;
static struct rect arrow = {0, 0, ARROW_WIDTH, ARROW_HEIGHT};
static i32 arrow_shown_x, arrow_shown_y, stripe;
static u64 bad_pixels;

/** '#': its edge, '.': its inside. */
static const char arrow_picture[ARROW_HEIGHT][ARROW_WIDTH + 1] = {
    "#           ", "##          ", "#.#         ", "#..#        ", "#...#       ", "#....#      ",
    "#.....#     ", "#......#    ", "#.......#   ", "#........#  ", "#.........# ", "#......#####",
    "#...#..#    ", "#..# #..#   ", "#.#  #..#   ", "##    #..#  ", "#     #..#  ", "       ##   ",
};

bool screen_start(void) {
  if (!machine.screen_base || !machine.screen_width || !machine.screen_height) return false;
  width = (i32)machine.screen_width;
  height = (i32)machine.screen_height;
  stride = (i32)machine.screen_stride / 4;
  shown = (u32 *)machine.screen_base;
  copy = arena_take((u64)width * (u64)height * sizeof *copy, "the screen");
  return true;
}

struct rect screen_whole(void) { return (struct rect){0, 0, width, height}; }

static i32 least(i32 a, i32 b) { return a < b ? a : b; }
static i32 most(i32 a, i32 b) { return a > b ? a : b; }

static struct rect cut(struct rect rect) {
  i32 left = most(rect.x, 0), top = most(rect.y, 0);
  i32 right = least(rect.x + rect.width, width), bottom = least(rect.y + rect.height, height);
  return (struct rect){left, top, most(right - left, 0), most(bottom - top, 0)};
}

static struct rect around(struct rect a, struct rect b) {
  i32 left = least(a.x, b.x), top = least(a.y, b.y);
  i32 right = most(a.x + a.width, b.x + b.width), bottom = most(a.y + a.height, b.y + b.height);
  return (struct rect){left, top, right - left, bottom - top};
}

static i32 area(struct rect rect) { return rect.width * rect.height; }

/** Joins what costs little more together than apart; the last place takes what is too many. */
static void damage(struct rect rect) {
  for (u32 i = 0; i < damage_count; i++) {
    struct rect both = around(damages[i], rect);
    bool full = damage_count == DAMAGES_MAX && i == DAMAGES_MAX - 1;
    if (!full && area(both) > area(damages[i]) + area(rect) + 256) continue;
    damages[i] = both;
    return;
  }
  damages[damage_count++] = rect;
}

static u32 *at(i32 x, i32 y) { return &copy[y * width + x]; }

void screen_fill(struct rect rect, u32 colour) {
  rect = cut(rect);
  if (!area(rect)) return;
  for (i32 y = rect.y; y < rect.y + rect.height; y++)
    for (u32 *pixel = at(rect.x, y), *end = pixel + rect.width; pixel < end;) *pixel++ = colour;
  damage(rect);
}

/** `part` of `whole` on the way from one colour to the other. */
static u32 between(u32 from, u32 to, u32 part, u32 whole) {
  u32 mixed = 0;
  for (u32 shift = 0; shift <= 16; shift += 8) {
    u32 a = from >> shift & 255, b = to >> shift & 255;
    mixed |= (a * (whole - part) + b * part) / whole << shift;
  }
  return mixed;
}

void screen_shade(struct rect rect, u32 top, u32 bottom) {
  for (i32 line = 0; line < rect.height; line++)
    screen_fill((struct rect){rect.x, rect.y + line, rect.width, 1},
                between(top, bottom, (u32)line, (u32)rect.height));
}

void screen_frame(struct rect rect, u32 colour) {
  screen_fill((struct rect){rect.x, rect.y, rect.width, 1}, colour);
  screen_fill((struct rect){rect.x, rect.y + rect.height - 1, rect.width, 1}, colour);
  screen_fill((struct rect){rect.x, rect.y, 1, rect.height}, colour);
  screen_fill((struct rect){rect.x + rect.width - 1, rect.y, 1, rect.height}, colour);
}

void screen_blend(i32 x, i32 y, u32 colour, u32 sixteenths) {
  if (!sixteenths || !rect_has(screen_whole(), x, y)) return;
  *at(x, y) = between(*at(x, y), colour, sixteenths, 16);
  damage((struct rect){x, y, 1, 1});
}

u32 screen_colour(i32 x, i32 y) { return rect_has(screen_whole(), x, y) ? *at(x, y) : 0; }

i32 letter_width(i32 scale) { return (GLYPH_WIDTH + 1) * scale; }
i32 letter_height(i32 scale) { return (GLYPH_HEIGHT + 1) * scale; }

static enum ink ink_at(char letter, i32 scale, i32 x, i32 y) {
  if (scale % 2) return glyph_dot(letter, x / scale, y / scale);
  return glyph_half_dot(letter, x / (scale / 2), y / (scale / 2));
}

void screen_letter(i32 x, i32 y, i32 scale, char letter, u32 ink, u32 paper) {
  struct rect cell = {x, y, letter_width(scale), letter_height(scale)};
  struct rect seen = cut(cell);
  if (!area(seen)) return;
  u32 colours[] = {paper, between(paper, ink, 9, 16), ink};
  for (i32 line = seen.y; line < seen.y + seen.height; line++)
    for (i32 column = seen.x; column < seen.x + seen.width; column++)
      *at(column, line) = colours[ink_at(letter, scale, column - x, line - y)];
  damage(seen);
}

i32 screen_text(i32 x, i32 y, i32 scale, const char *text, u32 ink, u32 paper) {
  for (; *text; text++, x += letter_width(scale)) screen_letter(x, y, scale, *text, ink, paper);
  return x;
}

void screen_point(i32 x, i32 y) {
  arrow.x = x;
  arrow.y = y;
}

static void show(struct rect rect) {
  rect = cut(rect);
  for (i32 y = rect.y; y < rect.y + rect.height; y++) {
    const u32 *from = at(rect.x, y);
    u32 *to = &shown[y * stride + rect.x];
    for (i32 left = rect.width; left > 0; left--) *to++ = *from++;
  }
}

static void show_arrow(void) {
  for (i32 y = 0; y < ARROW_HEIGHT; y++)
    for (i32 x = 0; x < ARROW_WIDTH; x++) {
      char dot = arrow_picture[y][x];
      if (dot == ' ' || !rect_has(screen_whole(), arrow.x + x, arrow.y + y)) continue;
      shown[(arrow.y + y) * stride + arrow.x + x] = dot == '#' ? INK : PAPER;
    }
}

void screen_flush(void) {
  bool moved = arrow.x != arrow_shown_x || arrow.y != arrow_shown_y;
  if (!damage_count && !moved) return;
  if (moved) show((struct rect){arrow_shown_x, arrow_shown_y, ARROW_WIDTH, ARROW_HEIGHT});
  for (u32 i = 0; i < damage_count; i++) show(damages[i]);
  damage_count = 0;
  arrow_shown_x = arrow.x;
  arrow_shown_y = arrow.y;
  show_arrow();
}

static void verify_line(i32 y) {
  for (i32 x = 0; x < width; x++) {
    u32 want = *at(x, y), got = shown[y * stride + x];
    if (want == got || rect_has(arrow, x, y)) continue;
    if (bad_pixels++) continue;
    put_text("desktop BAD gpa=0x");
    put_hex((u64)&shown[y * stride + x], 10);
    put_text(" want=0x");
    put_hex(want, 8);
    put_text(" got=0x");
    put_hex(got, 8);
    put_char('\n');
  }
}

// Between two flushes: the copy and the screen differ nowhere but under the arrow.
void screen_verify(void) {
  i32 lines = height / STRIPES + 1;
  for (; lines > 0; lines--, stripe = (stripe + 1) % height) verify_line(stripe);
}

u64 screen_bad_pixels(void) { return bad_pixels; }

u32 screen_sum(void) {
  u32 sum = 0x811c9dc5;
  for (i32 y = 0; y < height; y++)
    for (i32 x = 0; x < width; x++) sum = (sum ^ shown[y * stride + x]) * 0x01000193;
  return sum;
}
