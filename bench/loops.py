#!/usr/bin/env python3
"""CPU microseconds per request of the least that a proxy does, by epoll and by io_uring.

    bench/loops.py [--rounds 7] [--seconds 2]

loop_server.cc has nothing but the system calls: how much another event loop could save at most.
Driven in turn by wrk in a network of its own; medians, and the median of each round's ratio.
"""

import argparse
import re
import statistics
import subprocess
import tempfile

import programs
import proxy

LOOPS = ("epoll", "io_uring")


def start(program, *words):
    process = subprocess.Popen([program, *words], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit("%s does not run here" % words[0])
    return process, int(line)


def drive(process, port, connections, seconds):
    """CPU microseconds per request."""
    before = programs.cpu_seconds(process.pid)
    said = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds,
                           "http://127.0.0.1:%d/" % port],
                          capture_output=True, text=True, check=True).stdout
    used = programs.cpu_seconds(process.pid) - before
    return 1e6 * used / int(re.search(r"(\d+) requests in", said).group(1))


def measure(program, what, connections, options):
    costs = {loop: [] for loop in LOOPS}
    for _ in range(options.rounds):
        for loop in LOOPS:
            process, port = start(program, loop, *what)
            try:
                costs[loop].append(drive(process, port, connections, options.seconds))
            finally:
                process.kill()
                process.wait()
    ratio = statistics.median(b / a for a, b in zip(*costs.values()))
    name = what[0] if what[0] == "relay" else "%s %s" % what
    print("%-12s %4d  epoll %5.2f  io_uring %5.2f us/request  ratio %.2f" %
          (name, connections, *(statistics.median(one) for one in costs.values()), ratio),
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="moln-bench-") as folder:
        program = folder + "/loop_server"
        subprocess.run(["c++", "-std=c++20", "-O2", "-o", program,
                        proxy.HERE + "/loop_server.cc", "-luring"], check=True)
        origin, port = proxy.start_origin(folder, 1)
        try:
            for what in (("answer", "1024"), ("answer", "65536"), ("relay", str(port))):
                for connections in (32, 256):
                    measure(program, what, connections, options)
        finally:
            origin.kill()
            origin.wait()


if __name__ == "__main__":
    main()
