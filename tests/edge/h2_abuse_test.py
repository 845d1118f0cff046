"""Clients of HTTP/2 that mean no good: each is bounded or sent away, and others are served."""

import signal
import ssl
import threading
import time
import unittest

import h2_frames as f
from h2_frames import (ACK, CALM, CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, HEADERS, PADDED,
                       PING, POST,
                       PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Frames, frame, number,
                       settings)
from h2_client import h2_client_of, h2_stream_of
from harness import PATIENCE, SANITIZED, EdgeCase, endpoint, ok, serving, until

MEMORY_MIB = 64  # that no abuser may cost


class Abuse(EdgeCase):
    threads = 1

    def setUp(self):
        super().setUp()
        big = bytes(1 << 20)
        self.seen = 0

        def answer(head, body):
            self.seen += 1
            return ok(big if "/big" in head.first else b"ok")
        self.publish([endpoint("web-1", self.origin(serving(answer)).port)])
        self.get()
        self.before_kib = self.memory_kib()

    def tearDown(self):
        head, body = self.get()
        self.assertEqual((head.status, body), (200, b"ok"))
        if not SANITIZED:
            self.assertLess(self.memory_kib() - self.before_kib, MEMORY_MIB * 1024)
        super().tearDown()

    def new(self):
        return Frames(h2_stream_of(self))

    def flood(self, make, count):
        """Sends make(i) for i below count until the edge ends it; how many went."""
        client = self.new()
        batch = 100
        for i in range(0, count, batch):
            client.send(*(make(client, j) for j in range(i, i + batch)))
            client.sock.settimeout(0.0005)
            try:
                client.pump()
            except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
                pass
            client.sock.settimeout(20)
            if client.closed:
                break
        return client

    def sent_away(self, client):
        found = client.until(lambda one: one[0] == f.GOAWAY)
        if found:
            self.assertEqual(found[3][4:8], number(CALM))
        client.until(lambda one: False)
        self.assertTrue(client.closed)

    def gone(self, client):
        """For whatever reason: it may not be heard over what is being sent."""
        client.until(lambda one: False)
        self.assertTrue(client.closed)

    def test_rapid_resets(self):
        def open_and_reset(c, i):
            return c.headers(1 + 2 * i) + frame(RST_STREAM, 1 + 2 * i, number(8))
        self.sent_away(self.flood(open_and_reset, 10_000))
        # What got through to the instance is a fraction.
        self.assertLess(self.seen, 3_000)
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "all closed")

    def test_resets_provoked_from_the_edge(self):
        """Each stream is broken by the client, so that the edge itself must reset it
        (CVE-2025-8671, CVE-2019-9514). Some ways end the connection at once."""
        get = lambda c, of: c.headers(of)
        post = lambda c, of: c.headers(of, POST + [("content-length", "1")], END_HEADERS)
        ways = {
            "too large a window": (
                get, lambda c, of: frame(WINDOW_UPDATE, of, number(2**31 - 1))),
            "too large a window for an upload": (
                post, lambda c, of: frame(WINDOW_UPDATE, of, number(2**31 - 1))),
            "no window": (get, lambda c, of: frame(WINDOW_UPDATE, of, number(0))),
            "a short priority": (get, lambda c, of: frame(PRIORITY, of, b"\0\0\0\0")),
            "a priority on itself": (
                get, lambda c, of: frame(PRIORITY, of, number(of) + b"\x10")),
            "a head behind the end": (get, lambda c, of: c.headers(of)),
            "data behind the end": (get, lambda c, of: frame(DATA, of, b"x", END_STREAM)),
            "trailers that are none": (
                post, lambda c, of: c.headers(of, [("expect", "100-continue")])),
            "trailers that are no end": (post, lambda c, of: c.headers(of, [("x", "1")],
                                                                        END_HEADERS)),
            "more than was said": (post, lambda c, of: frame(DATA, of, b"xx")),
            "less than was said": (post, lambda c, of: frame(DATA, of, b"", END_STREAM)),
            "too large a frame": (post, lambda c, of: frame(DATA, of, bytes(16385))),
            "a head that is none": (lambda c, of: c.headers(of, GET + [("X", "1")]),
                                    lambda c, of: b""),
        }
        for name, (head, breaks) in ways.items():
            with self.subTest(name):
                client, seen = self.new(), self.seen
                for first in range(1, 10_000, 100):  # no more at once than may be open
                    client.send(*(head(client, of) + breaks(client, of)
                                  for of in range(first, first + 100, 2)))
                    if client.alive():
                        break
                self.gone(client)
                self.assertLess(self.seen - seen, 3_000)
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "all closed")

    def test_resets_provoked_of_what_the_instance_has_begun(self):
        """The client has taken nothing back itself; the instance works for nobody each time."""
        begun = []

        def script(stream, _number):
            stream.head()
            begun.append(1)
            stream.rest()
        self.publish([endpoint("web-2", self.origin(script).port)])
        client = self.new()
        for first in range(1, 10_000, 100):
            streams, before = range(first, first + 100, 2), len(begun)
            client.send(*(client.headers(of) for of in streams))
            if client.alive():
                break
            until(lambda: len(begun) == before + 50, "the instance")
            client.send(*(frame(WINDOW_UPDATE, of, number(2**31 - 1)) for of in streams))
        self.sent_away(client)
        self.assertLess(len(begun), 3_000)
        until(lambda: sum(one["requests_open"] for one in self.daemon.fresh()["endpoints"]) == 0,
              "all closed")
        self.publish([endpoint("web-3", self.origin(serving(lambda head, body: ok(b"ok"))).port)])

    def test_requests_past_those_that_may_be_open(self):
        """Each is refused, which costs the client nothing that it could not have had for less."""
        self.publish([endpoint("web-2", self.origin(lambda stream, _: stream.rest()).port)])

        def make(client, i):
            return client.headers(1 + 2 * i, POST, END_HEADERS)
        client = self.flood(make, 20_000)
        self.sent_away(client)
        self.publish([endpoint("web-3", self.origin(serving(lambda head, body: ok(b"ok"))).port)])

    def test_frames_that_do_nothing(self):
        kinds = {"pings": lambda c, i: frame(PING, 0, b"12345678"),
                 "settings": lambda c, i: settings(),
                 "priorities": lambda c, i: frame(PRIORITY, 1 + 2 * (i % 50), b"\0\0\0\0\x10"),
                 "unknown": lambda c, i: frame(0x77, 0, b"x"),
                 "windows": lambda c, i: frame(WINDOW_UPDATE, 0, number(1)),
                 "pongs": lambda c, i: frame(PING, 0, b"12345678", ACK),
                 "farewells": lambda c, i: frame(f.GOAWAY, 0, number(0) + number(0)),
                 "resets of what is over": lambda c, i: c.headers(1) if i == 0
                 else frame(RST_STREAM, 1, number(8)),
                 "windows of what is over": lambda c, i: c.headers(1) if i == 0
                 else frame(WINDOW_UPDATE, 1, number(1)),
                 "empty data": lambda c, i: c.headers(1, POST, END_HEADERS) if i == 0
                 else frame(DATA, 1),
                 "nothing but padding": lambda c, i: c.headers(1, POST, END_HEADERS) if i == 0
                 else frame(DATA, 1, b"\3\0\0\0", PADDED)}
        for name, make in kinds.items():
            with self.subTest(name):
                self.sent_away(self.flood(make, 20_000))

    def test_a_burst_within_the_budget_is_answered(self):
        """Also if the edge finds all of it at once."""
        client = self.new()
        before, count = len(client.came), 3000
        self.process.send_signal(signal.SIGSTOP)
        client.send(*(frame(PING, 0, b"12345678") for _ in range(count)))
        self.process.send_signal(signal.SIGCONT)
        while len(client.came) < before + count and client.pump():
            pass
        self.assertEqual([one[0] for one in client.came[before:]], [PING] * count)
        self.assertIsNone(client.alive())

    def test_a_block_without_end_that_says_nothing(self):
        """CVE-2024-27316, CVE-2019-9518."""
        def make(client, i):
            return frame(CONTINUATION, 1) if i else frame(HEADERS, 1, b"", END_STREAM)
        self.gone(self.flood(make, 10_000))

    def test_fields_without_a_name(self):
        """CVE-2019-9516: they cost what a field costs, not what they say."""
        client = self.new()
        client.send(frame(HEADERS, 1, client.block(GET) + b"\0\0\0" * 5_000,
                          END_STREAM | END_HEADERS))
        self.assertIsNone(client.refused(1))

    def test_cookies_in_crumbs(self):
        """Each is a byte of the table's, and a field of the request's."""
        client = self.new()
        client.send(client.headers(1, GET + [("cookie", "a=b")]))
        self.assertIsNone(client.answered(1))
        client.send(frame(HEADERS, 3, client.block(GET) + b"\xbe" * 1_000,
                          END_STREAM | END_HEADERS))
        self.assertIsNone(client.answered(3, "431"))
        self.assertIsNone(client.alive())

    def test_settings_of_thousands(self):
        """CVE-2020-11080: one frame with work for thousands."""
        client = self.new()
        client.send(settings(*[(4, 65535)] * 2700))
        self.sent_away(client)

    def test_answers_by_the_byte(self):
        """CVE-2019-9511: a window of one byte at a time."""
        fields = [(":path", "/big") if name == ":path" else (name, value) for name, value in GET]

        def make(client, i):
            return (settings((4, 0)) + client.headers(1, fields) if i == 0 else
                    frame(WINDOW_UPDATE, 1, number(1)))
        self.sent_away(self.flood(make, 20_000))

    def test_a_block_without_end(self):
        client = self.new()
        client.send(frame(HEADERS, 1, client.block(GET), END_STREAM))
        for _ in range(10_000):
            client.send(frame(CONTINUATION, 1, b"\0\x01a\x01b" * 100))
            if client.closed:
                break
        client.until(lambda one: False)
        self.assertTrue(client.closed)

    def test_a_head_of_a_megabyte_is_refused_and_costs_nothing(self):
        client = self.new()
        block = client.block(GET + [("x-%d" % i, "v" * 1000) for i in range(1000)])
        parts = [block[i:i + 16384] for i in range(0, len(block), 16384)]
        client.send(frame(HEADERS, 1, parts[0], END_STREAM),
                    *(frame(CONTINUATION, 1, part) for part in parts[1:-1]),
                    frame(CONTINUATION, 1, parts[-1], END_HEADERS))
        self.assertIsNone(client.refused(1))

    def test_a_head_just_too_long_is_answered(self):
        client = self.new()
        client.send(client.headers(1, GET + [("x", "v" * 16_000), ("y", "v" * 100)]))
        self.assertIsNone(client.answered(1))
        client = self.new()
        block = client.block(GET + [("x-%d" % i, "v" * 8000) for i in range(5)])
        client.send(frame(HEADERS, 1, block[:16384], END_STREAM),
                    frame(CONTINUATION, 1, block[16384:], END_HEADERS))
        self.assertIsNone(client.answered(1, "431"))
        self.assertIsNone(client.alive())

    def test_a_bomb_of_references(self):
        """4 KiB in the table, named 16,000 times in one frame: 64 MiB once unpacked."""
        client = self.new()
        client.send(client.headers(1, GET + [("bomb", "b" * 4000)]))
        self.assertIsNone(client.answered(1))
        client.send(frame(HEADERS, 3, client.block(GET) + b"\xbe" * 16_000,
                          END_STREAM | END_HEADERS))
        self.assertIsNone(client.stream_error(3, f.INTERNAL, CALM))

    def test_gigantic_windows_and_no_reading(self):
        client = self.new()
        client.send(settings((4, 2**31 - 1)), frame(WINDOW_UPDATE, 0, number(2**31 - 65536)))
        fields = [(":path", "/big") if name == ":path" else (name, value) for name, value in GET]
        client.send(*(client.headers(1 + 2 * i, fields) for i in range(100)))
        # A hundred times a megabyte is asked for and not read.
        until(lambda: self.seen >= 100, "the requests")
        self.daemon.fresh()
        if not SANITIZED:
            self.assertLess(self.memory_kib() - self.before_kib, MEMORY_MIB * 1024)

    def test_no_reading_of_interim_heads(self):
        """A hundred times half a megabyte of them: no window bounds what heads take."""
        hints = b"HTTP/1.1 103 X\r\n%s\r\n" % b"".join(
            b"X-%d: %s\r\n" % (i, b"%d" % i * 15_000) for i in range(2))
        go, progress = threading.Event(), []

        def script(stream, _number):
            if "/hints" in stream.head().first:
                stream.send("HTTP/1.1 103 X\r\n\r\n")
                go.wait(PATIENCE)
                for _ in range(15):
                    stream.send(hints)
                    progress.append(1)
            stream.send(ok())

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = h2_client_of(self)
        answers = [client.answers[client.request("/hints")] for _ in range(100)]
        while not all(one.heads for one in answers):
            client.pump()
        go.set()

        def settled():
            before = len(progress)
            time.sleep(0.2)
            return before == len(progress) and before >= 100

        until(settled, "as much as the edge takes")
        if not SANITIZED:
            self.assertLess(self.memory_kib() - self.before_kib, MEMORY_MIB // 2 * 1024)
        while not all(one.ended for one in answers):
            client.pump()
        self.assertEqual({(one.status, one.body, len(one.heads)) for one in answers},
                         {(200, b"ok", 17)})

    def test_tiny_windows(self):
        client = self.new()
        client.send(settings((4, 0)))
        client.send(*(client.headers(1 + 2 * i) for i in range(100)))
        for i in range(100):
            self.assertIsNone(client.answered(1 + 2 * i))
        client.send(settings((4, 1)))
        self.assertIsNone(client.alive())

    def test_uploads_that_nobody_finishes(self):
        clients = []
        for _ in range(10):
            client = self.new()
            client.send(*(client.headers(1 + 2 * i, POST, END_HEADERS) for i in range(50)),
                        *(frame(DATA, 1 + 2 * i, b"x" * 1000) for i in range(50)))
            clients.append(client)
        for client in clients:
            self.assertIsNone(client.alive())
            client.sock.close()
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "all closed")


