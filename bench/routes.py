#!/usr/bin/env python3
"""Many routes: what 100,000 of them cost, and what requests notice while their endpoints change.

    bench/routes.py --edge build/tests/edge/moln_edge_dev [--routes 100000] [--changes 10000]

A few connections ask for random hosts, one request at a time each, at a rate that leaves the
machine idle most of the time: with nothing going on, while endpoints change at the given rate, and
again with nothing going on. The changes are differences over the control socket, a hundred in a
line, as the daemon's link has them when it cannot send faster; every one changes something. Latency
as the client sees it, of every request: median, p99, p99.9, the slowest, and how many took more
than twice the median that the same round had with nothing going on. Memory is what the edge's
process has of its own.

Client and pusher are programs of their own (routes_load.cc). The edge has one core, so that its
threads are in each other's way as on a machine that has no more; client, origin and pusher have the
other, where, if that is allowed, they go before all others. What others take of the machine is told
with each round; with --quiet a round in which it was more is not counted, and done again.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "edge"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import proxy as bench  # noqa: E402
from programs import TICK, cpu_seconds, own_kib  # noqa: E402

ROUTES_OF_AN_APP = 10
LINE = 2000  # routes of a line
CHANGES_OF_A_LINE = 100
ROUNDS_TRIED_OF_ONE = 10
# Of as many digits each: routes_load.cc replaces them.
VERSION, BASE, FIRST = 11111111, 22222222, 10000000


def app_name(number):
    return "default/app-%06d" % number


def instance(app, number, port, state="active"):
    return {"instance": "web-%06d-%d" % (app, number), "address": "127.0.0.1", "port": port,
            "state": state, "release": 1}


def whole(routes, port):
    """The lines that tell of so many routes; the base is nothing."""
    head = {"base_epoch": 0, "base_version": 0, "epoch": 1, "version": FIRST}
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


def changes(apps, port):
    """Lines after which all is as it was: the second endpoint of every app drains, then serves."""
    for state in ("draining", "active"):
        order = random.sample(range(apps), apps)
        for first in range(0, apps, CHANGES_OF_A_LINE):
            some = [{"app": app_name(n), "process": "web", "gone": [],
                     "put": [instance(n, 1, port, state)]}
                    for n in sorted(order[first:first + CHANGES_OF_A_LINE])]
            yield {"delta": {"base_epoch": 1, "base_version": BASE, "epoch": 1,
                             "version": VERSION, "endpoints": some}}


def write_lines(path, lines):
    with open(path, "w") as file:
        for line in lines:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def go_before_others(pid):
    """A process whose threads are in time to answer, however busy their core is."""
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        print("no leave to go before others: what else runs is measured too", flush=True)


class Pusher:
    """The program that changes endpoints; it has the daemon's place at the control socket."""

    def __init__(self, program, control, folder, options, port):
        write_lines(folder + "/whole", whole(options.routes, port))
        write_lines(folder + "/changes", changes(options.routes // ROUTES_OF_AN_APP, port))
        self.rate = options.changes / CHANGES_OF_A_LINE
        self.process = subprocess.Popen(
            [program, "push", control, folder + "/whole", folder + "/changes", str(FIRST)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        go_before_others(self.process.pid)

    def say(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def answer(self):
        words = self.process.stdout.readline().split()
        if not words:
            raise SystemExit("the pusher has ended")
        return [int(word) for word in words]

    def wait_for_ack(self):
        """Milliseconds."""
        self.say("acked")
        return self.answer()[0]

    def begin(self, seconds):
        self.say("push %f %f" % (self.rate, seconds))

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Latencies:
    """Of one phase, in microseconds."""

    def __init__(self, raw):
        self.all = sorted(one / 1000 for (one,) in struct.iter_unpack("I", raw))
        self.median = statistics.median(self.all)

    def at(self, share):
        return self.all[min(int(len(self.all) * share), len(self.all) - 1)]

    def over(self, limit):
        """Percent."""
        return 100 * sum(1 for one in self.all if one > limit) / len(self.all)

    def figures(self, limit):
        return (self.median, self.at(0.99), self.at(0.999), self.all[-1], self.over(limit))


def tell(name, count, figures):
    print("%-18s %7s requests  median %5.0f  p99 %6.0f  p99.9 %6.0f  slowest %6.0f us  "
          "over twice the median: %.3f %%" % (name, count, *figures), flush=True)


def busy_s():
    """All that the machine has done so far, by /proc/stat: user, nice, system, interrupts."""
    with open("/proc/stat") as file:
        fields = [int(word) for word in file.readline().split()[1:]]
    return sum(fields[i] for i in (0, 1, 2, 5, 6)) / TICK


def build(folder):
    program = folder + "/routes_load"
    subprocess.run(["c++", "-std=c++20", "-O2", "-o", program,
                    str(pathlib.Path(__file__).resolve().parent / "routes_load.cc")], check=True)
    return program


class Edge(harness.EdgeCase):
    threads = 1

    def runTest(self):
        """Only what it is set up of is used."""


class Measurement:
    def __init__(self, options, folder, origin, origin_port):
        self.options = options
        self.origin = origin
        self.program = build(folder)
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:1])
        self.edge = Edge()
        self.edge.setUp()  # it has the affinity of who starts it
        os.sched_setaffinity(0, cores[1:] or cores)
        self.pid = self.edge.process.pid
        self.edge.daemon.close()
        self.before = own_kib(self.pid)
        self.pusher = Pusher(self.program, self.edge.dir + "/control", folder, options, origin_port)

    def stop(self):
        self.pusher.stop()
        self.edge.tearDown()

    def asking(self, seconds):
        options = self.options
        process = subprocess.Popen(
            [self.program, "ask", str(self.edge.address[1]), str(options.routes),
             str(options.connections), str(options.rate), str(seconds),
             str(random.randrange(1 << 32))], stdout=subprocess.PIPE)
        go_before_others(process.pid)
        return process

    def ask(self, seconds):
        process = self.asking(seconds)
        raw = process.stdout.read()
        if process.wait() != 0:
            raise SystemExit("the client has failed")
        return Latencies(raw)

    def ask_while_pushing(self):
        # Pushes go on after the last request.
        begun, used = time.monotonic(), cpu_seconds(self.pid)
        self.pusher.begin(self.options.seconds + 1)
        took = self.ask(self.options.seconds)
        used = (cpu_seconds(self.pid) - used) / (time.monotonic() - begun)
        _, late_us = self.pusher.answer()
        print("    the last was in use %d ms after it was said; %.2f CPU s a second of the edge; "
              "the pusher was late by %d us at most" % (self.pusher.wait_for_ack(), used, late_us),
              flush=True)
        return took

    def others_s(self):
        """CPU seconds of all that is not of this measurement."""
        ours = sum(cpu_seconds(one.pid) for one in (self.edge.process, self.origin,
                                                    self.pusher.process))
        return busy_s() - ours - sum(os.times()[:4])

    def fill(self):
        routes = self.options.routes
        took_ms = self.pusher.wait_for_ack()
        time.sleep(2)
        kib = own_kib(self.pid) - self.before
        print("%d routes of %d apps were in use after %.2f s; %d KiB, %.0f bytes a route"
              % (routes, routes // ROUTES_OF_AN_APP, took_ms / 1000, kib, kib * 1024 / routes),
              flush=True)

    def round(self):
        """Its figures by phase, and the percentage of the machine that others took."""
        seconds = self.options.seconds
        begun, others = time.monotonic(), self.others_s()
        phases = [self.ask(seconds), self.ask_while_pushing(), self.ask(seconds)]
        others = (self.others_s() - others) / (time.monotonic() - begun)
        limit = 2 * statistics.median(phases[0].all + phases[2].all)
        for name, phase in zip(self.names(), phases):
            tell(name, len(phase.all), phase.figures(limit))
        return [phase.figures(limit) for phase in phases], 100 * others / os.cpu_count()

    def names(self):
        return "nothing going on", "%d changes/s" % self.options.changes, "nothing going on"

    def rounds(self):
        counted = []
        self.ask(2)  # connections to the instances are made
        for _ in range(ROUNDS_TRIED_OF_ONE * self.options.rounds):
            figures, others = self.round()
            print("    others took %.0f %% of the machine" % others, flush=True)
            if others <= self.options.quiet:
                counted.append(figures)
            if len(counted) == self.options.rounds:
                break
        if counted:
            print("medians of %d rounds:" % len(counted))
            for i, name in enumerate(self.names()):
                tell(name, "", [statistics.median(one[i][n] for one in counted) for n in range(5)])
        else:
            print("no round was quiet")
        print("%d KiB afterwards" % (own_kib(self.pid) - self.before), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=10_000, help="a second")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rate", type=int, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10, help="of a phase")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quiet", type=float, default=100,
                        help="percent of the machine that others may take in a round that counts")
    options = parser.parse_args()
    harness.PROGRAM = options.edge
    with tempfile.TemporaryDirectory() as folder:
        origin, port = bench.start_origin(folder, 1)
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(origin.pid, cores[1:] or cores)
        go_before_others(origin.pid)
        try:
            measurement = Measurement(options, folder, origin, port)
            try:
                measurement.fill()
                measurement.rounds()
            finally:
                measurement.stop()
        finally:
            origin.kill()
            origin.wait()


if __name__ == "__main__":
    main()
