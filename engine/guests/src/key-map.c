// What the keys of a US keyboard say, by their codes (Linux, input-event-codes.h): a table.
#include "desktop.h"

static const char plain[] =
    "\0\0001234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted_plain[] =
    "\0\0!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

char key_letter(u16 code, bool shifted) {
  if (code >= sizeof plain - 1) return 0;
  return shifted ? shifted_plain[code] : plain[code];
}
