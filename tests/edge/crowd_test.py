"""A crowd: 15,000 connections that have asked once and stay, plain and over HTTP/2. Memory of each
is bounded, and whoever comes then is served as before."""

import resource
import socket
import unittest

import h2.config
import h2.connection

from harness import PATIENCE, SANITIZED, EdgeCase, Stream, endpoint, ok, serving

# The edge has as many descriptors as the machine gives, of which a fifth is for instances.
WANTED = 1_500 if SANITIZED else 15_000
# Bytes of the edge's memory that an idle connection may cost at most: what a million would need.
PLAIN_BYTES_MAX = 1_000
HTTP2_BYTES_MAX = 24_000


def own_bytes(pid):
    """Of the process alone, without what the kernel keeps of its sockets."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        for line in file:
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1]) * 1024
    return 0


def preface():
    """What a client of HTTP/2 sends first, with a request on stream 1: the same for all."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    conn.initiate_connection()
    conn.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":authority", "shop.test"),
                          (":path", "/")], end_stream=True)
    return conn.data_to_send()


class Crowd(EdgeCase):
    options = ("--idle-ms", "600000")  # the last may come long after the first

    def setUp(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.crowd = []
        super().setUp()
        self.publish([endpoint("web-1", self.origin(serving(lambda head, body: ok(b"y"))).port)])
        # A machine that gives fewer descriptors has a smaller crowd.
        self.count = min(WANTED, hard * 3 // 4)

    def tearDown(self):
        for sock in self.crowd:
            sock.close()
        super().tearDown()

    def come(self, greeting, has_all):
        """All connect and ask; returns when each has its answer."""
        for _ in range(self.count):
            sock = socket.create_connection(self.address, timeout=PATIENCE)
            self.crowd.append(sock)
            sock.sendall(greeting)
            got = b""
            while not has_all(got):
                more = sock.recv(4096)
                self.assertTrue(more, "connection %d was ended: %r" % (len(self.crowd), got))
                got += more

    def bytes_each(self, greeting, has_all):
        for _ in range(200):  # what the first of all cost besides
            self.get()
        before = own_bytes(self.process.pid)
        self.come(greeting, has_all)
        # They go on one after the other, and a stranger is served between them.
        for sock in self.crowd[::self.count // 50]:
            self.assertFalse(self.is_ended(sock), "it stays open")
            self.assertEqual(self.get()[0].status, 200)
        report = self.daemon.metrics_text()
        open_now = [line for line in report.splitlines()
                    if line.startswith("moln_edge_clients_open ")]
        self.assertGreaterEqual(int(open_now[0].split()[1]), self.count)
        return (own_bytes(self.process.pid) - before) / self.count

    @staticmethod
    def is_ended(sock):
        sock.setblocking(False)
        try:
            return sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        finally:
            sock.setblocking(True)

    def test_plain_connections(self):
        each = self.bytes_each(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
                               lambda got: got.endswith(b"\r\n\r\ny"))
        if not SANITIZED:
            self.assertLess(each, PLAIN_BYTES_MAX)
        for sock in self.crowd[::self.count // 100]:
            self.assertEqual(self.get(stream=Stream(sock))[1], b"y")

    def test_connections_of_http2(self):
        each = self.bytes_each(preface(), lambda got: got.endswith(b"y"))
        if not SANITIZED:
            self.assertLess(each, HTTP2_BYTES_MAX)


if __name__ == "__main__":
    unittest.main()
