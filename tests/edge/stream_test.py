"""TCP routes: connections that are passed on without HTTP."""

import os
import signal
import socket
import ssl
import threading
import time
import unittest

from harness import SANITIZED, EdgeCase, Stream, endpoint, until

APP = {"app": "default/shop", "process": "web"}


def echo(stream, _number):
    while stream.inbox or stream.more():
        data, stream.inbox = stream.inbox, b""
        stream.send(data)


def named(name):
    """Says its name once, then echoes."""

    def script(stream, number):
        stream.send(name)
        echo(stream, number)

    return script


class StreamCase(EdgeCase):
    """The test plays the daemon: it opens the sockets and hands them over."""

    def setUp(self):
        self.sockets = {}
        super().setUp()

    def publish_streams(self, streams, apps, routes=()):
        self.publish_snapshot(list(routes), apps, streams=streams)
        for listen in sorted({one["listen"] for one in streams}):
            if listen not in self.sockets or not self.opened(listen):
                self.hand_over(listen)

    def opened(self, listen):
        for one in self.daemon.fresh()["streams"]:
            if one["listen"] == listen:
                return one["addresses"]
        return None

    def hand_over(self, listen):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen(512)
        sock.setblocking(False)
        address = "127.0.0.1:%d" % sock.getsockname()[1]
        self.daemon.send({"listener": {"listen": listen, "addresses": [address]}}, [sock])
        sock_address = sock.getsockname()
        sock.close()
        until(lambda: self.opened(listen) == [address], "the listener")
        self.sockets[listen] = sock_address

    def publish(self, endpoints, stream=None, **more):
        self.publish_streams([{"listen": "tcp:5432", **APP, **(stream or {})}],
                             [self.app(endpoints, **more)])

    def connect(self, listen="tcp:5432"):
        stream = Stream(socket.create_connection(self.sockets[listen], timeout=20))
        self.streams.append(stream)
        return stream

    def refused(self):
        """True when a connection is broken off at once."""
        try:
            return self.connect().closed()
        except ConnectionResetError:
            return True

    def talk(self, stream, data=b"ping"):
        stream.send(data)
        self.assertEqual(stream.exactly(len(data)), data)

    def open_on(self, instance):
        one = self.daemon.fresh() and self.daemon.endpoint(instance)
        return (one["requests_open"], one["tunnels_open"]) if one else None


