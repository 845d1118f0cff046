"""Much at once: big bodies, slow readers, many connections, endpoints that come and go."""

import hashlib
import socket
import threading
import time
import unittest

from h2_test import H2Case
from harness import (EXTRA, OVER_TLS, PATIENCE, SANITIZED, EdgeCase, Stream, endpoint, ok, serving,
                     until)

BIG = 100 * 1000 * 1000
PART = bytes(range(256)) * 256  # 64 KiB


def parts(total):
    while total > 0:
        part = PART[:min(total, len(PART))]
        total -= len(part)
        yield part


def digest_of(total):
    digest = hashlib.sha256()
    for part in parts(total):
        digest.update(part)
    return digest.digest()


@unittest.skipIf(SANITIZED, "a sanitizer allocates as it likes, and is not counted")
class Allocations(H2Case):
    """What the edge and its libraries take from the heap in its whole life, by requests."""

    threads = 1
    REQUESTS = 3000

    def spent(self, ask):
        self.publish([endpoint("web-1", self.origin(serving(lambda head, body: ok(body))).port)])
        ask()
        self.daemon.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        said = self.stderr().rsplit("allocations=", 1)[1]
        return int(said)

    def assert_needs_none(self, ask, at_most=50):
        few = self.spent(lambda: ask(50))
        self.start()
        many = self.spent(lambda: ask(50 + self.REQUESTS))
        # OpenSSL takes the buffers of each record anew: an idle connection is to have none.
        each = 12 if OVER_TLS else 0
        self.assertLess(many - few, self.REQUESTS * each + at_most)

    def test_a_proxied_request_allocates_nothing(self):
        def ask(requests):
            client = self.client()
            for _ in range(requests):
                self.assertEqual(
                    self.get("/a/b?c", method="PUT", body=b"12345", stream=client)[1], b"12345")

        self.assert_needs_none(ask)

    def test_nor_does_a_stream_of_http2(self):
        def ask(requests):
            client = self.h2()
            for _ in range(requests):
                answer = client.get("/a/b?c", method="PUT", body=b"12345")
                self.assertEqual(answer.body, b"12345")

        # A connection's table of fields takes two blocks for the Date of each second, until it is
        # full after a minute: on a slow machine that long.
        self.assert_needs_none(ask, at_most=200)