class Slowness(EdgeCase):
    # Long enough for a slow machine to do what comes before.
    options = ("--head-ms", "2000", "--stall-ms", "2000", "--idle-ms", "5000")

    def setUp(self):
        super().setUp()
        big = bytes(4 << 20)
        self.publish([endpoint("web-1", self.origin(serving(lambda head, body: ok(big))).port)])

    def new(self):
        return Frames(h2_stream_of(self))

    def test_half_a_head(self):
        client = self.new()
        client.send(frame(HEADERS, 1, client.block(GET), END_STREAM))
        client.until(lambda one: False)
        self.assertTrue(client.closed)

    def test_half_a_body(self):
        client = self.new()
        client.send(client.headers(1, POST, END_HEADERS), frame(DATA, 1, b"x"))
        self.assertIsNone(client.stream_error(1, f.INTERNAL, f.CANCEL))
        self.assertIsNone(client.alive())

    def test_a_window_that_never_opens(self):
        client = self.new()
        client.send(client.headers(1))
        self.assertIsNone(client.answered(1))
        self.assertIsNone(client.stream_error(1, f.INTERNAL, f.CANCEL))

    def test_a_socket_that_nobody_reads(self):
        client = self.new()
        client.send(settings((4, 2**31 - 1)), frame(WINDOW_UPDATE, 0, number(2**31 - 65536)))
        client.send(*(client.headers(1 + 2 * i) for i in range(20)))
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] > 0, "a request")
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "its end")

    def test_nothing_but_pings_is_idle(self):
        client = self.new()
        while not client.closed:
            client.send(frame(PING, 0, b"12345678"))
            client.pump()
            time.sleep(0.01)  # they are far fewer than would send it away
        self.assertEqual([one[3][4:8] for one in client.came if one[0] == f.GOAWAY],
                         [number(f.NO_ERROR)])


