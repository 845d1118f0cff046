#!/usr/bin/env python3
"""Memory per stored answer: Moln's edge beside Debian's Varnish, 1 KiB each.

    bench/cache_memory.py --edge build/tests/edge/moln_edge_dev [--objects 50000]

Both keep all of them in memory (256 MiB for each), none on a disk. The figure is what the programs
have more of anonymous memory by the number of answers, head and body included; every answer is
asked for twice, and the second must come from the cache. Varnish's log lies in a file and is not
counted.
"""

import argparse
import contextlib
import os
import shutil
import socket
import tempfile

import peers
import proxy

MEMORY = 256 << 20


class Client:
    """One connection, a request at a time."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.file = self.sock.makefile("rb")

    def ask(self, path):
        """The head of the answer, in lower case."""
        self.sock.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            if not line:
                raise SystemExit("the connection ended")
            head += line
        head = head.lower()
        self.file.read(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        return head


def is_hit(name, head):
    if name == "moln":
        return b"cache-status: moln; hit" in head
    return len(head.split(b"x-varnish:")[1].split(b"\r\n")[0].split()) == 2


def measure(one, objects):
    client = Client(one.port)
    for number in range(2000):  # what the first answers make is there once for all
        client.ask(b"/1k/warm%d" % number)
    before = one.anonymous_kib()
    for number in range(objects):
        client.ask(b"/1k/%d" % number)
    used = one.anonymous_kib() - before
    hits = sum(is_hit(one.name, client.ask(b"/1k/%d" % number)) for number in range(objects))
    if hits < objects * 0.99:
        raise SystemExit("%s kept only %d of %d" % (one.name, hits, objects))
    return used * 1024 / objects


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--objects", type=int, default=50_000)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="moln-bench-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        proxy.make_certificate(folder)
        origin, port = proxy.start_origin(folder, 1)
        stack.callback(origin.kill)
        edge = proxy.start_edge(os.path.abspath(options.edge), folder, port, os.cpu_count(), True,
                                ("--cache-bytes", str(MEMORY)))
        stack.callback(edge.stop)
        varnish = peers.start_varnish(folder, port, os.cpu_count(), "%dm" % (MEMORY >> 20))
        stack.callback(varnish.stop)
        base = {one.name: measure(one, options.objects) for one in (edge, varnish)}
        for name, used in base.items():
            print("%-8s %8.0f bytes an answer  ratio %.2f" % (name, used, used / base["varnish"]),
                  flush=True)


if __name__ == "__main__":
    main()
