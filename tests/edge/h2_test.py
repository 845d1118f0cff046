"""HTTP/2 of clients: requests, bodies both ways, flow control, ends and errors of streams."""

import json
import threading
import time
import unittest

from h2_client import h2_client_of
from harness import OVER_TLS, PATIENCE, EdgeCase, endpoint, ok, serving, until


class H2Case(EdgeCase):
    def h2(self, **more):
        return h2_client_of(self, **more)

    def echo(self):
        """Answers with the request's line, fields and body as JSON."""
        def answer(head, body):
            return ok(json.dumps({"line": head.first, "fields": head.fields,
                                  "body": body.decode("latin-1")}))
        origin = self.origin(serving(answer))
        self.publish([endpoint("web-1", origin.port)])
        return origin

    def script(self, script):
        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        return origin


class Requests(H2Case):
    def test_requests_one_after_the_other_share_a_connection_upstream(self):
        origin = self.echo()
        client = self.h2()
        for i in range(20):
            answer = client.get("/%d?x=1" % i)
            self.assertEqual(answer.status, 200)
            self.assertEqual(json.loads(answer.body)["line"], "GET /%d?x=1 HTTP/1.1" % i)
        self.assertEqual(origin.count, 1)
        line = self.log_lines(20)[0]
        self.assertEqual((line["method"], line["path"], line["status"], line["http"]),
                         ("GET", "/0", 200, "2"))

    def test_a_hundred_at_once(self):
        self.echo()
        client = self.h2()
        numbers = [client.request("/%d" % i) for i in range(100)]
        for i, number in enumerate(numbers):
            answer = client.wait(number)
            self.assertEqual(json.loads(answer.body)["line"], "GET /%d HTTP/1.1" % i)

    def test_an_instance_sees_what_http_1_would_have_brought(self):
        self.echo()
        answer = self.h2().get("/", fields=[("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"),
                                            ("te", "trailers")])
        fields = {k.lower(): v for k, v in json.loads(answer.body)["fields"]}
        self.assertEqual(fields["host"], "shop.test")
        self.assertEqual(fields["cookie"], "a=1; b=2")
        self.assertEqual(fields["x-one"], "1")
        self.assertNotIn("te", fields)
        self.assertEqual(fields["x-forwarded-proto"], "https" if OVER_TLS else "http")
        self.assertEqual(fields["x-forwarded-for"], "127.0.0.1")

    def test_the_connections_fields_of_an_instance_stay_there(self):
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
                        "Keep-Alive: timeout=5\r\nX-Kept: Yes\r\nContent-Length: 2\r\n\r\nok")
        self.script(script)
        answer = self.h2().get()
        self.assertEqual(answer.body, b"ok")
        self.assertEqual(answer.head["x-kept"], "Yes")
        for name in ("connection", "keep-alive", "x-hop", "transfer-encoding"):
            self.assertNotIn(name, answer.head)

    def test_no_app_and_no_instance(self):
        self.publish_snapshot([self.route("shop.test")], [self.app([], hold=False)])
        client = self.h2()
        self.assertEqual(client.get(host="nobody.test").status, 404)
        answer = client.get()
        self.assertEqual((answer.status, answer.head["retry-after"]), (503, "1"))
        self.assertEqual(client.get(method="HEAD").body, b"")

    def test_head_and_not_modified_have_no_body(self):
        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                if head.first.startswith("HEAD"):
                    stream.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
                else:
                    stream.send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n")
        self.script(script)
        client = self.h2()
        answer = client.get(method="HEAD")
        self.assertEqual((answer.status, answer.head["content-length"], answer.body),
                         (200, "5", b""))
        answer = client.get()
        self.assertEqual((answer.status, answer.head["etag"], answer.body), (304, '"a"', b""))

    def test_interim_responses_go_through(self):
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            stream.send(ok("late"))
        self.script(script)
        answer = self.h2().get()
        self.assertEqual([dict(head)[":status"] for head in answer.heads], ["103", "200"])
        self.assertEqual(answer.body, b"late")


