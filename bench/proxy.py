#!/usr/bin/env python3
"""CPU per proxied request: Moln's edge beside Debian's HAProxy, nginx and Traffic Server.

    bench/proxy.py --edge build/tests/edge/moln_edge_dev [--rounds 5] [--seconds 4] [--tls | --h2]
                   [--cache]

With --cache all answer from their caches in memory, and Varnish does beside them (nginx: in a file
on tmpfs, where there is one, as it has no other).

With --tls the clients speak TLS 1.3, over connections that stay and over one each (`new`: a whole
handshake with a P-256 key, as `openssl s_time` makes them one after another).
With --h2 they speak HTTP/2 over TLS 1.3, 4 or 32 connections with 100 streams each (h2load).

All proxies have on what production has on: access log, metrics, health checks, forwarding and
tracing fields, keep-alive on both sides, as many threads as cores. wrk drives them in turn,
A-B-C, A-B-C, …, so that a noisy machine is noisy for all. The figure is CPU seconds of all of a
proxy's processes (user and system, of /proc) by the requests that wrk counted: medians over the
rounds, and the median of each round's ratio to HAProxy. Throughput is not the figure: client,
proxy and origin share the cores.
"""

import argparse
import contextlib
import functools
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

from peers import start_haproxy, start_nginx, start_traffic_server, start_varnish
from programs import Proxy, cpu_seconds, family, free_port, wait_for  # others import some from here

BODY_BYTES = {"/1k": 1024, "/64k": 65536}
HERE = os.path.dirname(os.path.abspath(__file__))


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", folder + "/tls.key",
                    "-out", folder + "/tls.crt"], check=True, capture_output=True)
    with open(folder + "/tls.pem", "w") as both:
        for name in ("crt", "key"):
            with open(folder + "/tls." + name) as one:
                both.write(one.read())


def edge_certificate(program, folder):
    with open(folder + "/tls.key", "rb") as key:
        sealed = subprocess.run([program, "seal", folder + "/seal.key", "cert-1"], stdin=key,
                                check=True, capture_output=True, text=True).stdout
    with open(folder + "/tls.crt") as chain:
        return {"id": "cert-1", "hosts": ["localhost"], "chain": chain.read(),
                "sealed_key": sealed}


def start_edge(program, folder, origin, threads, cache=False, more=()):
    os.mkdir(folder + "/state")
    control = folder + "/control"
    ports = free_port(), free_port()
    certificate = edge_certificate(program, folder)
    edge = Proxy("moln", [program, "--listen", "127.0.0.1:%d" % ports[0], "--listen-tls",
                          "127.0.0.1:%d" % ports[1], "--seal-key", folder + "/seal.key",
                          "--control", control,
                          "--state", folder + "/state", "--access-log", folder + "/access.log",
                          "--metrics", "127.0.0.1:0", "--threads", str(threads), *more], ports,
                 folder + "/edge.log")
    wait_for(ports[0])
    daemon = socket.socket(socket.AF_UNIX)
    while daemon.connect_ex(control) != 0:
        if edge.process.poll() is not None:
            raise SystemExit("the edge did not start: " + folder + "/edge.log")
        time.sleep(0.02)
    snapshot = {
        "version": 1, "epoch": 1,
        "routes": [{"host": "*", "path": "/", "app": "default/bench", "process": "web",
                    "cache": {"ttl": 0, "stale_while_revalidate": 0, "stale_if_error": 0}
                    if cache else None}],
        "apps": [{"app": "default/bench", "process": "web",
                  "health": {"kind": "http", "path": "/health"},
                  "endpoints": [{"instance": "web-1", "address": "127.0.0.1", "port": origin,
                                 "state": "active", "release": 1}]}],
        "certificates": [certificate]}
    daemon.sendall(json.dumps({"snapshot": snapshot}).encode() + b"\n")
    for line in daemon.makefile("r"):
        if json.loads(line).get("report", {}).get("acked_version") == 1:
            break
    edge.daemon = daemon  # keeps the connection, which then gets a report a second
    return edge


def start_origin(folder, threads):
    program = folder + "/proxy_origin"
    subprocess.run(["c++", "-std=c++20", "-O2", "-pthread", "-o", program,
                    HERE + "/proxy_origin.cc"], check=True)
    origin = subprocess.Popen([program, str(threads)], stdout=subprocess.PIPE, text=True)
    return origin, int(origin.stdout.readline())


@contextlib.contextmanager
def contenders(edge, threads, cache=False, more=()):
    """The proxies, before one origin; all are gone afterwards. `more`: functions that start some
    beside HAProxy and nginx."""
    with contextlib.ExitStack() as stack:
        shm = "/dev/shm" if cache and os.access("/dev/shm", os.W_OK) else None
        folder = tempfile.mkdtemp(prefix="moln-bench-", dir=shm)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)  # nginx's workers are of another user
        make_certificate(folder)
        origin, port = start_origin(folder, threads)
        stack.callback(origin.kill)
        proxies = [start_edge(os.path.abspath(edge), folder, port, threads, cache)]
        stack.callback(proxies[0].stop)
        for start in (start_haproxy, start_nginx):
            proxies.append(start(folder, port, threads, cache))
            stack.callback(proxies[-1].stop)
        for start in more:
            proxies.append(start(folder, port, threads))
            stack.callback(proxies[-1].stop)
        yield proxies