class Streams(StreamCase):
    def test_bytes_go_both_ways_and_are_counted_and_logged(self):
        self.publish([endpoint("db-1", self.origin(echo).port)])
        client = self.connect()
        for size in (1, 100, 70000, 1000000):
            data = os.urandom(size)
            sender = threading.Thread(target=client.send, args=(data,))
            sender.start()
            self.assertEqual(client.exactly(size), data)
            sender.join()
        self.assertEqual(self.open_on("db-1"), (0, 1))
        client.close()
        until(lambda: self.open_on("db-1") == (0, 0), "the end")
        line = self.log_lines(1)[0]
        self.assertEqual(
            (line["listen"], line["client"], line["bytes_in"], line["bytes_out"], line["outcome"],
             line["instance"], line["app"]),
            ("tcp:5432", "127.0.0.1", 1070101, 1070101, "done", "db-1", "default/shop"))
        # It is logged before it is counted as closed.
        until(lambda: "moln_edge_streams_open 0\n" in self.daemon.metrics_text(), "the count")
        self.assertIn("moln_edge_streams_total 1\n", self.daemon.metrics)
        self.assertIn("moln_edge_stream_bytes_in_total 1070101\n", self.daemon.metrics)

    def test_a_server_may_speak_first(self):
        origin = self.origin(named("hello"), greets=True)
        self.publish([endpoint("db-1", origin.port)])
        self.assertEqual(self.connect().exactly(5), b"hello")

    def test_either_side_may_end_long_before_the_other(self):
        def script(stream, _number):
            received = stream.rest()
            stream.send(b"got %d" % len(received))

        self.publish([endpoint("db-1", self.origin(script).port)])
        client = self.connect()
        client.send(b"x" * 100000)
        client.half_close()
        self.assertEqual(client.rest(), b"got 100000")

        def other(stream, _number):
            stream.send("bye")
            stream.half_close()
            self.late = stream.rest()

        self.publish([endpoint("db-2", self.origin(other, greets=True).port)])
        client = self.connect()
        self.assertEqual(client.rest(), b"bye")
        client.send("still here")
        client.half_close()
        until(lambda: getattr(self, "late", None) == b"still here", "the client's last words")

    def test_a_break_is_passed_on_as_a_break(self):
        def script(stream, _number):
            stream.exactly(4)
            stream.reset()

        self.publish([endpoint("db-1", self.origin(script).port)])
        client = self.connect()
        client.send("ping")
        with self.assertRaises(ConnectionResetError):
            client.more()
        self.assertEqual(self.log_lines(1)[0]["outcome"], "instance_left")

    def test_the_last_words_of_a_server_that_takes_no_more_are_passed_on(self):
        begun, more = threading.Event(), threading.Event()

        def script(stream, _number):
            if stream.sock.recv(4) == b"ping":  # a probe says nothing
                begun.set()
                more.wait(20)
                stream.send("too much")  # and it has not read all: its end is a reset

        self.publish([endpoint("db-1", self.origin(script, greets=True).port)])
        client = self.connect()
        client.send("ping and more")
        until(begun.is_set, "the first words")
        self.freeze()
        client.send("much more")
        more.set()
        until(lambda: not self.origins[0].open, "its end")
        self.thaw()
        self.assertEqual(client.exactly(8), b"too much")
        with self.assertRaises(ConnectionResetError):
            client.more()
        line = self.log_lines(1)[0]
        self.assertEqual((line["outcome"], line["bytes_out"]), ("instance_left", 8))

    def test_a_client_that_breaks_off_breaks_the_instances_side(self):
        seen = []

        def script(stream, _number):
            try:
                stream.rest()
                seen.append("end")
            except ConnectionResetError:
                seen.append("reset")

        self.publish([endpoint("db-1", self.origin(script).port)])
        client = self.connect()
        client.send("x")
        until(lambda: self.open_on("db-1") == (0, 1), "the stream")
        client.reset()
        until(lambda: seen, "the end")
        self.assertEqual(seen, ["reset"])
        self.assertEqual(self.log_lines(1)[0]["outcome"], "client_left")

    def test_the_endpoint_with_the_fewest_connections_is_next_over_all_threads(self):
        origins = [self.origin(echo) for _ in range(3)]
        self.publish([endpoint("db-%d" % i, one.port) for i, one in enumerate(origins)])
        clients = [self.connect() for _ in range(30)]
        for client in clients:
            self.talk(client)
        counts = [self.open_on("db-%d" % i)[1] for i in range(3)]
        self.assertEqual(sum(counts), 30)
        # Two threads may look at the same moment.
        self.assertLessEqual(max(counts) - min(counts), 2)

    def test_a_connection_that_is_refused_is_made_elsewhere(self):
        gone = self.origin(echo)
        here = self.origin(echo)
        # Healthy at first, so that it is tried.
        self.publish([endpoint("db-1", gone.port), endpoint("db-2", here.port)],
                     health={"kind": "tcp", "interval": 60000})
        until(lambda: all(one["health"] == "healthy" for one in self.daemon.fresh()["endpoints"]),
              "the probes")
        self.workers_have_heard()
        gone.stop()
        for _ in range(4):
            self.talk(self.connect())
        self.assertEqual(here.count, 4)

    def test_a_stream_outlives_its_endpoints_drain_and_absence(self):
        old, new = self.origin(echo), self.origin(echo)
        self.publish([endpoint("db-1", old.port)])
        client = self.connect()
        self.talk(client)
        self.publish([endpoint("db-1", old.port, "draining"), endpoint("db-2", new.port)])
        self.talk(client, b"draining")
        self.talk(self.connect())
        self.assertEqual((old.count, new.count), (1, 1))
        self.publish([endpoint("db-2", new.port)])
        self.talk(client, b"absent")
        self.assertEqual(self.open_on("db-1"), (0, 1))
        self.assertGreaterEqual(self.daemon.endpoint("db-1")["oldest_open"], 0)
        client.close()
        until(lambda: self.daemon.endpoint("db-1") is None, "the end of the last stream")

    def test_a_stream_outlives_its_route(self):
        origin = self.origin(echo)
        self.publish([endpoint("db-1", origin.port)])
        client = self.connect()
        self.talk(client)
        self.publish_streams([], [self.app([endpoint("db-1", origin.port)])])
        self.talk(client, b"still")
        self.assertEqual(self.daemon.fresh()["streams"], [])
        with self.assertRaises(ConnectionRefusedError):
            until(lambda: socket.create_connection(self.sockets["tcp:5432"]).close(), "closing")

    def test_a_port_of_the_routes_own(self):
        origin = self.origin(echo)
        other = self.origin(echo)
        self.publish([endpoint("db-1", origin.port)], {"port": other.port})
        self.talk(self.connect())
        self.assertEqual((origin.count, other.count), (0, 1))

    def test_requests_and_streams_of_one_process(self):
        origin = self.origin(echo)
        self.publish_streams([{"listen": "tcp:5432", **APP}],
                             [self.app([endpoint("db-1", origin.port)])], [self.route()])
        self.talk(self.connect())
        self.assertEqual(self.get()[0].status, 502)  # an echo is no HTTP

    def test_a_listener_is_what_it_says(self):
        self.publish_snapshot([], [self.app([])], streams=[{"listen": "tcp:5432", **APP}])
        self.assertEqual(self.daemon.fresh()["streams"],
                         [{"listen": "tcp:5432", "addresses": [], "problem": ""}])
        self.daemon.send({"listener": {"listen": "tcp:5432", "problem": "the port is taken"}})
        until(lambda: self.daemon.fresh()["streams"][0]["problem"] == "the port is taken",
              "the problem")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
            self.daemon.send({"listener": {"listen": "tcp:5432", "addresses": ["x"]}}, [wrong])
        until(lambda: self.daemon.ended, "the edge's refusal")
        self.daemon.close()
        self.connect_daemon()
        self.daemon.send({"listener": {"listen": "tcp:5432", "addresses": ["x"]}})
        until(lambda: self.daemon.ended, "the edge's refusal")
        self.daemon.close()
        self.connect_daemon()
        self.hand_over("tcp:5432")
        self.assertEqual(self.daemon.fresh()["streams"][0]["problem"], "")

    def test_the_edge_finishes_its_streams_when_it_is_told_to_stop(self):
        self.publish([endpoint("db-1", self.origin(echo).port)])
        client = self.connect()
        self.talk(client)
        self.process.terminate()
        until(lambda: "stopping" in self.stderr(), "the signal")
        self.talk(client, b"to the end")
        client.close()
        self.assertEqual(self.process.wait(20), 0)

    def test_who_waits_in_the_backlog_is_served_when_the_edge_is_told_to_stop(self):
        self.publish([endpoint("db-1", self.origin(echo).port)])
        self.talk(self.connect())
        self.freeze()
        clients = [self.connect() for _ in range(450)]  # more than both workers take at once
        self.process.send_signal(signal.SIGTERM)
        self.thaw()
        for client in clients:
            self.talk(client)

    def test_two_hundred_idle_streams_cost_little(self):
        self.publish([endpoint("db-1", self.origin(echo).port)])
        self.talk(self.connect())
        before = self.memory_kib()
        clients = [self.connect() for _ in range(200)]
        for client in clients:
            self.talk(client)
        if not SANITIZED:  # their own memory hides ours
            self.assertLess(self.memory_kib() - before, 200 * 16)


