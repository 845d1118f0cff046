"""WebSocket and other upgrades."""

import os
import socket
import threading
import time
import unittest

from harness import OVER_TLS, SANITIZED, EdgeCase, endpoint, ok, until

UPGRADE = ("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
SWITCH = ("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def echo(stream, _number):
    head = stream.head()
    if head.get("upgrade") != "websocket":
        stream.send(ok("plain"))
        return
    stream.send(SWITCH)
    while stream.inbox or stream.more():
        data, stream.inbox = stream.inbox, b""
        stream.send(data)


class Tunnel(EdgeCase):
    def open(self, state=None):
        client = self.client()
        client.send(UPGRADE)
        head = client.head()
        self.assertEqual((head.status, head.get("upgrade")), (101, "websocket"))
        return client

    def test_bytes_go_both_ways_and_are_counted_as_a_tunnel(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        client = self.open()
        for size in (1, 100, 70000):
            data = os.urandom(size)
            client.send(data)
            self.assertEqual(client.exactly(size), data)
        report = self.daemon.fresh()["endpoints"][0]
        self.assertEqual((report["requests_open"], report["tunnels_open"]), (0, 1))
        client.close()
        until(lambda: self.daemon.fresh()["endpoints"][0]["tunnels_open"] == 0, "the end")
        self.assertEqual(self.log_lines(1)[0]["status"], 101)

    def test_bytes_sent_right_behind_the_switch_are_not_lost(self):
        def script(stream, _number):
            stream.head()
            stream.send(SWITCH + "from the instance")
            assert stream.exactly(15) == b"from the client"
            stream.send("!")

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send(UPGRADE + "from the client")
        client.head()
        self.assertEqual(client.rest(), b"from the instance!")
        client.close()
        self.assertEqual(self.log_lines(1)[0]["bytes"], len("from the instance!"))

    def test_either_side_may_end_long_before_the_other(self):
        def script(stream, _number):
            stream.head()
            stream.send(SWITCH)
            received = stream.rest()
            stream.send(b"got %d" % len(received))

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.open()
        client.send(b"x" * 100000)
        client.half_close()
        self.assertEqual(client.rest(), b"got 100000")

        def other(stream, _number):
            stream.head()
            stream.send(SWITCH + "bye")
            stream.half_close()
            self.late = stream.rest()

        self.publish([endpoint("web-2", self.origin(other).port)])
        client = self.open()
        self.assertEqual(client.rest(), b"bye")
        client.send("still here")
        client.half_close()
        until(lambda: getattr(self, "late", None) == b"still here", "the client's last words")

    def test_the_last_words_of_a_server_that_takes_no_more_are_passed_on(self):
        begun, more = threading.Event(), threading.Event()

        def script(stream, _number):
            stream.head()
            stream.send(SWITCH)
            stream.sock.recv(4, socket.MSG_PEEK)
            begun.set()
            more.wait(20)
            stream.send("too much")  # and it has not read all: its end is a reset

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.open()
        client.send("ping")
        until(begun.is_set, "the first words")
        self.freeze()
        client.send("much more")
        more.set()
        until(lambda: not self.origins[0].open, "its end")
        self.thaw()
        self.assertEqual(client.exactly(8), b"too much")

    def test_a_tunnel_outlives_its_endpoints_drain_and_absence(self):
        origin = self.origin(echo)
        other = self.origin(echo)
        self.publish([endpoint("web-1", origin.port)])
        client = self.open()
        self.publish([endpoint("web-1", origin.port, "draining"), endpoint("web-2", other.port)])
        client.send("draining")
        self.assertEqual(client.exactly(8), b"draining")
        self.publish([endpoint("web-2", other.port)])
        client.send("absent")
        self.assertEqual(client.exactly(6), b"absent")
        self.assertEqual(self.daemon.endpoint("web-1")["tunnels_open"], 1)
        self.assertEqual(self.get()[1], b"plain")
        self.assertEqual(origin.count, 1)
        client.close()
        until(lambda: self.daemon.endpoint("web-1") is None, "the end of the last tunnel")

    def test_the_last_tunnel_of_a_draining_endpoint_is_reported_at_once(self):
        origin = self.origin(echo)
        self.publish([endpoint("web-1", origin.port)])
        client = self.open()
        self.publish([endpoint("web-1", origin.port, "draining")])
        until(lambda: self.daemon.endpoint("web-1")["tunnels_open"] == 1, "the count")
        self.assertGreaterEqual(self.daemon.endpoint("web-1")["oldest_open"], 0)
        client.close()
        until(lambda: self.daemon.endpoint("web-1")["tunnels_open"] == 0, "the report")

    def test_a_declined_upgrade_is_a_plain_answer(self):
        def script(stream, _number):
            stream.head()
            stream.send(ok("no tunnel"))

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send(UPGRADE + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(2):
            head = client.head()
            self.assertEqual((head.status, client.body(head)), (200, b"no tunnel"))

    def test_a_handshake_is_passed_whole_both_ways(self):
        """RFC 6455 4: as browsers write it, with what both sides may agree on."""
        heads = []

        def script(stream, _number):
            heads.append(stream.head())
            stream.send(SWITCH[:-2] + "Sec-WebSocket-Protocol: chat\r\n"
                        "Sec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\n\r\nhi")
            stream.rest()

        self.publish([endpoint("web-1", self.origin(script).port)])
        said = [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Protocol", "chat, superchat"), ("Sec-WebSocket-Protocol", "more"),
                ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
                ("Origin", "https://a.test"), ("Cookie", "c=d")]
        client = self.client()
        client.send("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n"
                    "Connection: keep-alive, Upgrade\r\n%s\r\n"
                    % "".join("%s: %s\r\n" % pair for pair in said))
        head = client.head()
        self.assertEqual(client.exactly(2), b"hi")
        self.assertEqual([head.get(name) for name in ("sec-websocket-accept", "set-cookie",
                                                      "sec-websocket-protocol",
                                                      "sec-websocket-extensions", "connection")],
                         ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "a=b", "chat", "permessage-deflate",
                          "Upgrade"])
        self.assertEqual([(k, v) for k, v in heads[0].fields if (k, v) in said], said)
        self.assertEqual([heads[0].get("upgrade"), heads[0].get("connection")],
                         ["WebSocket", "Upgrade"])

    def test_a_switch_to_what_was_not_asked_for_is_a_502(self):
        for bad in ("Connection: Upgrade\r\nUpgrade: other\r\n", "Upgrade: websocket\r\n",
                    "Connection: close\r\nUpgrade: websocket\r\n", "Connection: Upgrade\r\n",
                    "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n"):
            self.publish([endpoint("web-1", self.origin(
                lambda stream, _n, bad=bad: (stream.head(), stream.send(
                    "HTTP/1.1 101 Switching Protocols\r\n" + bad + "\r\nhello"))).port)])
            client = self.client()
            client.send(UPGRADE)
            self.assertEqual(client.head().status, 502, bad)

    def test_an_upgrade_that_nobody_asked_for_is_a_502(self):
        self.publish([endpoint("web-1", self.origin(
            lambda stream, _n: (stream.head(), stream.send(SWITCH))).port)])
        self.assertEqual(self.get()[0].status, 502)

    def test_an_upgrade_to_http_2_is_not_passed_on(self):
        seen = []

        def script(stream, _number):
            seen.append(stream.head())
            stream.send(ok())

        self.publish([endpoint("web-1", self.origin(script).port)])
        self.assertEqual(self.get(fields="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                         "HTTP2-Settings: AAMAAABk\r\n")[0].status, 200)
        self.assertIsNone(seen[0].get("upgrade"))

    def test_a_killed_instance_ends_its_tunnels(self):
        origin = self.origin(echo)
        self.publish([endpoint("web-1", origin.port)])
        client = self.open()
        origin.stop()
        self.assertTrue(client.closed())

    def test_two_hundred_idle_tunnels_cost_little(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        self.open()
        before = self.memory_kib()
        tunnels = [self.open() for _ in range(200)]
        for client in tunnels:
            client.send("ping")
        for client in tunnels:
            self.assertEqual(client.exactly(4), b"ping")
        if not SANITIZED:  # their own memory hides ours
            self.assertLess(self.memory_kib() - before, 200 * (32 if OVER_TLS else 16))


class HalfClosedCase(EdgeCase):
    def open(self, script):
        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        self.publish([endpoint("web-1", origin.port, "draining")])
        return client


class HalfClosed(HalfClosedCase):
    options = ("--half-closed-ms", "600")

    def test_a_server_that_never_answers_the_end_does_not_keep_its_drain_open(self):
        deaf = threading.Event()
        self.addCleanup(deaf.set)

        def script(stream, _number):
            stream.head()
            stream.send(SWITCH)
            stream.rest()
            deaf.wait()

        client = self.open(script)
        began = time.monotonic()
        client.half_close()
        self.assertTrue(client.closed())
        self.assertGreaterEqual(time.monotonic() - began, 0.59)
        until(lambda: self.daemon.endpoint("web-1")["tunnels_open"] == 0, "the end of the drain")

    def test_a_client_that_never_answers_the_end_does_not_keep_its_drain_open(self):
        def script(stream, _number):
            stream.head()
            stream.send(SWITCH)
            stream.half_close()
            self.over = stream.closed()

        client = self.open(script)
        until(lambda: getattr(self, "over", False), "the end")
        until(lambda: self.daemon.endpoint("web-1")["tunnels_open"] == 0, "the end of the drain")
        self.assertTrue(client.closed())

    def test_an_open_tunnel_may_be_quiet(self):
        client = self.open(echo)
        time.sleep(1)
        client.send("still here")
        self.assertEqual(client.exactly(10), b"still here")


class HalfClosedForLong(HalfClosedCase):
    options = ("--half-closed-ms", "4000")  # a machine that stands still for a moment is no end

    def test_a_half_closed_tunnel_lives_while_bytes_pass(self):
        def script(stream, _number):
            stream.head()
            stream.send(SWITCH)
            stream.rest()
            for _ in range(9):  # 4.5 s in all, no pause as long as the limit
                time.sleep(0.5)
                stream.send("x")

        client = self.open(script)
        client.half_close()
        self.assertEqual(client.rest(), b"x" * 9)


if __name__ == "__main__":
    unittest.main()
