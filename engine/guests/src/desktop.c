// workload=desktop: a bar with the time, an editor for the keyboard, a clock, and a sheet to paint
// on with the pointer. It draws when there is something new to see, and proves its screen: see
// screen_verify. What it was given to type and to paint it also tells on its console.
#include "desktop.h"

enum { KEY_LEFT_SHIFT = 42, KEY_RIGHT_SHIFT = 54, BUTTON_LEFT = 0x110, KEYS_END = 0x100 };
enum { AXIS_X = 0, AXIS_Y = 1, AXIS_MAX = 32767, TICK_US = 100000, PIECE_BYTES = 120 };
enum { SMALL_SCREEN_WIDTH = 560 };

static i32 scale;
static bool shifts[2], pressed;
static i32 pointer_x, pointer_y;
static u64 keys, events, shown_second;

/** Two digits, as a clock shows them. */
static char *digits(char *into, u32 value) {
  *into++ = (char)('0' + value / 10 % 10);
  *into++ = (char)('0' + value % 10);
  return into;
}

static void date_text(char *into, const struct date *date) {
  into = digits(digits(into, date->year / 100), date->year % 100);
  *into++ = '-';
  into = digits(into, date->month);
  *into++ = '-';
  into = digits(into, date->day);
  *into++ = ' ';
  into = digits(into, date->hour);
  *into++ = ':';
  into = digits(into, date->minute);
  *into++ = ':';
  *digits(into, date->second) = 0;
}

static i32 bar_height(void) { return letter_height(scale) + 4 * scale; }

static void time_show(void) {
  char text[20];
  struct date date = date_of(shown_second);
  date_text(text, &date);
  i32 x = screen_whole().width - 4 * scale - 19 * letter_width(scale);
  screen_text(x, 2 * scale + scale / 2, scale, text, BAR_INK, BAR);
  clock_show(&date);
}

/** Its frame and title; returns what is inside. */
static struct rect window(struct rect rect, const char *title) {
  i32 title_height = letter_height(scale) + 2 * scale;
  struct rect shadow = {rect.x + scale, rect.y + scale, rect.width + scale, rect.height + scale};
  screen_fill(shadow, 0x16324f);
  screen_fill(rect, CHROME);
  screen_frame(rect, 0x829ab1);
  screen_fill((struct rect){rect.x + 4 * scale, rect.y + 3 * scale, 6 * scale, 6 * scale}, ACCENT);
  screen_text(rect.x + 13 * scale, rect.y + scale + scale / 2, scale, title, INK, CHROME);
  return (struct rect){rect.x + scale, rect.y + title_height, rect.width - 2 * scale,
                       rect.height - title_height - scale};
}

static void bar_draw(void) {
  struct rect whole = screen_whole();
  screen_fill((struct rect){0, 0, whole.width, bar_height()}, BAR);
  char name[64] = "Godwit";
  if (argument_text("title", name, sizeof name))
    for (char *at = name; *at; at++)
      if (*at == '_') *at = ' ';
  screen_text(4 * scale, 2 * scale + scale / 2, scale, name, BAR_INK, BAR);
}

static void desktop_start(void) {
  if (!screen_start()) fatal("no screen; run it with one (--screen 800x600), for", "desktop");
  struct rect whole = screen_whole();
  if (whole.width < 320 || whole.height < 200) fatal("at least 320x200 is needed for:", "screen");
  scale = whole.width < SMALL_SCREEN_WIDTH ? 1 : 2;
  input_start();
  i32 gap = 6 * scale, top = bar_height() + gap;
  i32 left_width = (whole.width - 3 * gap) * 9 / 16, right_x = left_width + 2 * gap;
  i32 right_width = whole.width - right_x - gap, all_height = whole.height - top - gap;
  i32 clock_height = all_height * 2 / 5;
  screen_shade(whole, 0x3e6990, 0x1d3f5e);
  bar_draw();
  editor_open(window((struct rect){gap, top, left_width, all_height}, "Editor"), scale);
  clock_open(window((struct rect){right_x, top, right_width, clock_height}, "Clock"));
  struct rect below = {right_x, top + clock_height + gap, right_width,
                       all_height - clock_height - gap};
  paint_open(window(below, "Paint"), scale);
  pointer_x = whole.width / 2;
  pointer_y = whole.height / 2;
  screen_point(pointer_x, pointer_y);
}

