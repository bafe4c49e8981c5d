# A multiboot loader jumps here: 32-bit protected mode, flat segments, paging off (Multiboot
# specification 0.6.96, sections 3.1 and 3.2). Switches SSE on, gives C a stack, and runs the program.
    .section .multiboot, "ax"
    .balign 4
    .long   0x1badb002, 0, -0x1badb002
    .text
    .globl entry
entry:
    cli
    movl    $stack_top, %esp
    fninit
    movl    %cr0, %eax
    andl    $~(1 << 2), %eax        # EM off: the FPU is there
    orl     $(1 << 1), %eax         # MP
    movl    %eax, %cr0
    movl    %cr4, %eax
    orl     $(3 << 9 | 1 << 4), %eax # OSFXSR, OSXMMEXCPT; PSE: pages of 4 MiB
    movl    %eax, %cr4
    call    paging_enable
    call    program
    jmp     power_off

    .section .bss.stack, "aw", @nobits
    .balign 16
    .space  32768
stack_top:
