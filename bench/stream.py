#!/usr/bin/env python3
"""MB per CPU second of a TCP route: Moln's edge beside Debian's HAProxy, with and without splice.

    bench/stream.py --edge build/tests/edge/moln_edge_dev [--rounds 7] [--seconds 2]

Clients connect through each proxy in turn, A-B-C, A-B-C, …; the figure is bytes by CPU seconds
(user and system, of /proc) of all of a proxy's processes: medians over the rounds, and the median
of each round's ratio to the better HAProxy. `down`: four connections on which the server sends as
fast as it can; `echo`: 32 connections on which 1 KiB goes to and fro; `short`: connections of one
such exchange.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import proxy as bench

HAPROXY = """
global
    maxconn 2000
    nbthread {threads}
    log stdout format raw daemon
defaults
    mode tcp
    log global
    option tcplog
    {splice}
    timeout connect 2s
    timeout client 1h
    timeout server 1h
frontend port
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    balance leastconn
    server one 127.0.0.1:{origin} check inter 2s
"""

BLOCK = bytes(1 << 20)


def serve(listener):
    """The server: `d` sends without end, `e` answers each KiB with one."""

    def one(sock):
        with contextlib.suppress(OSError), sock:
            kind = sock.recv(1)
            while kind == b"d":
                sock.sendall(BLOCK)
            while kind == b"e":
                data = sock.recv(1024, socket.MSG_WAITALL)
                if len(data) < 1024:
                    return
                sock.sendall(data)

    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=one, args=(sock,), daemon=True).start()


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def drive(port, what, seconds):
    """Bytes that have passed, both ways, in this time."""
    end = time.monotonic() + seconds
    passed = []

    def down():
        room, total = bytearray(1 << 20), 0
        with connect(port) as sock:
            sock.sendall(b"d")
            while time.monotonic() < end:
                total += sock.recv_into(room)
        passed.append(total)

    def echo():
        total, message = 0, bytes(1024)
        with connect(port) as sock:
            sock.sendall(b"e")
            while time.monotonic() < end:
                sock.sendall(message)
                total += 1024 + len(sock.recv(1024, socket.MSG_WAITALL))
        passed.append(total)

    def short():
        total, message = 0, bytes(1024)
        while time.monotonic() < end:
            with connect(port) as sock:
                sock.sendall(b"e" + message)
                total += 1024 + len(sock.recv(1024, socket.MSG_WAITALL))
        passed.append(total)

    kinds = {"down": (down, 4), "echo": (echo, 32), "short": (short, 8)}
    work, count = kinds[what]
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(passed)


def start_edge(program, folder, origin, threads):
    edge = bench.start_edge(program, folder, origin, threads)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(4096)
    sock.setblocking(False)
    edge.port = sock.getsockname()[1]
    app = {"app": "default/bench", "process": "db", "health": {"kind": "tcp"},
           "endpoints": [{"instance": "db-1", "address": "127.0.0.1", "port": origin,
                          "state": "active", "release": 1}]}
    snapshot = {"version": 2, "epoch": 1, "routes": [], "apps": [app],
                "streams": [{"listen": "tcp:5432", "app": "default/bench", "process": "db"}]}
    edge.daemon.sendall(json.dumps({"snapshot": snapshot}).encode() + b"\n")
    offer = {"listener": {"listen": "tcp:5432", "addresses": ["here"]}}
    socket.send_fds(edge.daemon, [json.dumps(offer).encode() + b"\n"], [sock.fileno()])
    sock.close()
    for line in edge.daemon.makefile("r"):
        if (json.loads(line).get("report", {}).get("streams") or [{}])[0].get("addresses"):
            return edge
    raise SystemExit("the edge did not listen")


@contextlib.contextmanager
def contenders(program, threads):
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="moln-bench-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        bench.make_certificate(folder)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        origin = listener.getsockname()[1]
        server = os.fork()
        if server == 0:
            serve(listener)
        stack.callback(os.kill, server, 9)
        listener.close()
        proxies = [start_edge(os.path.abspath(program), folder, origin, threads)]
        stack.callback(proxies[0].stop)
        for name, splice in (("haproxy", ""), ("haproxy-splice", "option splice-auto")):
            port = bench.free_port()
            config = "%s/%s.conf" % (folder, name)
            with open(config, "w") as file:
                file.write(HAPROXY.format(port=port, origin=origin, threads=threads,
                                          splice=splice))
            proxies.append(bench.Proxy(name, ["haproxy", "-db", "-f", config], (port, 0),
                                       "%s/%s.log" % (folder, name)))
            stack.callback(proxies[-1].stop)
            bench.wait_for(port)
        yield proxies


def measure(proxies, what, options):
    results = {proxy.name: [] for proxy in proxies}
    for _ in range(options.rounds):
        for proxy in proxies:
            before = bench.cpu_seconds(proxy.process.pid)
            passed = drive(proxy.port, what, options.seconds)
            used = bench.cpu_seconds(proxy.process.pid) - before
            results[proxy.name].append(passed / 1e6 / max(used, 0.01))
    peers = [results[name] for name in results if name != "moln"]
    best = max(peers, key=statistics.median)
    for name, rounds in results.items():
        ratio = statistics.median(mine / other for mine, other in zip(rounds, best))
        print("%-5s  %-14s %9.1f MB per CPU second   ratio %.2f" %
              (what, name, statistics.median(rounds), ratio), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="down, echo or short")
    options = parser.parse_args()
    subprocess.run(["haproxy", "-v"], stdout=sys.stderr, check=True)
    with contenders(options.edge, options.threads) as proxies:
        for what in ("down", "echo", "short"):
            if options.only in ("", what):
                measure(proxies, what, options)


if __name__ == "__main__":
    main()