class Leaving(H2Case):
    threads = 1

    def test_a_client_that_leaves_in_the_middle_of_an_answer_is_no_error_of_its_instance(self):
        def script(stream, _number):
            head = stream.head()
            if head.get("upgrade"):
                stream.send("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            else:
                stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n")
            while True:  # until nobody is there any more
                stream.send("5\r\nevent\r\n")
                time.sleep(0.01)

        self.script(script)

        def plain(fields=""):
            client = self.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % fields)
            client.upto(b"event")
            return client

        plain().reset()
        plain().close()
        plain("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n").reset()
        client = self.h2()
        answers = [client.answers[client.request()] for _ in range(3)]
        client.until(lambda: all(one.body for one in answers))
        client.conn.reset_stream(1, 8)
        client.flush()
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_total"] == 4, "four ends")
        client.stream.close()
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_total"] == 6, "all ends")
        report = self.daemon.fresh()
        self.assertEqual([one["errors_total"] for one in report["endpoints"] + report["apps"]],
                         [0, 0])


class Bodies(H2Case):
    def test_bodies_up_with_and_without_a_length(self):
        self.echo()
        client = self.h2()
        for fields in ([], [("content-length", "11")]):
            answer = client.get(method="POST", fields=fields, body=b"hello world")
            got = json.loads(answer.body)
            self.assertEqual(got["body"], "hello world")
            names = [k.lower() for k, _ in got["fields"]]
            self.assertEqual("content-length" in names, bool(fields))
        answer = client.get(method="POST", body=b"")
        self.assertEqual(json.loads(answer.body)["body"], "")

    def test_large_bodies_both_ways_at_once(self):
        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                body = stream.body(head)
                stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for at in range(0, len(body), 50000):
                    part = body[at:at + 50000]
                    stream.send(b"%x\r\n%s\r\n" % (len(part), part))
                stream.send("0\r\n\r\n")
        self.script(script)
        client = self.h2()
        bodies = [bytes([i]) * 700_000 + b"%d" % i for i in range(5)]
        numbers = [client.request(method="PUT", body=body) for body in bodies]
        for number, body in zip(numbers, bodies):
            self.assertEqual(client.wait(number).body, body)

    def test_a_hundred_answers_that_wait_for_one_another_all_come(self):
        """A connection's room is given to one stream after the other; what waits is not lost."""
        sizes = [1000, 60_000, 200_000, 70_001]
        def answer(head, _body):
            number = int(head.first.split()[1][1:])
            return ok(bytes([number]) * sizes[number % 4])
        self.script(serving(answer))
        client = self.h2()
        # The connection's window holds nobody up: what waits does so for the edge's own room.
        client.conn.increment_flow_control_window(1 << 24)
        client.flush()
        numbers = [client.request("/%d" % i) for i in range(100)]
        for i, number in enumerate(numbers):
            self.assertEqual(client.wait(number).body, bytes([i]) * sizes[i % 4])
        # Of those that wait some are taken back: the others are not held up.
        numbers = [client.request("/%d" % i) for i in range(100)]
        for number in numbers[::2]:
            client.conn.reset_stream(number)
        client.flush()
        for i, number in list(enumerate(numbers))[1::2]:
            self.assertEqual(client.wait(number).body, bytes([i]) * sizes[i % 4])

    def test_a_reader_that_takes_nothing_stops_only_its_own_stream(self):
        big = bytes(range(256)) * 8000
        self.origin_body = big
        self.script(serving(lambda head, _: ok(big if "/big" in head.first else b"small")))
        client = self.h2(auto_window=False)
        number = client.request("/big")
        # The connection's window, 65,535 bytes, is spent with it: give that back, not the stream's.
        client.until(lambda: len(client.answers[number].body) >= 65535)
        client.conn.increment_flow_control_window(1 << 20)
        client.flush()
        self.assertEqual(client.get("/small").body, b"small")
        self.assertFalse(client.answers[number].ended)
        client.conn.increment_flow_control_window(1 << 24)
        client.conn.increment_flow_control_window(1 << 24, number)
        client.flush()
        self.assertEqual(client.wait(number).body, big)

    def test_an_answer_before_the_body_is_read_ends_the_upload(self):
        def script(stream, _number):
            stream.head()
            stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
                        b"big")
            stream.rest()
        self.script(script)
        client = self.h2()
        number = client.request(method="POST", body=b"x" * 1000, end=False)
        answer = client.answers[number]
        client.until(lambda: answer.reset is not None)
        self.assertEqual((answer.status, answer.body, answer.reset), (413, b"big", 0))
        client.ping()

    def test_an_instance_that_breaks_off_resets_the_stream_alone(self):
        def script(stream, _number):
            head = stream.head()
            if "/cut" in head.first:
                stream.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
            else:
                stream.send(ok("whole"))
        self.script(script)
        client = self.h2()
        answer = client.get("/cut")
        self.assertEqual((answer.status, answer.reset), (200, 2))
        self.assertEqual(client.get("/whole").body, b"whole")

    def test_what_an_instance_says_behind_an_answer_is_nobodys(self):
        """Also while that answer waits for who reads it."""
        go = threading.Event()

        def script(stream, number):
            stream.head()
            if number > 1:
                stream.send(ok("right"))
            else:
                stream.send(ok(bytes(70_000)))
                go.wait(PATIENCE)
                stream.send(ok("forged"))
                self.said = True
            stream.rest()
        self.said = False
        self.script(script)
        client = self.h2(auto_window=False)
        number = client.request()
        client.until(lambda: len(client.answers[number].body) >= 65535)  # the window
        go.set()
        until(lambda: self.said, "what is behind it")
        client.conn.increment_flow_control_window(70_000)
        client.conn.increment_flow_control_window(70_000, number)
        client.flush()
        self.assertEqual(client.wait(number).body, bytes(70_000))
        self.assertEqual(client.get().body, b"right")

    def test_a_body_that_ends_with_the_connection_ends_the_stream(self):
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.0 200 OK\r\n\r\nuntil the end")
        self.script(script)
        client = self.h2()
        for _ in range(2):
            self.assertEqual(client.get().body, b"until the end")

    def test_a_dead_instance_is_not_seen(self):
        first = self.origin(lambda stream, _: stream.head())  # takes a request and dies
        second = self.origin(serving(lambda head, body: ok(b"alive " + body)))
        self.publish([endpoint("web-1", first.port), endpoint("web-2", second.port)])
        client = self.h2()
        for _ in range(4):
            self.assertEqual(client.get(method="PUT", body=b"again").body, b"alive again")