class Load(EdgeCase):
    def test_a_big_download_in_all_framings_is_whole_and_memory_stays_small(self):
        def script(stream, _number):
            while stream.inbox or stream.more():
                path = stream.head().first.split(" ")[1]
                if path == "/length":
                    stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
                elif path == "/chunked":
                    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                else:
                    stream.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                for part in parts(BIG):
                    stream.send(b"%x\r\n%s\r\n" % (len(part), part) if path == "/chunked" else part)
                if path == "/chunked":
                    stream.send("0\r\n\r\n")
                if path == "/close":
                    return

        self.publish([endpoint("web-1", self.origin(script).port)])
        before = self.memory_kib()
        for path in ("/length", "/chunked", "/close"):
            client = self.client()
            client.send("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
            head = client.head()
            digest = hashlib.sha256()
            if head.get("transfer-encoding") == "chunked":
                while True:
                    size = int(client.upto(b"\r\n").strip(), 16)
                    if size == 0:
                        break
                    digest.update(client.exactly(size))
                    client.exactly(2)
            else:
                self.assertEqual(int(head.get("content-length")), BIG)
                left = BIG
                while left:
                    if not client.inbox:
                        self.assertTrue(client.more())
                    part, client.inbox = client.inbox[:left], client.inbox[left:]
                    digest.update(part)
                    left -= len(part)
            self.assertEqual(digest.digest(), digest_of(BIG), path)
            client.close()
        if not EXTRA:
            self.assertLess(self.memory_kib() - before, 4 * 1024)

    def test_a_big_upload_is_whole_and_memory_stays_small(self):
        def script(stream, _number):
            head = stream.head()
            digest = hashlib.sha256()
            if head.get("content-length"):
                left = int(head.get("content-length"))
                while left:
                    if not stream.inbox:
                        assert stream.more()
                    digest.update(stream.inbox)
                    left -= len(stream.inbox)
                    stream.inbox = b""
            else:
                while True:
                    size = int(stream.upto(b"\r\n").strip(), 16)
                    if size == 0:
                        break
                    digest.update(stream.exactly(size))
                    stream.exactly(2)
            stream.send(ok(digest.digest()))

        self.publish([endpoint("web-1", self.origin(script).port)])
        before = self.memory_kib()
        for chunked in (False, True):
            client = self.client()
            client.send("POST / HTTP/1.1\r\nHost: a\r\n" +
                        ("Transfer-Encoding: chunked\r\n\r\n" if chunked else
                         "Content-Length: %d\r\n\r\n" % BIG))
            for part in parts(BIG):
                client.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            if chunked:
                client.send("0\r\n\r\n")
            self.assertEqual(client.body(client.head()), digest_of(BIG))
        if not EXTRA:
            self.assertLess(self.memory_kib() - before, 4 * 1024)

    def test_readers_that_stop_cost_one_buffer_each(self):
        sent = []

        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
            for part in parts(BIG):
                stream.send(part)
                sent.append(len(part))

        self.publish([endpoint("web-1", self.origin(script).port)])
        before = self.memory_kib()
        clients = []
        for _ in range(50):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(self.address)
            client = Stream(sock)
            self.streams.append(client)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.head()
            clients.append(client)

        def stopped():
            count = len(sent)
            time.sleep(0.1)
            return len(sent) == count

        until(stopped, "back-pressure to reach the instance")
        self.assertLess(sum(sent), 50 * BIG // 2)
        if not EXTRA:
            self.assertLess(self.memory_kib() - before, 50 * 2 * 110)

    def test_two_thousand_slow_connections_do_not_keep_others_waiting(self):
        self.publish([endpoint("web-1", self.origin(serving(lambda head, body: ok())).port)])
        before = self.memory_kib()
        slow = []
        for i in range(2000):
            sock = socket.create_connection(self.address)
            slow.append(sock)
            if i % 2:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for _ in range(100):
            began = time.monotonic()
            self.assertEqual(self.get()[0].status, 200)
            self.assertLess(time.monotonic() - began, PATIENCE / 4)
        if not EXTRA:
            self.assertLess(self.memory_kib() - before, 2000 * 12)
        for sock in slow:
            sock.close()

    def test_ten_thousand_requests_while_endpoints_flap_without_a_failure(self):
        """Endpoints drain, vanish, come anew and die; clients must not notice."""
        total = 10000
        origins = {}
        failures = []
        done = [0]
        lock = threading.Lock()
        enough = threading.Event()

        def fresh(number):
            origin = self.origin(serving(lambda head, body: ok()))
            origins["web-%d" % number] = origin
            return origin

        def ends(draining=()):
            return [endpoint(name, origin.port, "draining" if name in draining else "active")
                    for name, origin in sorted(origins.items())]

        for number in range(3):
            fresh(number)
        self.publish(ends(), hold=True)

        def load():
            client = self.client()
            while not enough.is_set():
                try:
                    head, _ = self.get(stream=client)
                    if head.status != 200:
                        failures.append(head.status)
                except (OSError, EOFError) as error:
                    failures.append(repr(error))
                    return
                with lock:
                    done[0] += 1

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        number = 3
        while (done[0] < total or number <= 10) and not failures:
            victim = sorted(origins)[0]
            fresh(number)
            number += 1
            if number % 3 == 0:
                # Dies without a word; what is repeatable is repeated.
                origins.pop(victim).stop()
                self.publish(ends(), hold=True)
                continue
            self.publish(ends(draining={victim}), hold=True)
            until(lambda: self.daemon.fresh() and
                  self.daemon.endpoint(victim)["requests_open"] == 0, "the drain")
            origins.pop(victim).stop()
            self.publish(ends(), hold=True)
        enough.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures[:5], [])
        self.assertGreaterEqual(done[0], total)


if __name__ == "__main__":
    unittest.main()