def drive_handshakes(proxy, path, seconds):
    """A request over a connection of its own each: CPU microseconds, connections a second."""
    before = proxy.cpu_seconds()
    # It ends with its time; every connection is a new session, none is resumed. It sends "GET %s
    # HTTP/1.0" and an empty line: without a Host, which Moln answers by itself with 400.
    said = subprocess.run(["openssl", "s_time", "-connect", "127.0.0.1:%d" % proxy.tls_port,
                           "-new", "-time", str(seconds),
                           "-www", path + " HTTP/1.0\r\nHost: localhost\r\nX-Rest:"],
                          capture_output=True, text=True, check=False).stdout
    used = proxy.cpu_seconds() - before
    made = re.search(r"(\d+) connections in (\d+) real seconds, (\d+) bytes read", said)
    if made is None or int(made.group(1)) == 0:
        raise SystemExit("%s: no handshake: %s" % (proxy.name, said))
    if int(made.group(3)) < BODY_BYTES[path]:
        raise SystemExit("%s: not the whole answer: %s" % (proxy.name, said))
    return used * 1e6 / int(made.group(1)), int(made.group(1)) / int(made.group(2))


def drive_streams(proxy, path, connections, seconds):
    """100 streams at once on every connection: CPU microseconds a request, requests a second."""
    before = proxy.cpu_seconds()
    said = subprocess.run(["h2load", "-t1", "-c%d" % connections, "-m100", "-D%d" % seconds,
                           "--warm-up-time=0", "https://127.0.0.1:%d%s" % (proxy.tls_port, path)],
                          # Its own clock has been seen not to end it.
                          capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    used = proxy.cpu_seconds() - before
    done, failed, errored = (int(re.search(r"(\d+) " + word, said).group(1))
                             for word in ("succeeded", "failed", "errored"))
    if done == 0 or failed or errored or "h2" not in said:
        raise SystemExit("%s: %s" % (proxy.name, said))
    return used * 1e6 / done, done / seconds


def drive(proxy, path, connections, options, seconds):
    """One round: CPU microseconds a request, requests a second."""
    if options.h2:
        return drive_streams(proxy, path, connections, seconds)
    if connections == "new":
        return drive_handshakes(proxy, path, seconds)
    before = proxy.cpu_seconds()
    where = "%s://127.0.0.1:%d%s" % (("https", proxy.tls_port, path) if options.tls else
                                     ("http", proxy.port, path))
    said = subprocess.run(["wrk", "-t%d" % options.client_threads, "-c%d" % connections,
                           "-d%ds" % seconds, where],
                          capture_output=True, text=True, check=True).stdout
    used = proxy.cpu_seconds() - before
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    # Timeouts are wrk's own, on a machine too busy to answer within two seconds.
    bad = re.search(r"Non-2xx or 3xx responses: \d+|"
                    r"Socket errors: (?!connect 0, read 0, write 0).*",
                    said)
    if bad:
        raise SystemExit("%s: %s" % (proxy.name, bad.group(0)))
    return used * 1e6 / requests, requests / seconds


def measure(proxies, path, connections, options):
    results = {proxy.name: [] for proxy in proxies}
    for proxy in proxies:
        drive(proxy, path, connections, options, 1)  # warm
    for _ in range(options.rounds):
        for proxy in proxies:
            results[proxy.name].append(
                drive(proxy, path, connections, options, options.seconds))
    base = [cpu for cpu, _ in results["haproxy"]]
    for name, rounds in results.items():
        cpu = statistics.median(cpu for cpu, _ in rounds)
        ratio = statistics.median(cpu / other for (cpu, _), other in zip(rounds, base))
        rate = statistics.median(rate for _, rate in rounds)
        print("%-5s %4s  %-8s %8.1f us/request  ratio %.2f   %8.0f requests/s" %
              (path, connections, name, cpu, ratio, rate), flush=True)


def cases(options):
    if options.h2:
        return 4, 32
    return (32, 256, "new") if options.tls else (32, 256)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--client-threads", type=int, default=1,
                        help="of wrk: with one it may be what all wait for")
    parser.add_argument("--tls", action="store_true", help="the clients speak TLS")
    parser.add_argument("--h2", action="store_true", help="they speak HTTP/2 over TLS")
    parser.add_argument("--cache", action="store_true", help="all answer from their caches")
    parser.add_argument("--only", default="", help="as 1k:32, to measure one case")
    options = parser.parse_args()
    more = [functools.partial(start_traffic_server, cache=options.cache)]
    if options.cache and not (options.tls or options.h2):
        more.append(start_varnish)
    with contenders(options.edge, options.threads, options.cache, more) as proxies:
        for path in BODY_BYTES:
            for connections in cases(options):
                case = "%s:%s" % (path[1:], connections)
                if options.only in ("", case):
                    measure(proxies, path, connections, options)


if __name__ == "__main__":
    main()