class Holding(StreamCase):
    def test_a_stream_waits_for_an_instance(self):
        self.publish([], hold=True)
        client = self.connect()
        client.send("early")
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the hold")
        self.publish([endpoint("db-1", self.origin(echo).port)], hold=True)
        self.assertEqual(client.exactly(5), b"early")
        client.close()
        self.assertGreater(self.log_lines(1)[0]["queue_us"], 0)

    def test_without_hope_a_stream_is_broken_off_at_once(self):
        self.publish([])
        self.assertTrue(self.refused())
        self.assertEqual(self.log_lines(1)[0]["outcome"], "no_instance")

    def test_so_many_wait_and_no_more(self):
        self.publish([], hold=True, hold_requests_max=2)
        waiting = [self.connect() for _ in range(2)]
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 2, "the hold")
        self.assertTrue(self.refused())
        self.publish([endpoint("db-1", self.origin(echo).port)])
        for client in waiting:
            self.talk(client)

    def test_so_long_and_no_longer(self):
        self.publish([], hold=True, hold_limit=300)
        began = time.monotonic()
        self.assertTrue(self.refused())
        self.assertGreaterEqual(time.monotonic() - began, 0.29)

    def test_an_instance_has_as_many_as_it_may_and_the_next_waits(self):
        origin = self.origin(echo)
        self.publish([endpoint("db-1", origin.port)], concurrency=2)
        first, second = self.connect(), self.connect()
        self.talk(first)
        self.talk(second)
        third = self.connect()
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the hold")
        first.close()
        self.talk(third)

    def test_a_client_that_leaves_waits_no_more(self):
        self.publish([], hold=True)
        client = self.connect()
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the hold")
        client.close()
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 0, "the end")
        self.assertEqual(self.log_lines(1)[0]["outcome"], "client_left")

    def test_an_app_that_is_gone_releases_who_waits(self):
        self.publish([], hold=True)
        client = self.connect()
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the hold")
        self.publish_streams([], [])
        self.assertTrue(client.closed())


