#!/usr/bin/env python3
"""GB per CPU second of long bodies: Moln's edge beside Debian's HAProxy, with and without splice,
and nginx.

    bench/bodies.py --edge build/tests/edge/moln_edge_dev [--rounds 7] [--seconds 3] [--tls]

`down`: answers of 10 MiB; `up`: requests of 10 MiB, eight connections that stay, wrk. Proxies take
turns, A-B-C-D, A-B-C-D, …; CPU is all of a proxy's processes', of /proc: medians over the rounds,
and the median of each round's ratio to the best peer. nginx is told to pass on both as they come,
in buffers of 64 KiB, without files.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import tempfile

import peers
import proxy as bench

BODY = 10 << 20
CONNECTIONS = 8

UPLOAD = """
wrk.method = "POST"
wrk.body = string.rep("x", %d)
""" % BODY

NGINX_STREAMS = ("client_max_body_size 0; proxy_request_buffering off; proxy_buffers 8 64k; "
                 "proxy_buffer_size 64k; proxy_max_temp_file_size 0;")


@contextlib.contextmanager
def contenders(edge, threads):
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="moln-bench-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)  # nginx's workers are of another user
        bench.make_certificate(folder)
        with open(folder + "/upload.lua", "w") as file:
            file.write(UPLOAD)
        origin, port = bench.start_origin(folder, threads)
        stack.callback(origin.kill)
        proxies = [bench.start_edge(os.path.abspath(edge), folder, port, threads)]
        stack.callback(proxies[0].stop)
        haproxy = ["haproxy", "-db", "-f", "{config}"]
        # Its pipes count, too, against the limit of open files.
        plain = peers.HAPROXY.replace("maxconn 9000", "maxconn 1000")
        spliced = plain.replace("mode http", "mode http\n    option splice-auto")
        streaming = peers.NGINX.replace("access_log", NGINX_STREAMS + "\n    access_log", 1)
        for name, template, command in (
                ("haproxy", plain, haproxy), ("haproxy-splice", spliced, haproxy),
                ("nginx", streaming, ["nginx", "-e", folder + "/nginx-error.log", "-c",
                                      "{config}"])):
            proxies.append(peers.start_peer(name, template, command, folder, port, threads))
            stack.callback(proxies[-1].stop)
        yield proxies, folder


def drive(proxy, what, folder, options):
    """GB per CPU second, GB per second."""
    where = "%s://127.0.0.1:%d" % (("https", proxy.tls_port) if options.tls else
                                     ("http", proxy.port))
    script = ["-s", folder + "/upload.lua"] if what == "up" else []
    before = bench.cpu_seconds(proxy.process.pid)
    said = subprocess.run(["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%ds" % options.seconds,
                           "--timeout", "20s", *script,
                           where + ("/1k" if what == "up" else "/10m")],
                          capture_output=True, text=True, check=True).stdout
    used = bench.cpu_seconds(proxy.process.pid) - before
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: \d+|"
                    r"Socket errors: (?!connect 0, read 0, write 0).*", said)
    if bad or requests == 0:
        raise SystemExit("%s: %s" % (proxy.name, said))
    passed = requests * BODY / 1e9
    return passed / used, passed / options.seconds


def measure(proxies, what, folder, options):
    results = {proxy.name: [] for proxy in proxies}
    for _ in range(options.rounds):
        for proxy in proxies:
            results[proxy.name].append(drive(proxy, what, folder, options))
    others = [results[name] for name in results if name != "moln"]
    best = max(others, key=lambda rounds: statistics.median(one for one, _ in rounds))
    for name, rounds in results.items():
        ratio = statistics.median(mine / other for (mine, _), (other, _) in zip(rounds, best))
        print("%-5s  %-14s %6.2f GB per CPU second   ratio %.2f   %6.2f GB/s" %
              (what, name, statistics.median(one for one, _ in rounds), ratio,
               statistics.median(rate for _, rate in rounds)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tls", action="store_true", help="the clients speak TLS")
    parser.add_argument("--only", default="", help="down or up")
    options = parser.parse_args()
    with contenders(options.edge, options.threads) as (proxies, folder):
        for what in ("down", "up"):
            if options.only in ("", what):
                measure(proxies, what, folder, options)


if __name__ == "__main__":
    main()
