#!/usr/bin/env bash
# Builds and runs every fuzz target for SECONDS each, starting from its kept corpus.
# usage: tools/run_fuzzers.sh BUILD_DIR SECONDS
set -euo pipefail
build=$1
seconds=$2
targets=$(ninja -C "$build" -t targets all | sed -n 's/^\([a-z0-9_]*_fuzz\): phony$/\1/p' |
    grep -v '^cmake_' | sort -u)
[ -n "$targets" ] || { echo "no fuzz target in $build" >&2; exit 1; }
# shellcheck disable=SC2086
ninja -C "$build" --quiet $targets
for target in $targets; do
    program=$(find "$build" -type f -name "$target" -perm -u+x | head -1)
    corpus=tests/fuzz/corpus/${target%_fuzz}
    scratch=$(mktemp -d)
    echo "$target: $seconds s"
    "$program" -max_total_time="$seconds" -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="$build/" "$scratch" "$corpus"
    rm -rf "$scratch"
done
