"""What the cache takes of memory beside what it keeps: who reads slowly is given to the end what
was evicted meanwhile."""

import socket
import unittest

from cache_test import CacheCase
from harness import SANITIZED, ok, until


class SlowReaders(CacheCase):
    options = ("--cache-bytes", str(64 << 20))  # one answer may have 8 MiB

    def test_what_they_hold_has_a_bound(self):
        """Each reads something else: it is evicted, and takes memory all the same."""
        size = 8 << 20  # of which the sockets between take a half at most
        sent = set()

        def script(stream, _number):
            while stream.inbox or stream.more():
                path = stream.head().first.split(" ")[1]
                stream.send(ok(path.encode() * (size // 8), "Cache-Control: max-age=60\r\n"))
                sent.add(path)

        self.cached_app(script)
        self.get("/warm-up")
        before = self.memory_kib()
        clients = {"/read-%02d" % number: self.client() for number in range(60)}
        for path, client in clients.items():
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        statuses = {path: self.status_of(client.head()) for path, client in clients.items()}
        # These are fetched whole however slowly they are read.
        stored = {path for path, status in statuses.items() if "stored" in status}
        until(lambda: sent.issuperset(stored), "what is kept")
        if not SANITIZED:
            # Of 480 MiB; the cache's twice, and half of that for what is no body.
            self.assertLess(self.memory_kib() - before, 3 * 64 * 1024)
        self.assertIn("moln; fwd=uri-miss; detail=no-memory", statuses.values())
        for path, client in clients.items():
            self.assertEqual(client.exactly(size), path.encode() * (size // 8))
        until(lambda: "no-memory" not in self.status_of(self.get("/the-next")[0]), "room again")


if __name__ == "__main__":
    unittest.main()
