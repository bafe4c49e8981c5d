#!/usr/bin/env bash
# Unpacks Debian packages of another suite under a folder, without installing them:
#   .ci/get-debs.sh SUITE FOLDER PACKAGE...
# From the mirror that this machine's own apt sources name; signatures are checked by apt against
# Debian's keyring. Nothing of the machine's apt state changes: lists and cache are thrown away.
set -euo pipefail
suite=$1 folder=$2
shift 2

apt-get indextargets >/dev/null 2>&1 || { echo 'apt-get is needed here' >&2; exit 1; }
sites() {
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian'
}
[ -n "$(sites)" ] || apt-get -qq update
mirror=$(sites | sort -u | head -n 1)
[ -n "$mirror" ] || { echo "this machine's apt sources name no Debian mirror" >&2; exit 1; }

aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
mkdir -p "$aside"/{lists,cache,state,debs} "$folder"
: >"$aside/state/status"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [arch=$(dpkg --print-architecture) signed-by=$keyring] $mirror $suite main" \
  >"$aside/sources.list"
cat >"$aside/apt.conf" <<CONF
Dir::Etc::SourceList "$aside/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$aside/state";
Dir::State::Lists "$aside/lists";
Dir::State::status "$aside/state/status";
Dir::Cache "$aside/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
export APT_CONFIG=$aside/apt.conf
apt-get -qq update
(cd "$aside/debs" && apt-get -qq download "$@")
for deb in "$aside"/debs/*.deb; do
  dpkg-deb -x "$deb" "$folder"
  basename "$deb"
done
