// A clock with hands. Edges are soft: a pixel is covered in sixteenths, by its distance from the
// edge. Angles are sixtieths of a turn, clockwise from the top; sines are of 1 << 14.
#include "desktop.h"

enum { TURN = 60, QUARTER = 15, ONE = 1 << 14, SOFT = 16 };

static const u16 sines[QUARTER + 1] = {0,     1713,  3406,  5063,  6664,  8192,  9630,  10963,
                                       12176, 13255, 14189, 14968, 15582, 16026, 16294, 16384};
static struct rect face;
static i32 radius, centre_x, centre_y;
static u32 *empty_face;

static i32 sine(i32 angle) {
  i32 within = (angle % TURN + TURN) % TURN;
  if (within >= TURN / 2) return -sine(within - TURN / 2);
  return sines[within <= QUARTER ? within : TURN / 2 - within];
}

static u32 clamped(i32 sixteenths) {
  return sixteenths < 0 ? 0 : sixteenths > SOFT ? SOFT : (u32)sixteenths;
}

static i32 square_root(u32 value) {
  u32 root = 0;
  for (u32 bit = 1u << 15; bit; bit >>= 1)
    if ((root | bit) * (root | bit) <= value) root |= bit;
  return (i32)root;
}

static void disc(i32 of_radius, u32 colour) {
  for (i32 y = -of_radius; y <= of_radius; y++)
    for (i32 x = -of_radius; x <= of_radius; x++) {
      i32 distance = square_root((u32)(x * x + y * y) << 8);
      screen_blend(centre_x + x, centre_y + y, colour, clamped(of_radius * SOFT - distance));
    }
}

struct hand { i32 angle, from, to, half_width; u32 colour; }; // lengths in pixels, width in 1/16

/** Along it and across it, in sixteenths of a pixel. */
static void hand_draw(struct hand hand) {
  i32 along_x = sine(hand.angle), along_y = -sine(hand.angle + QUARTER);
  i32 reach = hand.to > -hand.from ? hand.to : -hand.from;
  for (i32 y = -reach - 2; y <= reach + 2; y++)
    for (i32 x = -reach - 2; x <= reach + 2; x++) {
      i32 along = (x * along_x + y * along_y) / (ONE / SOFT);
      i32 across = (x * along_y - y * along_x) / (ONE / SOFT);
      i32 inside = hand.half_width - (across < 0 ? -across : across);
      if (inside <= 0 || along < hand.from * SOFT || along > hand.to * SOFT) continue;
      screen_blend(centre_x + x, centre_y + y, hand.colour, clamped(inside));
    }
}

static void copy_face(bool keep) {
  u32 *kept = empty_face;
  for (i32 y = face.y; y < face.y + face.height; y++)
    for (i32 x = face.x; x < face.x + face.width; x++, kept++)
      if (keep) *kept = screen_colour(x, y);
      else screen_blend(x, y, *kept, SOFT);
}

void clock_open(struct rect inside) {
  i32 side = inside.width < inside.height ? inside.width : inside.height;
  radius = side / 2 - 4;
  centre_x = inside.x + inside.width / 2;
  centre_y = inside.y + inside.height / 2;
  face = (struct rect){centre_x - radius, centre_y - radius, 2 * radius + 1, 2 * radius + 1};
  empty_face = arena_take((u64)face.width * (u64)face.height * sizeof *empty_face, "the clock");
  disc(radius, LINE);
  disc(radius - 2, 0xffffff);
  for (i32 hour = 0; hour < TURN; hour += TURN / 12) {
    bool large = hour % QUARTER == 0;
    hand_draw((struct hand){hour, radius * 13 / 16, radius * 15 / 16, large ? 36 : 20, INK_SOFT});
  }
  copy_face(true);
}

void clock_show(const struct date *date) {
  i32 second = (i32)date->second, minute = (i32)date->minute;
  i32 hour = (i32)(date->hour % 12) * 5 + minute / 12;
  copy_face(false);
  hand_draw((struct hand){hour, -radius / 8, radius / 2, 44, INK});
  hand_draw((struct hand){minute, -radius / 8, radius * 3 / 4, 32, INK});
  hand_draw((struct hand){second, -radius / 6, radius * 13 / 16, 16, SECONDS});
}
