// Calls to whatever runs below S-mode: firmware on QEMU, the VMM itself on Godwit (SBI v2.0).
// Only what the guest needs: the timer (chapter 6, TIME) and system reset (chapter 10, SRST); and
// Godwit's watchdog, which others answer with "not supported".
#include "guest.h"

enum { SBI_TIME = 0x54494d45, SBI_SRST = 0x53525354, GODWIT_WATCHDOG = 0x08475744 };

static void sbi_call(u64 extension, u64 function, u64 argument0, u64 argument1) {
  register u64 a0 __asm__("a0") = argument0;
  register u64 a1 __asm__("a1") = argument1;
  register u64 a6 __asm__("a6") = function;
  register u64 a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
}

void sbi_set_timer(u64 at) { sbi_call(SBI_TIME, 0, at, 0); }

void sbi_heartbeat(u64 within_ms) { sbi_call(GODWIT_WATCHDOG, 0, within_ms, 0); }

void sbi_power_off(bool failed) {
  sbi_call(SBI_SRST, 0, 0 /* shutdown */, failed);
  for (;;) __asm__ volatile("wfi"); // only if nobody answered the call
}