static void key(u16 code, i32 value) {
  if (code == KEY_LEFT_SHIFT) shifts[0] = value != 0;
  if (code == KEY_RIGHT_SHIFT) shifts[1] = value != 0;
  if (code == BUTTON_LEFT) pressed = value != 0;
  if (value == 0 || code >= KEYS_END) return;
  keys++;
  editor_key(code, shifts[0] || shifts[1]);
}

static i32 on_axis(i32 value, i32 pixels) {
  i32 within = value < 0 ? 0 : value > AXIS_MAX ? AXIS_MAX : value;
  return (i32)((i64)within * (pixels - 1) / AXIS_MAX);
}

static void event_take(const struct input_event *event) {
  events++;
  if (event->type == EVENT_KEY) key(event->code, event->value);
  if (event->type == EVENT_ABSOLUTE && event->code == AXIS_X)
    pointer_x = on_axis(event->value, screen_whole().width);
  if (event->type == EVENT_ABSOLUTE && event->code == AXIS_Y)
    pointer_y = on_axis(event->value, screen_whole().height);
  if (event->type != EVENT_SYNC) return;
  screen_point(pointer_x, pointer_y);
  paint_point(pointer_x, pointer_y, pressed);
}

/** All that has come: an answer on the console knows of what was done before it was asked for. */
static void events_take(void) {
  for (struct input_event event; input_next(&event);) event_take(&event);
}

static u64 desktop_run(u64 now) {
  static u64 verify_at;
  events_take();
  u64 second = wall_seconds();
  if (second != shown_second) {
    shown_second = second;
    time_show();
  }
  screen_flush();
  if (now < verify_at) return verify_at;
  screen_verify();
  return verify_at = now + ticks_from_us(TICK_US);
}

static void put_escaped(const char *text, u32 bytes) {
  for (; bytes; bytes--, text++) {
    bool plain = *text > ' ' && *text < 127 && *text != '%';
    if (plain) put_char(*text);
    else put_char('%'), put_hex((u8)*text, 2);
  }
}

static u32 number_of(const char *word) {
  u32 number = 0;
  for (; word && *word >= '0' && *word <= '9' && number < 100000; word++)
    number = number * 10 + (u32)(*word - '0');
  return number;
}

/** `<id> text <bytes> <hash> <from> <piece>` */
static void text_answer(const struct request *request) {
  u32 bytes, from = number_of(request->words > 1 ? request->word[1] : NULL);
  const char *text = editor_text(&bytes);
  if (from > bytes) from = bytes;
  put_text(request->id);
  put_text(" text ");
  put_number(bytes);
  put_char(' ');
  put_hex(checksum32(text, bytes), 8);
  put_char(' ');
  put_number(from);
  put_char(' ');
  put_escaped(text + from, bytes - from < PIECE_BYTES ? bytes - from : PIECE_BYTES);
  put_char('\n');
}

static void pointer_answer(const char *id) {
  put_text(id);
  put_text(" pointer ");
  put_number((u64)pointer_x);
  put_char(' ');
  put_number((u64)pointer_y);
  put_char(' ');
  put_number(pressed);
  put_char(' ');
  put_number(paint_strokes());
  put_char('\n');
}

static void screen_answer(const char *id) {
  screen_flush();
  put_text(id);
  put_text(" screen ");
  put_hex(screen_sum(), 8);
  put_char('\n');
}

static bool desktop_serve(const struct request *request) {
  events_take();
  if (string_equal(request->word[0], "text")) text_answer(request);
  else if (string_equal(request->word[0], "pointer")) pointer_answer(request->id);
  else if (string_equal(request->word[0], "screen")) screen_answer(request->id);
  else if (string_equal(request->word[0], "clear")) {
    editor_clear();
    paint_clear();
    put_text(request->id);
    put_text(" ok\n");
  } else return false;
  return true;
}

static void desktop_stats(void) {
  events_take();
  u32 bytes;
  editor_text(&bytes);
  put_field("keys", keys);
  put_field("events", events);
  put_field("text", bytes);
  put_field("strokes", paint_strokes());
  put_field("bad", screen_bad_pixels());
}

const struct workload desktop_workload = {
    .name = "desktop", .start = desktop_start, .run = desktop_run, .serve = desktop_serve,
    .stats = desktop_stats,
};
