#!/usr/bin/env bash
# Makes sure that Debian's bare-metal RISC-V compiler is there, which the guest image is built with.
# Exit code 1, loudly, where it is missing and can't be installed: then the image can't be rebuilt
# here, and the check that the committed one equals its source is skipped.
set -euo pipefail

command -v riscv64-unknown-elf-gcc >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  install=(apt-get -qq install -y --no-install-recommends gcc-riscv64-unknown-elf)
  "${install[@]}" >/dev/null 2>&1 || { apt-get -qq update && "${install[@]}" >/dev/null; } || true
fi
command -v riscv64-unknown-elf-gcc >/dev/null && exit 0
echo '!!! SKIPPED: the guest image was not checked against its source.'
echo '!!! To check it: apt-get install gcc-riscv64-unknown-elf, then npm run guest -- --check'
exit 1
