#!/usr/bin/env bash
# Makes sure that a command is there, from Debian's packages where it is not:
#   .ci/install.sh COMMAND PACKAGE...
# As it was found where nobody may install anything: exit code 1, and why is the caller's to say.
set -euo pipefail
command=$1
shift

command -v "$command" >/dev/null && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 1
export DEBIAN_FRONTEND=noninteractive
install=(apt-get -qq install -y --no-install-recommends "$@")
"${install[@]}" >/dev/null 2>&1 || { apt-get -qq update && "${install[@]}" >/dev/null; } || exit 1
command -v "$command" >/dev/null
