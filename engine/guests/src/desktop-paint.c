// A sheet to paint on: a row of colours, and a round brush that leaves a line where the pointer
// goes with its button down.
#include "desktop.h"

static const u32 colours[] = {0x1f2933, 0xd64545, 0xf0b429, 0x3f9142, 0x2680c2, 0x6930c3, 0xffffff};
static struct rect palette, sheet;
static i32 side, brush, last_x, last_y;
static u32 chosen;
static bool painting, was_pressed;
static u64 strokes;

static struct rect swatch(u32 index) {
  return (struct rect){palette.x + (i32)index * (side + side / 3), palette.y, side, side};
}

static void palette_draw(void) {
  for (u32 i = 0; i < COUNT_OF(colours); i++) {
    screen_fill(swatch(i), colours[i]);
    screen_frame(swatch(i), i == chosen ? ACCENT : LINE);
    struct rect mark = swatch(i);
    mark.y += side + 2;
    mark.height = 2;
    screen_fill(mark, i == chosen ? ACCENT : CHROME);
  }
}

void paint_open(struct rect inside, i32 scale) {
  side = 9 * scale;
  brush = scale + 1;
  i32 margin = 3 * scale, top = side + 4 + 2 * margin;
  palette = (struct rect){inside.x + margin, inside.y + margin, inside.width - 2 * margin, side};
  sheet = (struct rect){inside.x, inside.y + top, inside.width, inside.height - top};
  screen_fill(inside, CHROME);
  chosen = 4;
  palette_draw();
  paint_clear();
}

void paint_clear(void) { screen_fill(sheet, PAPER); }

/** Soft at its edge: what is about its radius away is covered in part. */
static void dab(i32 x, i32 y) {
  for (i32 down = -brush; down <= brush; down++)
    for (i32 right = -brush; right <= brush; right++) {
      i32 spare = brush * brush + 1 - down * down - right * right;
      if (spare <= 0 || !rect_has(sheet, x + right, y + down)) continue;
      screen_blend(x + right, y + down, colours[chosen], spare > brush ? 16 : 8);
    }
}

static i32 size_of(i32 value) { return value < 0 ? -value : value; }

static void line(i32 x, i32 y) {
  i32 right = x - last_x, down = y - last_y;
  i32 steps = size_of(right) > size_of(down) ? size_of(right) : size_of(down);
  for (i32 step = 1; step <= steps; step++)
    dab(last_x + right * step / steps, last_y + down * step / steps);
}

static void press(i32 x, i32 y) {
  for (u32 i = 0; i < COUNT_OF(colours); i++)
    if (rect_has(swatch(i), x, y)) chosen = i;
  palette_draw();
  painting = rect_has(sheet, x, y);
  if (!painting) return;
  strokes++;
  dab(x, y);
}

void paint_point(i32 x, i32 y, bool pressed) {
  if (pressed && !was_pressed) press(x, y);
  else if (pressed && painting) line(x, y);
  was_pressed = pressed;
  last_x = x;
  last_y = y;
}

u64 paint_strokes(void) { return strokes; }
