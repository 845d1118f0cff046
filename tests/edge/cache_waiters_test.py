"""Those who wait for another's fetch that hangs or dies midway, and what they ask for then."""

import signal
import threading
import unittest

from cache_crowd_test import CrowdCase
from cache_disk_test import DiskCase
from cache_test import CACHE
from harness import PATIENCE, endpoint, ok, until

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

    def test_what_is_not_one_answer_for_all_is_asked_for_by_all_at_once(self):
        """The app answers the others once all of them are there: one after the other would hang."""
        for i, (says, status) in enumerate((
                ("Cache-Control: private\r\n", "200 OK"), ("Cache-Control: no-store\r\n", "200 OK"),
                ("Vary: *\r\n", "200 OK"), ("Set-Cookie: a=b\r\n", "200 OK"),
                ('Cache-Control: no-cache\r\nETag: "a"\r\n', "200 OK"),
                ("Cache-Control: max-age=60\r\nVary: X-Id\r\n", "200 OK"),
                ("", "503 Service Unavailable"), ("", "500 Internal Server Error"))):
            with self.subTest(says=says, status=status):
                first = threading.Event()
                others = threading.Barrier(CROWD)
                asked = []

                def answer(stream, number, says=says, status=status, first=first, others=others,
                           asked=asked):
                    while stream.inbox or stream.more():
                        head = stream.head()
                        asked.append(head)
                        if len(asked) == 1:
                            first.wait(PATIENCE)
                        else:
                            others.wait(PATIENCE)
                        who = head.get("x-id").encode()
                        stream.send(b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s"
                                    % (status.encode(), says.encode(), len(who), who))

                self.cached_app(answer)
                before = self.daemon.fresh()["cache"]["collapsed_total"]
                leader = self.ask("/%d" % i, 1, "X-Id: 0\r\n")[0]
                until(lambda asked=asked: asked, "the fetch")
                clients = [self.ask("/%d" % i, 1, "X-Id: %d\r\n" % number)[0]
                           for number in range(1, CROWD + 1)]
                self.wait_for(before + CROWD)
                first.set()
                for number, client in enumerate([leader, *clients]):
                    head = client.head()
                    self.assertEqual(head.status, int(status[:3]))
                    self.assertEqual(client.body(head), b"%d" % number)

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


