#!/usr/bin/env bash
# Fetches the suite as package-lock.json has it and runs it: run.sh [ID…]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export MOLN_CACHE_SUITE=${MOLN_CACHE_SUITE:-$here}
mkdir -p "$MOLN_CACHE_SUITE"
if ! cmp -s "$here/package-lock.json" "$MOLN_CACHE_SUITE/node_modules/.lock"; then
    if [ "$MOLN_CACHE_SUITE" != "$here" ]; then
        cp "$here/package.json" "$here/package-lock.json" "$MOLN_CACHE_SUITE/"
    fi
    (cd "$MOLN_CACHE_SUITE" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp "$here/package-lock.json" "$MOLN_CACHE_SUITE/node_modules/.lock"
fi
[ "$MOLN_CACHE_SUITE" = "$here" ] || cp "$here/suite.mjs" "$MOLN_CACHE_SUITE/"
exec python3 "$here/run.py" "$@"
