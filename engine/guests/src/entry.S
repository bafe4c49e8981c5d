# Where the firmware jumps to: S-mode, paging off, a0 = hart, a1 = device tree.
# Gives C a stack, clean memory and the trap vector, then never comes back.
    .section .text.entry, "ax"
    .globl entry
entry:
    csrw    sie, zero
    csrci   sstatus, 2              # SIE: no interrupt before its handler stands
    la      sp, stack_top
    la      t0, bss_start
    la      t1, bss_end
1:  bgeu    t0, t1, 2f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
2:  mv      a0, a1
    tail    guest_main

    .section .bss.stack, "aw", @nobits
    .balign 16
    .space  16384
stack_top:
