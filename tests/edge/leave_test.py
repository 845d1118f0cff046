"""Clients that leave while an instance is at work for them, and what an instance leaves behind on a
connection that the next client would get."""

import fcntl
import struct
import termios
import threading
import unittest

import h2.events
from h2_test import H2Case
from h2c_test import H2Server
from tunnel_test import SWITCH

from harness import PATIENCE, endpoint, ok, until


def arrived(stream):
    """All that was sent there lies in the receiver's kernel."""
    count = bytes(4)
    until(lambda: struct.unpack("i", fcntl.ioctl(stream.sock, termios.TIOCOUTQ, count))[0] == 0,
          "what was sent to arrive")


class Pooled(H2Case):
    threads = 1
    options = ("--upstream-idle-ms", "60000")

    def test_what_came_before_a_request_was_sent_is_not_its_answer(self):
        """The edge finds both at once, the request first: that the connection which it takes for it
        has spoken out of turn it has not heard."""
        evil = ok("evil")
        idle = []
        ready = threading.Event()

        def script(stream, _number):
            while stream.inbox or stream.more():
                stream.body(stream.head())
                stream.send(ok("good"))
                idle.append(stream)
                ready.set()

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        for method in ("GET", "PUT", "POST", "OPTIONS"):
            ready.clear()
            client = self.client()
            self.assertEqual(self.get(method=method, stream=client)[1], b"good")
            self.assertTrue(ready.wait(PATIENCE))
            count = origin.count
            with self.frozen():
                client.send("%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % method)
                arrived(client)
                idle[-1].send(evil)
                arrived(idle[-1])
            self.assertEqual(client.body(client.head()), b"good", method)
            self.assertEqual(origin.count, count + 1)
            self.assertEqual(client.inbox, b"")

    def test_what_stands_behind_an_answer_is_nobody_s(self):
        """Right behind it, and a moment later: in one piece with it or not."""
        go = threading.Event()

        def script(stream, number):
            stream.body(stream.head())
            if number == 1:
                stream.send(ok("good") + ok("evil"))
            else:
                stream.send(ok("good"))
                go.wait(PATIENCE)
                stream.send(ok("evil"))
            self.assertEqual(stream.rest(), b"")

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        client = self.client()
        for count in (1, 2):
            self.assertEqual(self.get(stream=client)[1], b"good")
            self.assertEqual(origin.count, count)
        go.set()
        until(lambda: not origin.open, "both to be closed")
        self.assertEqual(self.get(stream=client)[1], b"good")
        self.assertEqual(client.inbox, b"")


class Leaving(H2Case):
    threads = 1

    def setUp(self):
        self.begun = threading.Semaphore(0)  # requests that an instance has
        self.left = threading.Semaphore(0)   # of which it has heard that nobody wants them
        super().setUp()

    def plain(self, answer=b"", size=0):
        """An instance of HTTP/1 that answers with that, if anything, and waits for its end."""

        def script(stream, _number):
            stream.head()
            if size:
                stream.exactly(size)
            if answer:
                stream.send(answer)
            self.begun.release()
            try:
                while stream.more():
                    stream.inbox = b""
            finally:
                self.left.release()

        origin = self.origin(script)
        return endpoint("web-1", origin.port)

    def h2c(self, answer=False):
        """The same of HTTP/2: hears of a reset of its stream."""
        case = self

        class Server(H2Server):
            def take(self, event):
                if isinstance(event, h2.events.RequestReceived):
                    if answer:
                        self.answer(event.stream_id, b"begun", end=False)
                    self.flush()
                    case.begun.release()
                if isinstance(event, h2.events.StreamReset):
                    assert event.error_code == 8, event
                    case.left.release()
                super().take(event)

        origin = self.origin(
            lambda stream, _number: Server(stream, lambda *_: None).run())
        return {**endpoint("web-1", origin.port), "protocol": "h2c"}

    def open_count(self):
        one, = self.daemon.fresh()["endpoints"]
        return one["requests_open"] + one["tunnels_open"]

    def expect_left(self, what):
        self.assertTrue(self.left.acquire(timeout=PATIENCE), what)
        until(lambda: self.open_count() == 0, "nothing to be open")

    def test_a_reset_stream_reaches_the_instance_at_once_in_every_state(self):
        whole = {"method": "GET"}
        upload = {"method": "POST", "body": b"some", "end": False}
        chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"
        cases = [("sent", self.plain(), whole, False),
                 ("uploading", self.plain(), upload, False),
                 ("answered in part", self.plain(chunk), whole, True),
                 ("both ways", self.plain(chunk), upload, True),
                 ("sent, HTTP/2", self.h2c(), whole, False),
                 ("uploading, HTTP/2", self.h2c(), upload, False),
                 ("answered in part, HTTP/2", self.h2c(answer=True), whole, True),
                 ("both ways, HTTP/2", self.h2c(answer=True), upload, True)]
        client = None
        for what, one, request, answered in cases:
            self.publish([one])
            client = client or self.h2()
            number = client.request("/", **request)
            self.assertTrue(self.begun.acquire(timeout=PATIENCE), what)
            if answered:
                while client.answers[number].body != b"begun":
                    self.assertTrue(client.pump())
            client.conn.reset_stream(number, 8)
            client.flush()
            self.expect_left(what)

    def test_so_does_one_of_a_websocket(self):
        self.publish([self.plain(SWITCH.encode())])
        client = self.h2()
        number = client.conn.get_next_available_stream_id()
        while not client.conn.remote_settings.enable_connect_protocol:
            client.pump()
        client.conn.send_headers(number, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
            (":authority", "shop.test"), (":path", "/ws"), ("sec-websocket-version", "13")])
        client.flush()
        self.assertTrue(self.begun.acquire(timeout=PATIENCE))
        client.conn.reset_stream(number, 8)
        client.flush()
        self.expect_left("the tunnel")

    def test_who_is_held_or_connects_leaves_its_place(self):
        self.publish([], hold=True)
        client = self.h2()
        numbers = [client.request("/"), client.request("/", method="POST", body=b"a", end=False)]
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 2, "both to wait")
        for number in numbers:
            client.conn.reset_stream(number, 8)
        client.flush()
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 0, "their places")

    def test_a_fetch_goes_on_for_who_else_waits_for_it(self):
        go = threading.Event()

        def script(stream, _number):
            stream.head()
            self.begun.release()
            go.wait(PATIENCE)
            stream.send(ok("kept", "Cache-Control: max-age=60\r\n"))

        origin = self.origin(script)
        cache = {"ttl": 0, "stale_while_revalidate": 0, "stale_if_error": 0}
        self.publish_snapshot([self.route(cache=cache)],
                              [self.app([endpoint("web-1", origin.port)])])
        leader, other = self.h2(), self.client()
        number = leader.request("/")
        self.assertTrue(self.begun.acquire(timeout=PATIENCE))
        other.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: "moln_cache_collapsed_total 1\n" in self.daemon.metrics_text(),
              "the other to wait for it")
        leader.conn.reset_stream(number, 8)
        leader.flush()
        until(lambda: self.log_lines(1), "the leader's end")
        go.set()
        self.assertEqual(other.body(other.head()), b"kept")
        self.assertEqual(origin.count, 1)

    def test_a_client_of_http_1_that_is_reset_is_left_at_once(self):
        self.publish([self.plain()])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(self.begun.acquire(timeout=PATIENCE))
        client.reset()
        self.expect_left("the request")

    def test_a_client_of_http_1_that_closes_is_left_once_it_was_looked_for(self):
        """It has given up, as with curl --max-time: its instance need not go on."""
        for version in ("1.1", "1.0"):
            for size, fields in ((0, ""), (4, "Content-Length: 4\r\n")):
                self.publish([self.plain(size=size)])
                client = self.client()
                client.send("POST / HTTP/%s\r\nHost: a\r\n%s\r\n%s" %
                            (version, fields, "body"[:size]))
                self.assertTrue(self.begun.acquire(timeout=PATIENCE))
                client.close()
                self.expect_left("the request")
        self.assertEqual({line["status"] for line in self.log_lines(4)}, {0})

    def test_who_only_half_closes_is_answered_however_long_it_takes(self):
        go = threading.Event()

        def script(stream, _number):
            stream.head()
            go.wait(PATIENCE)
            stream.send(ok("late"))

        self.publish([endpoint("web-1", self.origin(script).port)])
        for version, first in (("1.1", b"HTTP/1.1 100 Continue\r\n\r\n"), ("1.0", b"HTTP/1.1 ")):
            go.clear()
            client = self.client()
            client.send("GET / HTTP/%s\r\nHost: a\r\n\r\n" % version)
            client.half_close()
            self.assertEqual(client.exactly(len(first)), first)
            go.set()
            if version == "1.0":
                client.inbox = first + client.inbox
            head = client.head()
            self.assertEqual((head.status, client.body(head)), (200, b"late"))
            self.assertTrue(client.closed())


if __name__ == "__main__":
    unittest.main()
