// The desktop's own doors: drawing, and what is on it. Not here: who calls them (desktop.c).
// Sizes are pixels; colours are 0xRRGGBB. Coordinates may lie outside: nothing is drawn there.
#pragma once
#include "guest.h"

struct rect { i32 x, y, width, height; };
static inline bool rect_has(struct rect rect, i32 x, i32 y) {
  return x >= rect.x && y >= rect.y && x < rect.x + rect.width && y < rect.y + rect.height;
}

enum colour {
  INK = 0x1f2933, INK_SOFT = 0x52606d, PAPER = 0xfffdf7, CHROME = 0xe4e7eb, LINE = 0xb8c0c9,
  BAR = 0x102a43, BAR_INK = 0xf0f4f8, ACCENT = 0x2680c2, SECONDS = 0xd64545,
};

// desktop-screen.c: everything is drawn to a copy in RAM first. What has changed goes to the screen
// at once, with the pointer's arrow over it; and the two are compared, stripe by stripe, for ever.
/** False: this machine has no screen that we can draw on. */
bool screen_start(void);
struct rect screen_whole(void);
void screen_fill(struct rect rect, u32 colour);
/** From `top` to `bottom`, line by line. */
void screen_shade(struct rect rect, u32 top, u32 bottom);
/** A one-pixel line around it, inside. */
void screen_frame(struct rect rect, u32 colour);
/** Mixes in so much of the colour: 0 to 16. */
void screen_blend(i32 x, i32 y, u32 colour, u32 sixteenths);
/** What was drawn there. */
u32 screen_colour(i32 x, i32 y);
/** Columns of a letter at this scale; rows are screen_line_height. */
i32 letter_width(i32 scale);
i32 letter_height(i32 scale);
/** One letter with its background, in the cell that begins at x and y. */
void screen_letter(i32 x, i32 y, i32 scale, char letter, u32 ink, u32 paper);
/** Returns where the text ends. */
i32 screen_text(i32 x, i32 y, i32 scale, const char *text, u32 ink, u32 paper);
/** The arrow's tip from now on. */
void screen_point(i32 x, i32 y);
/** Shows what has been drawn since. */
void screen_flush(void);
/** Compares the next stripe; counts and says what is wrong with it. */
void screen_verify(void);
u64 screen_bad_pixels(void);
/** 32-bit FNV-1a over the pixels that are shown, a pixel at a time. */
u32 screen_sum(void);

// desktop-editor.c: text that can be typed.
void editor_open(struct rect inside, i32 scale);
/** A key goes down or repeats. */
void editor_key(u16 code, bool shifted);
void editor_clear(void);
const char *editor_text(u32 *bytes);

// desktop-paint.c: a sheet for the pointer.
void paint_open(struct rect inside, i32 scale);
/** The pointer is there, with its left button down or not. */
void paint_point(i32 x, i32 y, bool pressed);
void paint_clear(void);
u64 paint_strokes(void);

// desktop-clock.c: a face with hands.
void clock_open(struct rect inside);
void clock_show(const struct date *date);

// key-map.c: what the keys of a US keyboard say.
/** The letter, '\n', '\b' or '\t'; 0: it says nothing. */
char key_letter(u16 code, bool shifted);
