#!/usr/bin/env bash
# Makes sure that Chromium's headless shell is there, in which the tests open pages: a page costs half
# there of what it does in the whole browser. Where it can't be installed the tests take the browser
# that they find; where there is none, they say that they skip.
set -euo pipefail
cd "$(dirname "$0")"

./install.sh chromium-headless-shell chromium-headless-shell ||
  echo 'No headless shell here: pages are opened in the whole browser, if there is one.'
