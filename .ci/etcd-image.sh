#!/usr/bin/env bash
# Makes a stand-in for tools/etcd.Dockerfile's image, where the base image has no apt:
#   .ci/etcd-image.sh TAG BASE ETCD-BINARY
# The base, and this machine's etcd (Debian: etcd-server), which needs the C library alone. For tests.
set -euo pipefail
tag=$1 base=$2 etcd=$3

aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
install "$etcd" "$aside/etcd"
cat >"$aside/Dockerfile" <<END
FROM $base
COPY etcd /usr/local/bin/etcd
USER root
RUN mkdir -p /etcd && chown node:node /etcd
USER node
ENTRYPOINT ["etcd"]
END
docker build -q -t "$tag" "$aside" >/dev/null