class Unended(EdgeCase):
    """A client that has taken all of an answer and leaves its end no window: no request is open."""
    options = ("--idle-ms", "2000")

    def setUp(self):
        super().setUp()

        taken = threading.Event()

        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            taken.wait(PATIENCE)
            stream.send("0\r\n\r\n")
            stream.rest()
        self.publish([endpoint("web-1", self.origin(script).port)])
        self.greedy = Frames(h2_stream_of(self))
        self.greedy.send(settings((4, 5)), self.greedy.headers(1))
        self.assertEqual(self.greedy.until(lambda one: one[0] == DATA)[3], b"hello")
        taken.set()
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "the answer's end")

    def test_its_connection_is_idle_and_ends(self):
        self.greedy.until(lambda one: False)
        self.assertTrue(self.greedy.closed)

    def test_an_edge_that_stops_does_not_wait_for_it(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Limits(EdgeCase):
    threads = 1
    options = ("--streams-max", "3")

    def test_streams_at_the_limit_and_one_past_it(self):
        origin = self.origin(lambda stream, _number: stream.rest())
        self.publish([endpoint("web-1", origin.port)])
        client = Frames(h2_stream_of(self))
        client.send(*(client.headers(1 + 2 * i) for i in range(3)))
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 3, "three")
        other = Frames(h2_stream_of(self))
        other.send(other.headers(1))
        self.assertIsNone(other.stream_error(1, f.REFUSED))
        client.send(frame(RST_STREAM, 1, number(8)))
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 2, "two")
        other.send(other.headers(3))
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 3, "three again")

    @unittest.skipIf(SANITIZED, "what is kept goes before a slow edge has given back the rest")
    def test_idle_connections_to_an_instance_at_the_limit_and_one_past_it(self):
        kept, past = 1024, 1
        here, go = [], threading.Event()

        def script(stream, _number):
            stream.head()
            here.append(1)
            go.wait(60)
            stream.send(ok("done"))
            stream.rest()
        origin = self.origin(script)
        # What is given back first is still kept when the last is.
        self.stop_and_start("--streams-max", "20000", "--upstream-idle-ms", "60000")
        self.publish([endpoint("web-1", origin.port)])
        clients = []
        for first in range(0, kept + past, 100):
            client = Frames(h2_stream_of(self))
            count = min(100, kept + past - first)
            client.send(*(client.headers(1 + 2 * i) for i in range(count)))
            clients.append((client, count))
        until(lambda: len(here) == kept + past, "all requests")
        go.set()
        for client, count in clients:
            for i in range(count):
                self.assertIsNone(client.ended(1 + 2 * i))
        until(lambda: len(origin.open) <= kept, "the end of those that are too many")
        self.assertEqual(len(origin.open), kept)

    def stop_and_start(self, *options):
        self.process.terminate()
        self.process.wait(20)
        self.options = options
        self.start()


if __name__ == "__main__":
    unittest.main()
