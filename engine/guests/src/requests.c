// Requests: a line is cut into words, and the verbs that every workload knows are answered here.
// A line is executed whole or not at all; what cannot be read is answered and forgotten.
#include "guest.h"

enum { REQUEST_ID_MAX = 20 };

static bool request_id_good(const char *id) {
  u64 count = string_length(id);
  if (count == 0 || count > REQUEST_ID_MAX) return false;
  for (; *id; id++) {
    bool letter = (*id | 32) >= 'a' && (*id | 32) <= 'z';
    if (!letter && !(*id >= '0' && *id <= '9') && *id != '.' && *id != '-') return false;
  }
  return true;
}

/** The next word of the text at *at, ended by a NUL in place; an empty one at the end. */
static char *word_cut(char **at) {
  while (**at == ' ') (*at)++;
  char *word = *at;
  while (**at && **at != ' ') (*at)++;
  if (**at) *(*at)++ = 0;
  return word;
}

static void ping_answer(const char *id) {
  put_text(id);
  put_text(" pong ");
  put_number(uptime_ms());
  put_char('\n');
}

static void id_answer(const char *id) {
  put_text(id);
  put_text(" id ");
  put_instance();
  put_char(' ');
  put_mac();
  put_char(' ');
  put_number(identity.generation);
  put_char(' ');
  put_hex(identity_seed64(), 16);
  put_char('\n');
}

static void stats_answer(const char *id) {
  put_text(id);
  put_text(" stats");
  put_field("uptimems", uptime_ms());
  put_field("gapus", gap_take_us(GAP_STATS));
  workload->stats();
  put_char('\n');
}

static void __attribute__((noreturn)) power_off_answer(const char *id) {
  put_text(id);
  put_text(" ok\n");
  console_drain();
  sbi_power_off(false);
}

static void __attribute__((noreturn)) panic_answer(const char *id) {
  put_text(id);
  put_text(" ok\n");
  fatal("panic:", "asked for");
}

/** As a driver that waits for ever does: nothing is served any more, interrupts neither. */
static void __attribute__((noreturn)) hang_answer(const char *id) {
  put_text(id);
  put_text(" ok\n");
  console_drain();
  interrupts_off();
  for (;;) __asm__ volatile("");
}

void answer_error(const char *id, const char *text) {
  put_text(id);
  put_text(" error ");
  put_text(text);
  put_char('\n');
}

void request_serve(char *line) {
  if (!*line) return answer_error("?", "line-too-long");
  struct request request = {.id = word_cut(&line)};
  if (!request_id_good(request.id)) return answer_error("?", "bad-request");
  for (char *word; request.words < COUNT_OF(request.word) && *(word = word_cut(&line));)
    request.word[request.words++] = word;
  const char *verb = request.words ? request.word[0] : "";
  if (string_equal(verb, "ping")) ping_answer(request.id);
  else if (string_equal(verb, "id")) id_answer(request.id);
  else if (string_equal(verb, "stats")) stats_answer(request.id);
  else if (string_equal(verb, "poweroff")) power_off_answer(request.id);
  else if (string_equal(verb, "panic")) panic_answer(request.id);
  else if (string_equal(verb, "hang")) hang_answer(request.id);
  else if (!request.words || !workload->serve || !workload->serve(&request))
    answer_error(request.id, "unknown-request");
}