class Timing(StreamCase):
    options = ("--head-ms", "300", "--half-closed-ms", "400")

    def test_an_idle_limit_ends_a_quiet_stream_and_no_other(self):
        self.publish([endpoint("db-1", self.origin(echo).port)], {"idle": 4000})
        client = self.connect()
        for _ in range(9):  # 4.5 s in all, no pause as long as the limit
            time.sleep(0.5)
            began = time.monotonic()
            self.talk(client)
        self.assertTrue(client.closed())
        self.assertGreaterEqual(time.monotonic() - began, 3.9)
        self.assertEqual(self.log_lines(1)[0]["outcome"], "idle")

    def test_a_server_that_never_answers_the_end_does_not_keep_its_drain_open(self):
        deaf = threading.Event()
        self.addCleanup(deaf.set)

        def script(stream, _number):
            stream.rest()
            deaf.wait()

        origin = self.origin(script)
        self.publish([endpoint("db-1", origin.port)])
        client = self.connect()
        client.send("x")
        client.half_close()
        self.assertTrue(client.closed())
        self.assertEqual(self.log_lines(1)[0]["outcome"], "half_closed")

    def test_a_quiet_stream_without_a_limit_stays(self):
        self.publish([endpoint("db-1", self.origin(echo).port)])
        client = self.connect()
        self.talk(client)
        time.sleep(1)
        self.talk(client)

    def test_a_preface_that_does_not_come(self):
        self.publish([endpoint("db-1", self.origin(echo).port)], {"accept_proxy": True})
        self.assertTrue(self.refused())
        self.assertEqual(self.log_lines(1)[0]["outcome"], "late_preface")


class ProxyProtocol(StreamCase):
    V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x02\x03\xc0\0\x02\x07\x30\x39\x15\x38"

    def test_a_header_in_says_who_the_client_is(self):
        self.publish([endpoint("db-1", self.origin(echo).port)], {"accept_proxy": True})
        for header in (b"PROXY TCP4 10.1.2.3 192.0.2.7 12345 5432\r\n", self.V2):
            client = self.connect()
            client.send(header + b"hello")
            self.assertEqual(client.exactly(5), b"hello")
            client.close()
        for line in self.log_lines(2):
            self.assertEqual(line["client"], "10.1.2.3")

    def test_a_header_in_pieces(self):
        self.publish([endpoint("db-1", self.origin(echo).port)], {"accept_proxy": True})
        client = self.connect()
        for byte in self.V2 + b"x":
            client.send(bytes([byte]))
        self.assertEqual(client.exactly(1), b"x")

    def test_without_its_header_a_connection_is_broken_off(self):
        self.publish([endpoint("db-1", self.origin(echo).port)], {"accept_proxy": True})
        client = self.connect()
        client.send("PROXY TCP4 10.0.0.01 192.0.2.7 1 2\r\n")
        self.assertTrue(client.closed())
        self.assertEqual(self.log_lines(1)[0]["outcome"], "bad_preface")

    def test_a_header_out(self):
        seen = []

        def script(stream, _number):
            while stream.more():
                pass
            seen.append(stream.inbox)

        origin = self.origin(script)
        self.publish([endpoint("db-1", origin.port)], {"send_proxy": "v1"})
        client = self.connect()
        client.send("hello")
        mine, edge = client.sock.getsockname(), client.sock.getpeername()
        client.close()
        until(lambda: len(seen) == 1, "the instance")
        self.assertEqual(seen[0], b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nhello" %
                         (mine[1], edge[1]))
        self.publish([endpoint("db-1", origin.port)], {"send_proxy": "v2", "accept_proxy": True})
        client = self.connect()
        client.send(b"PROXY TCP4 10.1.2.3 192.0.2.7 12345 5432\r\nhello")
        client.close()
        until(lambda: len(seen) == 2, "the instance")
        self.assertEqual(seen[1], self.V2 + b"hello")

    def test_a_header_out_comes_before_the_client_speaks(self):
        def script(stream, _number):
            stream.send(b"%d" % len(stream.upto(b"\r\n")))

        self.publish([endpoint("db-1", self.origin(script).port)], {"send_proxy": "v1"})
        self.assertTrue(self.connect().exactly(2).isdigit())

    def test_a_kept_source_is_never_passed_on_with_the_edges(self):
        origin = self.origin(echo, greets=True)
        self.publish([endpoint("db-1", origin.port)], {"keep_source": True})
        try:  # it may be reset before it is known to be made
            client = self.connect()
            client.send(b"hello")
            self.assertTrue(client.closed())
        except ConnectionError:
            pass
        line = self.log_lines(1)[0]
        self.assertEqual(line["outcome"], "no_instance")
        self.assertFalse(line["instance"])

    def test_a_check_of_the_proxys_own(self):
        self.publish([endpoint("db-1", self.origin(echo).port)], {"accept_proxy": True})
        client = self.connect()
        client.send(b"PROXY UNKNOWN\r\nhello")
        self.assertEqual(client.exactly(5), b"hello")
        client.close()
        self.assertEqual(self.log_lines(1)[0]["client"], "127.0.0.1")