class Silent(CrowdCase):
    """An app that says nothing, for those who wait for what one of them asks it."""

    def silent_app(self, answer_timeout=300_000):
        self.asked = []

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                self.asked.append(head.first.split(" ")[1])
                if head.get("x-answer"):
                    stream.send(ok(b"old", "Cache-Control: max-age=0, stale-if-error=600\r\n"))

        origin = self.origin(script)
        self.publish_snapshot(
            [self.route(cache=CACHE)],
            [self.app([endpoint("web-1", origin.port)], answer_timeout=answer_timeout)])

    def clients_open(self):
        for line in self.daemon.metrics_text().split("\n"):
            if line.startswith("moln_edge_clients_open "):
                return int(line.split(" ")[1])
        return None

    def test_all_are_told_by_the_second_silence_however_many_they_are(self):
        self.silent_app(12_000)
        first = self.ask("/old", 1, "X-Answer: 1\r\n")[0]
        self.assertEqual(first.body(first.head()), b"old")
        self.asked.clear()
        part = "Range: bytes=0-9\r\n"
        leaders = [self.ask(path, 1)[0] for path in ("/new", "/old")] + self.ask("/film", 1, part)
        until(lambda: len(self.asked) == 3, "the fetches")
        new, old = (self.ask(path, CROWD) for path in ("/new", "/old"))
        heads = [self.client() for _ in range(CROWD)]
        for client in heads:
            client.send("HEAD /new HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        parts = self.ask("/film", CROWD, part)
        self.wait_for(4 * CROWD)
        for client in [leaders[0], leaders[2], *heads, *new, *parts]:
            self.assertEqual(client.head().status, 504)
        for client in [leaders[1], *old]:
            self.assertEqual(client.body(client.head()), b"old")
        for path in ("/new", "/old", "/film"):
            self.assertLessEqual(self.asked.count(path), 4)

    def test_who_stays_with_one_that_hangs_gets_what_another_brings(self):
        """Who wants the head alone begins none: it stays with the first."""
        over = threading.Event()
        asked = []
        self.addCleanup(over.set)

        def script(stream, _number):
            asked.append(stream.head().first.split(" ")[0])
            if len(asked) == 1:
                over.wait(3 * PATIENCE)
            stream.send(ok(b"%d" % len(asked), "Cache-Control: max-age=600\r\n"))

        self.cached_app(script)
        self.ask(count=1)
        until(lambda: asked, "the fetch")
        heads = [self.client() for _ in range(CROWD)]
        for client in heads:
            client.send("HEAD /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        self.wait_for(CROWD)
        other = self.ask(count=1)[0]
        self.assertEqual(other.body(other.head()), b"2")
        for client in heads:
            self.assertEqual(client.head().get("content-length"), "1")
        self.assertEqual(asked, ["GET", "GET"])

    def test_who_has_left_is_found_while_it_waits(self):
        self.silent_app()
        leader = self.ask(count=1)[0]
        until(lambda: self.asked, "the fetch")
        others = self.clients_open()
        for version in ("1.1", "1.0"):
            client = self.client()
            client.send("GET /a HTTP/%s\r\nHost: shop.test\r\n\r\n" % version)
            self.wait_for(1 if version == "1.1" else 2)
            client.close()
            until(lambda: self.clients_open() == others, "the edge to see that it left")
        self.assertEqual(len(self.asked), 1)
        leader.close()
        until(lambda: self.clients_open() == others - 1, "the edge to see that it left")

    def test_who_only_half_closes_is_answered(self):
        gate = self.gated(lambda stream, head, number: stream.send(
            ok(b"late", "Cache-Control: max-age=60\r\n")))
        leader = self.ask(count=1)[0]
        self.assertTrue(gate.arrived.acquire(timeout=PATIENCE))
        waiting = []
        for version, said in (("1.1", b"HTTP/1.1 100 Continue\r\n\r\n"), ("1.0", b"HTTP/1.1 ")):
            client = self.client()
            client.send("GET /a HTTP/%s\r\nHost: shop.test\r\n\r\n" % version)
            client.half_close()
            self.assertEqual(client.exactly(len(said)), said)
            if version == "1.0":
                client.inbox = said + client.inbox
            waiting.append(client)
        gate.allowed.release()
        for client in [leader, *waiting]:
            self.assertEqual(client.body(client.head()), b"late")
        self.assertEqual(len(gate.seen), 1)


class OneThread(CrowdCase):
    """Another thread may tell its clients of what the one that fetches has not read to its end."""

    threads = 1

    def test_who_was_told_nothing_when_it_breaks_off_asks_anew(self):
        """The head and half a body come at once, with the end right behind."""
        go = threading.Event()
        asked = []

        def script(stream, number):
            asked.append(stream.head())
            go.wait(PATIENCE)
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nCache-Control: max-age=60\r\n\r\n"
                        + (b"half" if number == 1 else b"complete"))

        self.cached_app(script)
        leader = self.ask(count=1)[0]
        until(lambda: asked, "the fetch")
        clients = self.ask(count=CROWD)
        self.wait_for(CROWD)
        with self.frozen():
            go.set()
            until(lambda: not self.origins[-1].open, "all to be sent")
        leader.head()
        self.assertEqual(leader.exactly(4), b"half")
        self.assertTrue(leader.closed())
        for client in clients:
            self.assertEqual(client.body(client.head()), b"complete")
        self.assertEqual(len(asked), 2)


class Rest(CrowdCase):
    """What has a strong tag is gone on with where it broke off, for all who read it."""

    whole = bytes(i % 251 for i in range(500_000))

    def breaking(self, breaks, says='ETag: "a"\r\n', rest_says=None):
        """The first `breaks` answers break off after a third of what is asked for."""
        self.asked = []
        self.go = threading.Event()
        self.addCleanup(self.go.set)

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                self.asked.append(head)
                number = len(self.asked)
                first, line, fields = 0, "200 OK", says
                if head.get("range") and rest_says != "200":
                    first, line = int(head.get("range")[6:-1]), "206 Partial Content"
                    fields = (rest_says or says) + "Content-Range: bytes %d-%d/%d\r\n" % (
                        first, len(self.whole) - 1, len(self.whole))
                part = self.whole[first:]
                stream.send("HTTP/1.1 %s\r\nContent-Length: %d\r\nCache-Control: max-age=60\r\n"
                            "%s\r\n" % (line, len(part), fields))
                if number <= breaks:
                    stream.send(part[:len(part) // 3])
                    self.go.wait(PATIENCE)
                    return
                stream.send(part)

        self.cached_app(script)

    def test_what_breaks_off_is_gone_on_with_and_nobody_is_cut(self):
        self.breaking(2)
        clients = self.ask()
        for client in clients:
            self.assertEqual(client.head().get("content-length"), str(len(self.whole)))
            self.assertEqual(client.exactly(1000), self.whole[:1000])
        self.go.set()
        for client in clients:
            self.assertEqual(client.exactly(len(self.whole) - 1000) == self.whole[1000:], True)
        third = len(self.whole) // 3
        second = third + (len(self.whole) - third) // 3
        self.assertEqual([head.get("range") for head in self.asked],
                         [None, "bytes=%d-" % third, "bytes=%d-" % second])
        self.assertEqual([head.get("if-range") for head in self.asked], [None, '"a"', '"a"'])
        head, body = self.get("/a")
        self.assertIn("; hit", self.status_of(head))
        self.assertEqual(body == self.whole, True)

    def test_what_is_not_the_rest_of_it_is_given_to_nobody(self):
        for says, rest_says, times in (('ETag: "a"\r\n', 'ETag: "b"\r\n', 2),
                                       ('ETag: "a"\r\n', "200", 2),
                                       ('ETag: W/"a"\r\n', None, 1), ("", None, 1)):
            with self.subTest(says=says, rest_says=rest_says):
                self.breaking(1, says, rest_says)
                self.go.set()
                path = "/%d" % len(self.origins)
                client = self.ask(path, 1)[0]
                client.head()
                third = len(self.whole) // 3
                self.assertEqual(client.exactly(third) == self.whole[:third], True)
                self.assertTrue(client.closed())
                self.assertEqual(len(self.asked), times)
                self.assertEqual(self.get(path)[1] == self.whole, True)

    def test_one_that_always_breaks_off_is_given_up(self):
        self.breaking(100)
        self.go.set()
        client = self.ask(count=1)[0]
        client.head()
        with self.assertRaises((EOFError, OSError)):
            client.exactly(len(self.whole))
        self.assertEqual(client.inbox == self.whole[:len(client.inbox)], True)
        self.assertEqual(len(self.asked), 4)


class Slices(CrowdCase):
    def test_a_slice_that_breaks_off_is_asked_for_again_and_sent_on(self):
        whole = bytes(i % 251 for i in range(3 * SLICE))
        asked = []

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                first, last = map(int, head.get("range")[6:].split("-"))
                part = whole[first:last + 1]
                breaks = first not in asked
                asked.append(first)
                stream.send(b"HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n"
                            b"Cache-Control: max-age=60\r\nContent-Range: bytes %d-%d/%d\r\n"
                            b"Content-Length: %d\r\n\r\n"
                            % (first, first + len(part) - 1, len(whole), len(part)))
                if breaks:
                    stream.send(part[:300_000])
                    return
                stream.send(part)

        self.cached_app(script)
        wanted = "Range: bytes=1000-%d\r\n" % (len(whole) - 1000)
        head, body = self.get("/film", fields=wanted)
        self.assertEqual((head.status, body == whole[1000:-999]), (206, True))
        self.assertEqual(asked, [i * SLICE for i in range(3) for _ in range(2)])
        head, body = self.get("/film", fields=wanted)
        self.assertEqual((head.status, body == whole[1000:-999]), (206, True))
        self.assertEqual(len(asked), 6)

    def test_one_that_always_breaks_off_is_given_up(self):
        def script(stream, _number):
            head = stream.head()
            first = int(head.get("range")[6:].split("-")[0])
            stream.send(b"HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n"
                        b"Cache-Control: max-age=60\r\nContent-Range: bytes %d-%d/%d\r\n"
                        b"Content-Length: %d\r\n\r\n" % (first, first + SLICE - 1, 3 * SLICE, SLICE)
                        + bytes(1000))

        origin = self.cached_app(script)
        client = self.ask("/film", 1, "Range: bytes=0-%d\r\n" % (3 * SLICE - 1))[0]
        self.assertEqual(client.head().status, 206)
        self.assertEqual(client.exactly(1000), bytes(1000))
        self.assertTrue(client.closed())
        self.assertLess(origin.count, 10)


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
