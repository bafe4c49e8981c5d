#!/usr/bin/env bash
# Runs the Docker tests: .ci/docker.sh REPORT.json [GATE]
# With a gate, a pipe, it makes everything ready and then waits until a line comes through: making
# ready waits for disks and packages, while other tests may have the processor.
# Uses what the machine has, and makes what it lacks: a daemon (Debian's docker.io), the Compose and
# buildx plugins, and a base image where the official one can't be pulled. A daemon that this script
# starts is ended by it; one that it finds running stays. The image under test is removed again.
# Skips only where there is no way to a daemon, and says so loudly.
set -euo pipefail
cd "$(dirname "$0")/.."
report=$1 gate=${2:-}
cache=$PWD/.cache/ci
mkdir -p "$cache"
say() { echo "docker: $*"; }
skip() {
  echo "!!! SKIPPED: the Docker tests did not run: $*"
  echo '!!! To run them: start a Docker daemon, then bash .ci/docker.sh report.json'
  exit 0
}

daemon=
trap clean_up EXIT
clean_up() {
  [ -z "${TAG:-}" ] || docker image rm -f "godwit:$TAG" "godwit-etcd:$TAG" >/dev/null 2>&1 || true
  [ -n "$daemon" ] || return 0
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
}

start_daemon() {
  .ci/install.sh dockerd docker.io iptables || skip 'no daemon, and docker.io could not be installed'
  dockerd --pidfile "$cache/dockerd.pid" >"$cache/dockerd.log" 2>&1 &
  daemon=$!
  for _ in $(seq 150); do
    docker info >/dev/null 2>&1 && return
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 5 "$cache/dockerd.log"
  skip 'dockerd does not start here (its last words are above)'
}

# The plugins, of the first Debian suite that has them; unpacked aside, not installed.
find_plugins() {
  docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1 && return
  local plugins=$cache/plugins/usr/libexec/docker/cli-plugins
  [ -x "$plugins/docker-compose" ] ||
    .ci/get-debs.sh trixie "$cache/plugins" docker-compose docker-buildx >/dev/null ||
    skip 'no Compose plugin, and none could be had'
  export DOCKER_CONFIG=$cache/docker-config
  mkdir -p "$DOCKER_CONFIG"
  ln -sfn "$plugins" "$DOCKER_CONFIG/cli-plugins"
}

choose_base() {
  export BASE=${BASE:-node:24-trixie-slim}
  docker image inspect "$BASE" >/dev/null 2>&1 && return
  timeout 90 docker pull -q "$BASE" >/dev/null 2>&1 && return
  say "$BASE can't be pulled: making a stand-in from this machine's packages"
  BASE=godwit-ci-base:24
  .ci/base-image.sh "$BASE" "$(readlink -f node_modules/.bin/node)" >/dev/null
}

# For several coordinators: tools/etcd.Dockerfile installs Debian's package where the base has apt.
choose_etcd() {
  [ -z "${ETCD:-}" ] || return 0
  docker run --rm --entrypoint sh "$BASE" -c 'command -v apt-get' >/dev/null 2>&1 && return
  .ci/install.sh etcd etcd-server
  export ETCD=godwit-ci-etcd:1
  .ci/etcd-image.sh "$ETCD" "$BASE" "$(command -v etcd)"
}

node tools/setup.mjs
docker info >/dev/null 2>&1 || start_daemon
say "daemon $(docker version --format '{{.Server.Version}}')"
find_plugins
say "compose $(docker compose version --short)"
choose_base
say "base image $BASE"
choose_etcd
say "etcd ${ETCD:-of the package, in the base image}"

# Ryuk is an image of its own, which can't be had where nothing can be pulled; the tests clean up
# after themselves. The override is for a machine that is itself a container: testcontainers would
# look for published ports on the bridge's address there.
export TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1
export DOCKER_TESTS=1 TAG=ci
docker compose build --quiet
[ -z "$gate" ] || read -r <"$gate" || exit # nobody waits for them any more
# One file after the other: each asks the daemon for all containers, and another's may be gone when
# it is looked at.
PATH=$PWD/node_modules/.bin:$PATH vitest run test/docker --no-file-parallelism \
  --reporter=default --reporter=json --outputFile.json="$report"
