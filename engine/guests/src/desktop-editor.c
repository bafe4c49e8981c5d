// An editor: text, a caret, and as much of both as fits into its window. The window is a grid of
// letters, of which only those that have changed are drawn again. A line that is too long goes on
// in the next row, if it can with a whole word.
#include "desktop.h"

enum { TEXT_BYTES_MAX = 8192, COLUMNS_MAX = 160, ROWS_MAX = 120 };
enum { KEY_HOME = 102, KEY_UP = 103, KEY_LEFT = 105, KEY_RIGHT = 106, KEY_END = 107 };
enum { KEY_DOWN = 108, KEY_DELETE = 111, TAB_SPACES = 2 };

static char text[TEXT_BYTES_MAX + 1], grid[ROWS_MAX][COLUMNS_MAX];
static u32 text_bytes, caret;
static i32 columns, row_count, first_row, caret_row, caret_column, scale;
static struct rect window;

static void cell_draw(i32 row, i32 column) {
  i32 x = window.x + column * letter_width(scale), y = window.y + row * letter_height(scale);
  screen_letter(x, y, scale, grid[row][column], INK, PAPER);
}

static void caret_draw(u32 colour) {
  i32 x = window.x + caret_column * letter_width(scale) - scale;
  i32 y = window.y + (caret_row - first_row) * letter_height(scale) - scale / 2;
  screen_fill((struct rect){x, y, scale, letter_height(scale)}, colour);
}

/** Where the row that begins there ends: at its line's end, or behind the last word that fits. */
static u32 row_end(u32 start) {
  u32 end = start;
  while (end < text_bytes && text[end] != '\n' && (i32)(end - start) < columns) end++;
  if (end == text_bytes || text[end] == '\n') return end;
  for (u32 at = end; at > start; at--)
    if (text[at - 1] == ' ') return at;
  return end;
}

static bool line_ends(u32 at) { return at == text_bytes || text[at] == '\n'; }

/** Where the caret stands. */
static void place_caret(void) {
  u32 start = 0, end = row_end(0);
  for (caret_row = 0; caret > end || (caret == end && !line_ends(end)); caret_row++) {
    start = line_ends(end) ? end + 1 : end;
    end = row_end(start);
  }
  caret_column = (i32)(caret - start);
}

static void cell_set(i32 row, i32 column, char letter) {
  if (grid[row][column] == letter) return;
  grid[row][column] = letter;
  cell_draw(row, column);
}

static void rows_draw(void) {
  u32 start = 0;
  bool over = false; // behind the last row of the text
  for (i32 row = -first_row; row < row_count; row++) {
    u32 end = over ? start : row_end(start);
    for (i32 column = 0; row >= 0 && column < columns; column++)
      cell_set(row, column, start + (u32)column < end ? text[start + (u32)column] : ' ');
    over = over || end == text_bytes;
    if (!over) start = text[end] == '\n' ? end + 1 : end;
  }
}

static void editor_draw(void) {
  caret_draw(PAPER);
  // The caret may have stood on the edge of the letter before it.
  if (caret_column > 0) cell_draw(caret_row - first_row, caret_column - 1);
  if (caret_column < columns) cell_draw(caret_row - first_row, caret_column);
  place_caret();
  if (caret_row < first_row) first_row = caret_row;
  if (caret_row >= first_row + row_count) first_row = caret_row - row_count + 1;
  rows_draw();
  caret_draw(ACCENT);
}

void editor_open(struct rect inside, i32 letter_scale) {
  scale = letter_scale;
  window = (struct rect){inside.x + 4 * scale, inside.y + 3 * scale, inside.width - 8 * scale,
                         inside.height - 6 * scale};
  columns = window.width / letter_width(scale);
  row_count = window.height / letter_height(scale);
  if (columns > COLUMNS_MAX) columns = COLUMNS_MAX;
  if (row_count > ROWS_MAX) row_count = ROWS_MAX;
  memset(grid, ' ', sizeof grid);
  screen_fill(inside, PAPER);
  caret_draw(ACCENT);
}

static void insert(char letter) {
  if (text_bytes == TEXT_BYTES_MAX) return;
  for (u32 i = text_bytes++; i > caret; i--) text[i] = text[i - 1];
  text[caret++] = letter;
}

static void remove_at(u32 place_in_text) {
  if (place_in_text >= text_bytes) return;
  text_bytes--;
  for (u32 i = place_in_text; i < text_bytes; i++) text[i] = text[i + 1];
}

static u32 line_start(u32 from) {
  while (from > 0 && text[from - 1] != '\n') from--;
  return from;
}

static u32 line_end(u32 from) {
  while (from < text_bytes && text[from] != '\n') from++;
  return from;
}

/** To the same column of the line that begins at `start`, or to its end. */
static u32 in_line(u32 start, u32 column) {
  u32 end = line_end(start);
  return start + column < end ? start + column : end;
}

static void move(u16 code) {
  u32 start = line_start(caret), end = line_end(caret);
  if (code == KEY_LEFT && caret > 0) caret--;
  if (code == KEY_RIGHT && caret < text_bytes) caret++;
  if (code == KEY_HOME) caret = start;
  if (code == KEY_END) caret = end;
  if (code == KEY_UP && start > 0) caret = in_line(line_start(start - 1), caret - start);
  if (code == KEY_DOWN && end < text_bytes) caret = in_line(end + 1, caret - start);
  if (code == KEY_DELETE) remove_at(caret);
}

void editor_key(u16 code, bool shifted) {
  char letter = key_letter(code, shifted);
  if (letter == '\b' && caret > 0) remove_at(--caret);
  else if (letter == '\t') for (u32 i = 0; i < TAB_SPACES; i++) insert(' ');
  else if (letter && letter != '\b') insert(letter);
  else move(code);
  editor_draw();
}

void editor_clear(void) {
  text_bytes = caret = 0;
  editor_draw();
}

const char *editor_text(u32 *bytes) {
  *bytes = text_bytes;
  return text;
}