class Ends(H2Case):
    def test_a_reset_leaves_the_instance_and_the_others_alone(self):
        gone = threading.Event()

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                if "/slow" in head.first:
                    stream.rest()
                    gone.set()
                    return
                stream.send(ok("quick"))
        self.script(script)
        client = self.h2()
        number = client.request("/slow")
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 1, "the request")
        client.conn.reset_stream(number, 8)
        client.flush()
        self.assertEqual(client.get("/quick").body, b"quick")
        self.assertTrue(gone.wait(20))
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "the end")

    def test_a_client_that_vanishes_with_streams_open(self):
        release = threading.Event()

        def script(stream, _number):
            stream.head()
            release.wait(20)
        self.script(script)
        client = self.h2()
        for i in range(30):
            client.request("/%d" % i)
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 30, "30 requests")
        client.stream.reset()
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "their end")
        release.set()

    def test_stopping_lets_streams_finish_and_says_goaway(self):
        release = threading.Event()

        def script(stream, _number):
            while stream.inbox or stream.more():
                stream.head()
                release.wait(20)
                stream.send(ok("finished"))
        self.script(script)
        client = self.h2()
        number = client.request()
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 1, "the request")
        self.process.terminate()
        client.until(lambda: client.goaway == (0, number), "the last word")
        self.assertEqual(client.goaways, [(0, 2**31 - 1), (0, number)], "announced before")
        release.set()
        answer = client.wait(number)
        self.assertEqual(answer.body, b"finished")
        client.until_closed()
        self.assertEqual(self.process.wait(20), 0)

    def test_an_idle_connection_is_told_and_closed(self):
        self.process.terminate()
        self.process.wait(20)
        self.options = ("--idle-ms", "3000")
        self.start()
        self.echo()
        client = self.h2()
        self.assertEqual(client.get().status, 200)
        client.until_closed()
        self.assertEqual(client.goaway[0], 0)

    def test_websockets_are_tunnels(self):
        def script(stream, _number):
            head = stream.head()
            self.assertEqual(head.first, "GET /chat HTTP/1.1")
            self.assertEqual(head.get("upgrade"), "websocket")
            self.assertEqual(len(head.get("sec-websocket-key")), 24)
            stream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello ")
            while stream.inbox or stream.more():
                data, stream.inbox = stream.inbox, b""
                stream.send(data.upper())
            stream.send("bye")
        self.script(script)
        client = self.h2()
        client.until(lambda: 8 in client.conn.remote_settings, "the settings")
        number = client.request("/chat", method="CONNECT", end=False,
                                fields=[(":protocol", "websocket"),
                                        ("sec-websocket-version", "13")])
        answer = client.answers[number]
        client.until(lambda: answer.body == b"hello ")
        self.assertEqual(answer.status, 200)
        client.send(number, b"a" * 100_000, end=False)
        client.until(lambda: len(answer.body) == 100_006)
        report = self.daemon.fresh()["endpoints"][0]
        self.assertEqual((report["requests_open"], report["tunnels_open"]), (0, 1))
        client.send(number, b"", end=True)
        client.wait(number)
        self.assertEqual(answer.body, b"hello " + b"A" * 100_000 + b"bye")

    def test_a_websocket_whose_client_speaks_first(self):
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
            while stream.inbox or stream.more():
                data, stream.inbox = stream.inbox, b""
                stream.send(data.upper())
        self.script(script)
        client = self.h2()
        client.until(lambda: 8 in client.conn.remote_settings, "the settings")
        number = client.request("/chat", method="CONNECT", end=False,
                                fields=[(":protocol", "websocket"),
                                        ("sec-websocket-version", "13")])
        answer = client.answers[number]
        client.until(lambda: answer.heads)
        self.assertEqual(answer.status, 200)
        for told in (b"A", b"AA", b"AAA"):
            client.send(number, b"a" * (len(told) - len(answer.body)), end=False)
            client.until(lambda: answer.body == told)
        client.send(number, b"", end=True)
        client.wait(number)

    def test_ends_of_a_websocket_are_told_as_they_are(self):
        """RFC 8441 5: an orderly one as the stream's end, a break as its reset with CANCEL."""
        told = threading.Event()
        switch = ("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello")

        def script(stream, _number):
            path = stream.head().first.split()[1]
            stream.send(switch)
            told.wait(PATIENCE)
            if path == "/breaks":
                stream.reset()
            elif path == "/ends":
                stream.half_close()
                self.last = stream.rest()
        self.script(script)
        client = self.h2()
        client.until(lambda: 8 in client.conn.remote_settings, "the settings")
        numbers = [client.request(path, method="CONNECT", end=False,
                                  fields=[(":protocol", "websocket"),
                                          ("sec-websocket-version", "13")])
                   for path in ("/ends", "/breaks")]
        ends, breaks = [client.answers[number] for number in numbers]
        client.until(lambda: ends.body == breaks.body == b"hello")
        for answer in (ends, breaks):
            self.assertEqual((answer.status, "sec-websocket-accept" in answer.head), (200, False))
        told.set()
        client.wait(numbers[1])
        self.assertEqual((breaks.ended, breaks.reset), (False, 8))
        client.wait(numbers[0])
        self.assertEqual((ends.ended, ends.reset), (True, None))
        client.send(numbers[0], b"last words", end=True)
        until(lambda: getattr(self, "last", None) == b"last words", "them")

    def test_what_is_no_websocket_is_told_so(self):
        self.script(serving(lambda head, _: ok("plain")))
        client = self.h2()
        client.until(lambda: 8 in client.conn.remote_settings, "the settings")
        for protocol, method, verdict in (("connect-udp", "CONNECT", 501),
                                          ("websocket", "GET", None), ("", "CONNECT", None)):
            number = client.request("/chat", method=method, end=False,
                                    fields=[(":protocol", protocol)])
            answer = client.wait(number)
            self.assertEqual(answer.status if answer.heads else None, verdict)
            self.assertEqual(answer.reset, 0 if verdict else 1)
        number = client.request("/chat", method="CONNECT", end=False,
                                fields=[(":protocol", "websocket"), ("upgrade", "websocket")])
        self.assertEqual(client.wait(number).reset, 1)

    def test_an_instance_without_websockets_is_no_tunnel(self):
        self.script(serving(lambda head, _: ok("plain")))
        client = self.h2()
        client.until(lambda: 8 in client.conn.remote_settings, "the settings")
        number = client.request("/chat", method="CONNECT", end=False,
                                fields=[(":protocol", "websocket"),
                                        ("sec-websocket-version", "13")])
        answer = client.answers[number]
        client.until(lambda: answer.heads)
        self.assertEqual(answer.status, 502)


if __name__ == "__main__":
    unittest.main()
