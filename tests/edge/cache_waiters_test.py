"""Those who wait for another's fetch that hangs or dies midway, and what they ask for then."""

import signal
import threading
import unittest

from cache_crowd_test import CrowdCase
from cache_disk_test import DiskCase
from harness import PATIENCE, ok, until

CROWD = 8
SLICE = 1 << 20


class Waiters(CrowdCase):
    def test_what_is_not_answered_is_asked_for_again_by_one_of_those_who_wait(self):
        over = threading.Event()
        asked = []
        self.addCleanup(over.set)

        def script(stream, _number):
            asked.append(stream.head())
            number = len(asked)
            if number == 1:
                over.wait(3 * PATIENCE)
            stream.send(ok(b"%d" % number, "Cache-Control: max-age=60\r\n"))

        self.cached_app(script)
        leader = self.ask(count=1)[0]
        until(lambda: asked, "the fetch")
        clients = self.ask(count=CROWD)
        self.wait_for(CROWD)
        for client in clients:
            self.assertEqual(client.body(client.head()), b"2")
        self.assertEqual(len(asked), 2)
        over.set()
        self.assertEqual(leader.body(leader.head()), b"1", "it had begun to wait before")

    def test_a_body_that_stands_still_is_given_to_nobody_who_comes_later(self):
        over = threading.Event()
        asked = []
        self.addCleanup(over.set)

        def script(stream, _number):
            asked.append(stream.head())
            first = len(asked) == 1
            stream.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n"
                        "Content-Length: 8\r\n\r\nhalf")
            if first:
                over.wait(3 * PATIENCE)
            stream.send("next")

        self.cached_app(script)
        first = self.ask(count=1)[0]
        first.head()
        self.assertEqual(first.exactly(4), b"half")

        def whole():
            client = self.ask(count=1)[0]
            client.sock.settimeout(0.5)
            try:
                return client.body(client.head()) == b"halfnext"
            except TimeoutError:
                return False

        until(whole, "another fetch")
        self.assertEqual(len(asked), 2)
        over.set()
        self.assertEqual(first.exactly(4), b"next", "what was begun goes on")
        self.assertTrue(whole())
        self.assertEqual(len(asked), 2)

    def test_what_is_to_be_validated_each_time_is_not_fetched_whole_by_each(self):
        def answer(stream, head, _number):
            says = 'Cache-Control: no-cache\r\nETag: "a"\r\n'
            if head.get("if-none-match") == '"a"':
                stream.send("HTTP/1.1 304 Not Modified\r\n%s\r\n" % says)
            else:
                stream.send(ok(b"all", says))

        gate = self.gated(answer)
        clients = self.ask()
        self.wait_for(len(clients) - 1)
        for _ in clients:
            gate.allowed.release()
        for client in clients:
            self.assertEqual(client.body(client.head()), b"all")
        self.assertEqual(len(gate.seen), len(clients))
        self.assertEqual([head.get("if-none-match") for head in gate.seen],
                         [None] + ['"a"'] * (len(clients) - 1))


class StaleSlice(DiskCase):
    memory = 16 * SLICE

    def test_on_the_disk_it_does_not_cut_who_wants_only_what_is_cached(self):
        whole = bytes(i % 251 for i in range(3 * SLICE))
        asked = []

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                asked.append(head)
                first, last = map(int, head.get("range")[6:].split("-"))
                part = whole[first:last + 1]
                life = 600 if first == 0 else 0
                stream.send(b"HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n"
                            b"Cache-Control: max-age=%d\r\nContent-Range: bytes %d-%d/%d\r\n"
                            b"Content-Length: %d\r\n\r\n"
                            % (life, first, first + len(part) - 1, len(whole), len(part)) + part)

        self.cached_app(script)
        wanted = "Range: bytes=0-%d\r\n" % (len(whole) - 1)
        head, body = self.get("/film", fields=wanted)
        self.assertEqual((head.status, body), (206, whole))
        self.written(3)
        self.restart(signal.SIGTERM)
        head, body = self.get("/film", fields=wanted + "Cache-Control: only-if-cached\r\n")
        self.assertIn(head.status, (206, 504))
        if head.status == 206:
            self.assertEqual(body, whole)


if __name__ == "__main__":
    unittest.main()
