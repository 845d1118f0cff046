#!/usr/bin/env bash
# Runs the measurements, or the named one. usage: bench/run.sh [NAME]
set -euo pipefail
cd "$(dirname "$0")/.."

# In a network of its own: the machine's packet filter and connection tracking are not compared.
proxy() {
    lab/netns.sh -- python3 bench/proxy.py --edge "$PWD/build/tests/edge/moln_edge_dev" --rounds 7
}
tls() {
    lab/netns.sh -- python3 -B bench/proxy.py --edge "$PWD/build/tests/edge/moln_edge_dev" --tls
}
cache() {
    local threads
    for threads in 1 "$(nproc)"; do
        lab/netns.sh -- python3 -B bench/proxy.py --edge "$PWD/build/tests/edge/moln_edge_dev" \
            --cache --client-threads "$threads"
    done
}
cache_disk() {
    lab/netns.sh -- python3 -B bench/cache_disk.py --edge "$PWD/build/tests/edge/moln_edge_dev"
}
cache_memory() {
    lab/netns.sh -- python3 -B bench/cache_memory.py --edge "$PWD/build/tests/edge/moln_edge_dev"
}
site() { lab/netns.sh -- python3 -B bench/site.py --edge "$PWD/build/tests/edge/moln_edge_dev"; }
h2() {
    lab/netns.sh -- python3 -B bench/proxy.py --edge "$PWD/build/tests/edge/moln_edge_dev" --h2
}
bodies() {
    lab/netns.sh -- python3 -B bench/bodies.py --edge "$PWD/build/tests/edge/moln_edge_dev"
}
stream() {
    lab/netns.sh -- python3 -B bench/stream.py --edge "$PWD/build/tests/edge/moln_edge_dev"
}
idle() { lab/netns.sh -- python3 -B bench/idle.py --edge "$PWD/build/tests/edge/moln_edge_dev"; }
loops() { lab/netns.sh -- python3 -B bench/loops.py; }
# Within a lab's cgroup none may go before others.
routes() {
    unshare --net -- sh -c 'ip link set lo up && exec "$@"' routes \
        python3 -B bench/routes.py --edge "$PWD/build/tests/edge/moln_edge_dev"
}
memory() { lab/netns.sh -- env MOLN="$PWD/build/src/main/moln" python3 -B bench/memory.py; }
switches() { lab/netns.sh -- env MOLN="$PWD/build/src/main/moln" python3 -B bench/switches.py; }
start() { lab/netns.sh -- env MOLN="$PWD/build/src/main/moln" python3 -B bench/start.py; }
plan() { build/src/plan/plan_bench --benchmark_min_time=0.5; }
simulation() {
    # Simulated seconds per CPU second of a run of three hours without faults.
    /usr/bin/env time -f '%U CPU seconds for 3 simulated hours' \
        build/src/sim/moln_sim --seed 1 --hours 3 --faults none
}

case "${1:-all}" in
proxy | tls | h2 | cache | cache_disk | cache_memory | site | bodies | stream | idle | loops | \
    routes | start | switches | memory | plan | simulation) "$1" ;;
all)
    for one in proxy tls h2 cache cache_disk cache_memory site bodies stream idle loops routes \
        start switches memory plan simulation; do
        printf '\n== %s\n' "$one"
        "$one"
    done
    ;;
*)
    echo "bench: no measurement '$1': see bench/README.md" >&2
    exit 2
    ;;
esac
