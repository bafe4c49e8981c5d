// Traps: the S-mode interrupts of the timer and the PLIC (platform-level interrupt controller
// specification 1.0; context 1 is S-mode of hart 0). Any exception is a bug of ours or of the
// machine's: it is said and the machine is powered off, never ignored.
#include "guest.h"

#define PLIC 0x0c000000ul
#define PLIC_PRIORITY(irq) ((volatile u32 *)(PLIC + 4 * (irq)))
#define PLIC_ENABLE ((volatile u32 *)(PLIC + 0x2080)) // context 1
#define PLIC_THRESHOLD ((volatile u32 *)(PLIC + 0x201000))
#define PLIC_CLAIM ((volatile u32 *)(PLIC + 0x201004))

enum { IRQS = 32, SSTATUS_SIE = 1 << 1, SIE_TIMER = 1 << 5, SIE_EXTERNAL = 1 << 9 };
#define CAUSE_INTERRUPT (1ul << 63)
#define CAUSE_TIMER (CAUSE_INTERRUPT | 5)
#define CAUSE_EXTERNAL (CAUSE_INTERRUPT | 9)

#define csr_read(name) \
  ({ u64 value; __asm__ volatile("csrr %0, " #name : "=r"(value)); value; })

static void (*handlers[IRQS])(void);
static volatile u64 taken;

u64 interrupts_taken(void) { return taken; }

static void external_interrupt(void) {
  for (u32 irq; (irq = *PLIC_CLAIM) != 0; *PLIC_CLAIM = irq)
    if (irq < IRQS && handlers[irq]) handlers[irq]();
}

static void __attribute__((noreturn)) exception(u64 cause) {
  put_text("\nfatal trap scause=0x");
  put_hex(cause, 16);
  put_text(" sepc=0x");
  put_hex(csr_read(sepc), 16);
  put_text(" stval=0x");
  put_hex(csr_read(stval), 16);
  put_char('\n');
  console_drain();
  sbi_power_off(true);
}

static void __attribute__((interrupt("supervisor"), aligned(4))) trap(void) {
  u64 cause = csr_read(scause);
  taken = taken + 1;
  if (cause == CAUSE_TIMER) timer_interrupt();
  else if (cause == CAUSE_EXTERNAL) external_interrupt();
  else exception(cause);
}

void traps_enable(void) {
  __asm__ volatile("csrw stvec, %0" ::"r"(trap));
  *PLIC_ENABLE = 0;
  *PLIC_THRESHOLD = 0;
  __asm__ volatile("csrs sie, %0" ::"r"((u64)(SIE_TIMER | SIE_EXTERNAL)));
  __asm__ volatile("csrsi sstatus, %0" ::"i"(SSTATUS_SIE));
}

void trap_on_irq(u32 irq, void (*handler)(void)) {
  if (irq == 0 || irq >= IRQS) return;
  handlers[irq] = handler;
  *PLIC_PRIORITY(irq) = 1;
  *PLIC_ENABLE |= 1u << irq;
}

u64 interrupts_off(void) {
  u64 status;
  __asm__ volatile("csrrci %0, sstatus, %1" : "=r"(status) : "i"(SSTATUS_SIE) : "memory");
  return status & SSTATUS_SIE;
}

void interrupts_restore(u64 saved) {
  __asm__ volatile("csrs sstatus, %0" ::"r"(saved) : "memory");
}

void wait_for_interrupt(void) {
  // Masked, so that nothing can come between the caller's last look and the wfi and be slept over:
  // a pending interrupt ends a wfi even when it is masked, and is taken in the window behind it.
  __asm__ volatile("wfi\n\tcsrsi sstatus, %0\n\tnop\n\tcsrci sstatus, %0" ::"i"(SSTATUS_SIE)
                   : "memory");
}
