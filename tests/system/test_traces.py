"""Spans of a whole node: the collector has a name, which the edge asks a name server for, under its
filter of system calls and as its own user; they go on without the daemon and over an upgrade."""
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

from cloud import EXAMPLES, ROOT, has_ended, wait_until
from test_upgrade import Node

sys.path.insert(0, str(ROOT / "tests" / "edge"))
from collector import Collector, attributes  # noqa: E402  (it lies beside the edge's own tests)

NAME = "collector.test"
A, AAAA = 1, 28


class NameServer:
    """Knows one name, which has an IPv4 address alone."""

    def __init__(self):
        self.asked = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            at, labels = 12, []
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            kind, = struct.unpack("!H", query[at + 1:at + 3])
            question = query[12:at + 5]
            known = ".".join(labels) == NAME
            self.asked.add((".".join(labels), kind))
            answers = b""
            if known and kind == A:
                answers = (b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 0, 4) +
                           socket.inet_aton("127.0.0.1"))
            flags = 0x8180 if known else 0x8183
            self.socket.sendto(query[:2] + struct.pack("!HHHHH", flags, 1, 1 if answers else 0, 0,
                                                       0) + question + answers, peer)


class Traces(unittest.TestCase):
    def setUp(self):
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
        os.chmod(file.name, 0o644)
        # In this test's own namespace of mounts.
        subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)
        self.addCleanup(os.unlink, file.name)
        self.addCleanup(subprocess.run, ["umount", "/etc/resolv.conf"], check=True)

    def test_spans_reach_a_collector_by_name_whatever_becomes_of_the_daemon(self):
        names = NameServer()
        collector = Collector()
        self.addCleanup(collector.stop)
        with Node(["--otlp", f"http://{NAME}:{collector.port}", "--otlp-sample", "1"]) as cloud:
            cloud.cli("deploy", EXAMPLES / "hello-static")

            def arrives(path):
                cloud.get("hello-static.localhost", path)
                wait_until(f"the span of {path}",
                           lambda: any(attributes(span)["url.path"] == path
                                       for span in collector.spans()))

            arrives("/first")
            self.assertLessEqual({(NAME, A), (NAME, AAAA)}, names.asked)
            edge = cloud.edge_pid()
            status = pathlib.Path(f"/proc/{edge}/status").read_text()
            self.assertIn("Seccomp:\t2\n", status)
            self.assertIn("Uid:\t64208\t64208\t64208\t64208\n", status)

            cloud.process.send_signal(signal.SIGKILL)
            cloud.process.wait()
            arrives("/without-a-daemon")
            cloud.up("daemon")

            os.kill(cloud.daemon_pid(), signal.SIGUSR2)
            fresh = wait_until("the new edge", lambda: cloud.edge_pid() not in (0, edge)
                               and cloud.edge_pid())
            wait_until("the old one's end", lambda: has_ended(edge))
            arrives("/after-an-upgrade")
            pids = {attributes(one["resource"])["process.pid"] for one in collector.resources()}
            self.assertEqual(pids, {edge, fresh})
            dropped = [line for line in cloud.cli("metrics").stdout.splitlines()
                       if line.startswith("moln_edge_spans_dropped_total")]
            self.assertEqual(dropped, ["moln_edge_spans_dropped_total 0"])


if __name__ == "__main__":
    unittest.main()
