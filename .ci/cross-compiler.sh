#!/usr/bin/env bash
# Makes sure that Debian's bare-metal RISC-V compiler is there, which the guest image is built with.
# Exit code 1, loudly, where it is missing and can't be installed: then the image can't be rebuilt
# here, and the check that the committed one equals its source is skipped.
set -euo pipefail
cd "$(dirname "$0")"

./install.sh riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf && exit 0
echo '!!! SKIPPED: the guest image was not checked against its source.'
echo '!!! To check it: apt-get install gcc-riscv64-unknown-elf, then npm run guest -- --check'
exit 1
