#!/usr/bin/env python3
"""Many routes: what 100,000 of them cost, and what requests notice while their endpoints change.

    bench/routes.py --edge build/tests/edge/moln_edge_dev [--routes 100000] [--changes 10000]

One connection asks for random hosts, one request after the other, first with nothing going on, then
while endpoints change at the given rate: as differences over the control socket, a hundred in a
line, as the daemon's link has them when it cannot send faster. Latency as the client sees it:
median, p99, p99.9, the slowest, and how many took more than twice the median. Memory is what the
edge's process has of its own.
"""

import argparse
import json
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "edge"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import proxy as bench  # noqa: E402
from programs import own_kib  # noqa: E402

ROUTES_OF_AN_APP = 10
LINE = 2000  # routes of a line
CHANGES_OF_A_LINE = 100


def app_name(number):
    return "default/app-%06d" % number


def instance(app, number, port, state="active"):
    return {"instance": "web-%06d-%d" % (app, number), "address": "127.0.0.1", "port": port,
            "state": state, "release": 1}


def whole(routes, port):
    """The lines that tell of so many routes; the base is nothing."""
    head = {"base_epoch": 0, "base_version": 0, "epoch": 1, "version": 1}
    apps = (routes + ROUTES_OF_AN_APP - 1) // ROUTES_OF_AN_APP
    for first in range(0, apps, LINE // 4):
        some = [{"app": app_name(n), "process": "web", "health": {"kind": "running"},
                 "endpoints": [instance(n, i, port) for i in range(2)]}
                for n in range(first, min(first + LINE // 4, apps))]
        yield {"delta": {**head, "last": False, "apps": some}}
    for first in range(0, routes, LINE):
        some = [{"host": "host-%06d.example" % n, "path": "/",
                 "app": app_name(n // ROUTES_OF_AN_APP), "process": "web"}
                for n in range(first, min(first + LINE, routes))]
        yield {"delta": {**head, "last": first + LINE >= routes, "routes": some}}


class Pusher:
    """Changes endpoints of random apps at a rate, until told to stop."""

    def __init__(self, daemon, apps, rate, port):
        self.daemon = daemon
        self.apps = apps
        self.rate = rate
        self.port = port
        self.version = 1
        self.pushed = 0
        self.late_s = 0.0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _line(self):
        chosen = sorted(random.sample(range(self.apps), min(CHANGES_OF_A_LINE, self.apps)))
        changes = [{"app": app_name(n), "process": "web", "gone": [],
                    "put": [instance(n, 1, self.port, random.choice(("active", "draining")))]}
                   for n in chosen]
        delta = {"base_epoch": 1, "base_version": self.version, "epoch": 1,
                 "version": self.version + 1, "endpoints": changes}
        self.version += 1
        self.pushed += len(changes)
        return {"delta": delta}

    def _run(self):
        begun = time.monotonic()
        while not self.stopped.is_set():
            due = begun + self.pushed / self.rate
            ahead = due - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            self.late_s = max(self.late_s, -ahead)
            self.daemon.send(self._line())
        self.seconds = time.monotonic() - begun


def ask(port, routes, seconds):
    """Latencies in microseconds, as many as fit into the time."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        request = b"GET /1k HTTP/1.1\r\nHost: host-%06d.example\r\n\r\n" % random.randrange(routes)
        begun = time.perf_counter_ns()
        sock.sendall(request)
        answer = sock.recv(65536)
        while len(answer) < 1024 or not answer.endswith(b"x"):
            more = sock.recv(65536)
            if not more:
                raise SystemExit("the edge closed the connection: %r" % answer[:200])
            answer += more
        took.append((time.perf_counter_ns() - begun) / 1000)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit("an answer was %r" % answer[:60])
    sock.close()
    return took


def tell(name, took):
    took = sorted(took)
    median = statistics.median(took)
    slow = sum(1 for one in took if one > 2 * median)
    print("%-16s %7d requests  median %6.0f  p99 %6.0f  p99.9 %6.0f  slowest %7.0f us  "
          "over twice the median: %.3f %%"
          % (name, len(took), median, took[int(len(took) * 0.99)], took[int(len(took) * 0.999)],
             took[-1], 100 * slow / len(took)), flush=True)


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=10_000, help="a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    harness.PROGRAM = options.edge
    with tempfile.TemporaryDirectory() as folder:
        origin, port = bench.start_origin(folder, 1)
        try:
            measure(options, port)
        finally:
            origin.kill()
            origin.wait()


class Edge(harness.EdgeCase):
    threads = 1

    def runTest(self):
        """Only what it is set up of is used."""


def measure(options, origin_port):
    edge = Edge()
    edge.setUp()
    port = edge.address[1]
    try:
        daemon = edge.daemon
        before = own_kib(edge.process.pid)
        begun = time.monotonic()
        for line in whole(options.routes, origin_port):
            daemon.send(line)
        while (daemon.report or {}).get("acked_version", 0) < 1:
            time.sleep(0.01)
        took_s = time.monotonic() - begun
        time.sleep(2)
        kib = own_kib(edge.process.pid) - before
        print("%d routes of %d apps were in use after %.2f s; %d KiB, %.0f bytes a route"
              % (options.routes, options.routes // ROUTES_OF_AN_APP, took_s, kib,
                 kib * 1024 / options.routes), flush=True)
        ask(port, options.routes, 1)
        for _ in range(options.rounds):
            tell("nothing going on", ask(port, options.routes, options.seconds))
            pusher = Pusher(daemon, options.routes // ROUTES_OF_AN_APP, options.changes,
                            origin_port)
            pusher.version = daemon.report["acked_version"]
            used = cpu_s(edge.process.pid)
            pusher.thread.start()
            took = ask(port, options.routes, options.seconds)
            pusher.stopped.set()
            pusher.thread.join()
            used = cpu_s(edge.process.pid) - used
            begun = time.monotonic()
            while daemon.report["acked_version"] < pusher.version:
                time.sleep(0.005)
            tell("%d changes/s" % (pusher.pushed / pusher.seconds), took)
            print("    the last was in use %.0f ms after it was said; %.2f CPU s a second of the "
                  "edge" % ((time.monotonic() - begun) * 1000, used / pusher.seconds), flush=True)
        print("%d KiB afterwards" % (own_kib(edge.process.pid) - before), flush=True)
    finally:
        edge.tearDown()


if __name__ == "__main__":
    main()
