// How much RAM a bench guest has, whoever runs it. Its programs use 160 MiB from RAM + 2 MiB on
// (programs/runtime/riscv/machine.c); the rest is the firmware's and the device tree's.

export const ramMib = 256