class Names(StreamCase):
    """Routes by the name of a ClientHello; the edge has no key of these."""

    def tls_origin(self, hosts):
        made = self.certify(hosts)
        self.certificates.clear()  # it is not the edge's
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.path, made.path + ".key")
        origin = self.origin(lambda *_: None, greets=True)

        def script(stream, _number):
            try:
                with context.wrap_socket(stream.sock, server_side=True) as tls:
                    tls.sendall(hosts[0].encode())
            except OSError:
                pass  # a probe

        origin.script = script
        return origin.port

    def setUp(self):
        super().setUp()
        self.plain = self.origin(echo)
        ports = [self.tls_origin([host]) for host in ("a.test", "b.test")]
        apps = [{**self.app([endpoint("a-1", ports[0])]), "process": "a"},
                {**self.app([endpoint("b-1", ports[1])]), "process": "b"},
                {**self.app([endpoint("p-1", self.plain.port)]), "process": "plain"}]
        streams = [{"listen": "tcp:8443", "app": "default/shop", "process": process, "host": host}
                   for process, host in (("a", "a.test"), ("b", "*.b.test"), ("b", "b.test"))]
        self.with_any = streams + [{"listen": "tcp:8443", "app": "default/shop",
                                    "process": "plain"}]
        self.apps = apps
        self.publish_streams(streams, apps)

    def ask(self, name):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        stream = self.connect("tcp:8443")
        tls = context.wrap_socket(stream.sock, server_hostname=name)
        with tls:
            return tls.recv(100)

    def test_the_name_decides_and_nothing_is_decrypted(self):
        self.assertEqual(self.ask("a.test"), b"a.test")
        self.assertEqual(self.ask("B.test"), b"b.test")
        self.assertEqual(self.ask("x.b.test"), b"b.test")
        self.assertEqual({line["host"] for line in self.log_lines(3)},
                         {"a.test", "b.test", "x.b.test"})

    def test_an_unknown_name_is_told_so(self):
        with self.assertRaisesRegex(ssl.SSLError, "(?i)unrecognized.name"):
            self.ask("c.test")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask(None)
        self.assertEqual({line["outcome"] for line in self.log_lines(2)}, {"unknown_name"})

    def test_what_is_no_tls_goes_where_any_name_goes(self):
        client = self.connect("tcp:8443")
        client.send("plain")
        self.assertTrue(client.closed())
        self.publish_streams(self.with_any, self.apps)
        client = self.connect("tcp:8443")
        self.talk(client, b"plain")
        self.assertEqual(self.ask("a.test"), b"a.test")

    def test_a_broken_hello_is_refused(self):
        client = self.connect("tcp:8443")
        client.send(b"\x16\3\1\0\5\1\0\0\1x")
        self.assertTrue(client.closed())
        self.assertEqual(self.log_lines(1)[0]["outcome"], "bad_preface")

    def test_a_hello_in_pieces_behind_a_proxy_header(self):
        for one in self.with_any:
            one["accept_proxy"] = True
        self.publish_streams(self.with_any, self.apps)
        hello, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        tls = context.wrap_bio(hello, out, server_hostname="a.test")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        client = self.connect("tcp:8443")
        client.send("PROXY TCP4 10.1.2.3 192.0.2.7 12345 5432\r\n")
        for byte in out.read():
            client.send(bytes([byte]))
        self.assertEqual(client.exactly(1), b"\x16")
        client.close()
        line = self.log_lines(1)[0]
        self.assertEqual((line["client"], line["host"]), ("10.1.2.3", "a.test"))


if __name__ == "__main__":
    unittest.main()
