# Where the firmware jumps to: S-mode, paging off, a0 = hart, a1 = device tree (not looked at).
# Then the trap entry, which saves what a C function may spoil, as a kernel's system call does.
    .section .text.entry, "ax"
    .globl entry
entry:
    csrw    sie, zero
    csrci   sstatus, 2              # SIE: nothing here wants an interrupt
    li      t0, 3 << 13             # sstatus.FS = dirty: floating point may be used
    csrs    sstatus, t0
    la      sp, stack_top
    la      t0, trap_entry
    csrw    stvec, t0
    csrw    sscratch, zero          # zero while in S-mode, the kernel's stack while in U-mode
    call    paging_enable
    call    program
    tail    power_off

    .balign 4
trap_entry:
    csrrw   sp, sscratch, sp
    bnez    sp, 1f
    csrr    a0, scause              # a trap in S-mode is the end
    csrr    a1, sepc
    csrr    a2, stval
    la      sp, stack_top
    tail    trap_unexpected
1:  addi    sp, sp, -18 * 8
    sd      ra, 0(sp)
    sd      t0, 8(sp)
    sd      t1, 16(sp)
    sd      t2, 24(sp)
    sd      t3, 32(sp)
    sd      t4, 40(sp)
    sd      t5, 48(sp)
    sd      t6, 56(sp)
    sd      a1, 64(sp)
    sd      a2, 72(sp)
    sd      a3, 80(sp)
    sd      a4, 88(sp)
    sd      a5, 96(sp)
    sd      a6, 104(sp)
    sd      a7, 112(sp)
    csrr    t0, sepc
    csrr    t1, sstatus
    sd      t0, 120(sp)
    sd      t1, 128(sp)
    csrw    sscratch, zero
    csrr    a6, scause
    call    user_trapped            # returns what the user sees in a0
    ld      t0, 120(sp)
    ld      t1, 128(sp)
    addi    t0, t0, 4
    csrw    sepc, t0
    csrw    sstatus, t1
    ld      ra, 0(sp)
    ld      t0, 8(sp)
    ld      t1, 16(sp)
    ld      t2, 24(sp)
    ld      t3, 32(sp)
    ld      t4, 40(sp)
    ld      t5, 48(sp)
    ld      t6, 56(sp)
    ld      a1, 64(sp)
    ld      a2, 72(sp)
    ld      a3, 80(sp)
    ld      a4, 88(sp)
    ld      a5, 96(sp)
    ld      a6, 104(sp)
    ld      a7, 112(sp)
    addi    sp, sp, 18 * 8
    csrrw   sp, sscratch, sp
    sret

# void user_enter(code, user stack, kernel stack): leaves S-mode for good.
    .globl user_enter
user_enter:
    csrw    sscratch, a2
    csrw    sepc, a0
    li      t0, 1 << 8              # sstatus.SPP = U
    csrc    sstatus, t0
    mv      sp, a1
    sret

    .section .bss.stack, "aw", @nobits
    .balign 16
    .space  32768
stack_top:
