#!/usr/bin/env bash
# Makes a stand-in for the official node:24-trixie-slim, where that can't be pulled:
#   .ci/base-image.sh TAG NODE-BINARY
# Only from files of this machine and Debian's busybox-static: a shell and small tools, Node with the
# libraries it loads, npm, CA certificates, and the user `node` (1000). For tests; it is nobody's
# production image.
set -euo pipefail
tag=$1 node=$2

aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
chmod 755 "$aside"
root=$aside/root
mkdir -p "$root"/{bin,etc/ssl/certs,proc,sys,dev,tmp,root,home/node,usr/bin} \
  "$root"/usr/local/{bin,etc,lib/node_modules}
chmod 1777 "$root/tmp"

(cd "$aside" && apt-get -o APT::Sandbox::User=root -qq download busybox-static &&
  dpkg-deb -x busybox-static_*.deb busybox)
cp "$aside/busybox/bin/busybox" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
ln -s ../../bin/env "$root/usr/bin/env"

install "$node" "$root/usr/local/bin/node"
# Node's libraries, and the C library's own that its add-ons load or that look up names.
libraries=$(dirname "$(ldd "$node" | grep -o '/[^ ]*/libc\.so[^ ]*')")
{
  ldd "$node"
  ls "$libraries"/lib{rt,util,resolv}.so.* "$libraries"/libnss_{dns,files}.so.2
} 2>/dev/null | grep -o '/[^ :)]*\.so[^ :)]*' | sort -u | while read -r library; do
  [ -e "$library" ] && install -D "$(readlink -f "$library")" "$root$library"
done

npm=$(readlink -f "$(command -v npm)") # .../npm/bin/npm-cli.js
cp -r "$(dirname "$npm")/.." "$root/usr/local/lib/node_modules/npm"
for command in npm npx; do
  ln -s "../lib/node_modules/npm/bin/$command-cli.js" "$root/usr/local/bin/$command"
done
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo cafile=/etc/ssl/certs/ca-certificates.crt >"$root/usr/local/etc/npmrc"

cat >"$root/etc/passwd" <<'PASSWD'
root:x:0:0::/root:/bin/sh
node:x:1000:1000::/home/node:/bin/sh
nobody:x:65534:65534::/:/bin/false
PASSWD
printf 'root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chown 1000:1000 "$root/home/node"

tar -C "$root" -c . | docker import --change 'CMD ["node"]' \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$tag"
