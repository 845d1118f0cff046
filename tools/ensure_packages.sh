#!/usr/bin/env bash
# Installs the Debian packages of the named sections of tools/packages.txt that are missing.
# usage: tools/ensure_packages.sh build run test …
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

wanted=$(awk -v sections=" $* " '
    /^#/ || NF < 2 { next }
    index(sections, " " $1 " ") { print $2 }' "$here/packages.txt" | sort -u)
missing=()
for package in $wanted; do
    # A command from elsewhere (a vendor's Node.js with its own npm) serves as well as Debian's.
    if [ "$package" = npm ] && command -v npm >/dev/null; then continue; fi
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "missing packages: ${missing[*]}" >&2
    echo "run this as root once, or: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# No package may start a service of its own: what we need we start ourselves.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy" && made_policy=1
fi
status=0
{ apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } \
    > "$log" 2>&1 || status=$?
[ -z "$made_policy" ] || rm -f "$policy"
if [ "$status" != 0 ]; then
    tail -20 "$log" >&2
    echo "could not install: ${missing[*]}" >&2
    exit 1
fi
