#!/usr/bin/env bash
# Makes sure that Chromium's headless shell is there, in which the tests open pages: a page costs half
# there of what it does in the whole browser. Where it can't be installed the tests take the browser
# that they find; where there is none, they say that they skip.
set -euo pipefail

command -v chromium-headless-shell >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  install=(apt-get -qq install -y --no-install-recommends chromium-headless-shell)
  "${install[@]}" >/dev/null 2>&1 || { apt-get -qq update && "${install[@]}" >/dev/null; } || true
fi
command -v chromium-headless-shell >/dev/null ||
  echo 'No headless shell here: pages are opened in the whole browser, if there is one.'
