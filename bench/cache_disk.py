#!/usr/bin/env python3
"""Bytes per CPU second of hits on the cache's disk: Moln's edge beside nginx, on one file system.

    bench/cache_disk.py --edge build/tests/edge/moln_edge_dev [--folder DIR] [--rounds 5]

The working set is ten times the edge's memory tier, and asked for at random: nine of ten answers
come from the disk. What the kernel keeps of the files in memory it keeps for both, so that the
figure is what the programs cost, not the disk. nginx has sendfile on. Driven in turn, A-B-A-B; CPU
seconds of all processes of each, as in proxy.py; medians, and the median of each round's ratio.
"""

import argparse
import contextlib
import http.client
import os
import re
import shutil
import statistics
import subprocess
import tempfile

import peers
import proxy

MEMORY = 16 << 20
SIZES = {"64k": 64 << 10, "1m": 1 << 20}
SCRIPT = """
math.randomseed(%d)
request = function()
    return wrk.format("GET", "/%s/" .. math.random(0, %d))
end
"""


def contenders(stack, options):
    folder = tempfile.mkdtemp(prefix="moln-bench-", dir=options.folder)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    proxy.make_certificate(folder)
    origin, port = proxy.start_origin(folder, 1)
    stack.callback(origin.kill)
    edge = proxy.start_edge(
        os.path.abspath(options.edge), folder, port, options.threads, True,
        ("--cache-bytes", str(MEMORY), "--cache-disk", folder + "/moln-cache",
         "--cache-disk-bytes", str(2 << 30)))
    stack.callback(edge.stop)
    peers.CACHES["nginx"] = (
        "sendfile on; proxy_cache_path {dir}/nginx-cache levels=1:2 "
        "keys_zone=moln:8m max_size=2g use_temp_path=off;", "proxy_cache moln;")
    nginx = peers.start_nginx(folder, port, options.threads, True)
    stack.callback(nginx.stop)
    return folder, [edge, nginx]


def fill(one, name, count):
    """Twice: once is no reason for the edge to write it."""
    client = http.client.HTTPConnection("127.0.0.1", one.port)
    for _ in range(3):
        for number in range(count):
            client.request("GET", "/%s/%d" % (name, number))
            client.getresponse().read()
    client.close()


def drive(one, script, connections, seconds):
    """CPU seconds, requests."""
    before = one.cpu_seconds()
    said = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "-s", script,
                           "http://127.0.0.1:%d" % one.port],
                          capture_output=True, text=True, check=True).stdout
    used = one.cpu_seconds() - before
    if "Non-2xx" in said:
        raise SystemExit(one.name + ": " + said)
    return used, int(re.search(r"(\d+) requests in", said).group(1))


def measure(folder, both, name, connections, options):
    size = SIZES[name]
    count = 10 * MEMORY // size
    for one in both:
        fill(one, name, count)
    script = "%s/%s.lua" % (folder, name)
    rates = {one.name: [] for one in both}
    for turn in range(options.rounds + 1):
        with open(script, "w") as file:
            file.write(SCRIPT % (turn, name, count - 1))
        for one in both:
            used, requests = drive(one, script, connections, options.seconds)
            if turn > 0:  # the first warms up
                rates[one.name].append(requests * size / used / 1e6)
    for name_of, all_rates in rates.items():
        ratio = statistics.median(a / b for a, b in zip(all_rates, rates["nginx"]))
        print("%-4s %4d  %-6s %8.0f MB per CPU second  ratio %.2f" %
              (name, connections, name_of, statistics.median(all_rates), ratio), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--folder", default="/var/tmp", help="on the file system to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="64k or 1m, to measure one size")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder, both = contenders(stack, options)
        for name in [one for one in SIZES if options.only in ("", one)]:
            for connections in (8, 64):
                measure(folder, both, name, connections, options)


if __name__ == "__main__":
    main()
