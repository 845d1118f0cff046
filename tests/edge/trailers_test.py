"""Fields behind a body, in both directions and over both versions."""

import threading
import unittest

import h2.events
from h2_test import H2Case
from h2c_test import H2Server

from harness import PATIENCE, endpoint, ok, serving


class Server(H2Server):
    """Remembers what trailers a request had."""

    def __init__(self, stream, handle):
        self.trailers = {}
        super().__init__(stream, handle)

    def take(self, event):
        if isinstance(event, h2.events.TrailersReceived):
            self.trailers[event.stream_id] = dict(event.headers)
        super().take(event)


def chunked(*parts, trailers=""):
    body = b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts)
    return body + b"0\r\n" + trailers.encode() + b"\r\n"


class Trailers(H2Case):
    threads = 1

    def h2c(self, handle, kind=Server):
        origin = self.origin(lambda stream, _number: kind(stream, handle).run())
        self.publish([{**endpoint("web-1", origin.port), "protocol": "h2c"}])

    def telling(self):
        """Answers with the body and the trailers that came."""

        def handle(server, stream, _head, body):
            trailers = server.trailers.get(stream)
            server.answer(stream, b"%s %s" % (body, repr(trailers).encode()))

        self.h2c(handle)

    def upload(self, client, parts, trailers, fields=()):
        number = client.request("/", method="POST", fields=fields, end=False)
        for part in parts:
            client.send(number, part, end=False)
        client.conn.send_headers(number, trailers, end_stream=True)
        client.flush()
        return client.wait(number)

    def test_of_a_request_over_http_2_reach_an_instance_that_speaks_it(self):
        self.telling()
        client = self.h2()
        for fields in ((), (("content-length", "8"),)):
            answer = self.upload(client, [b"some", b"body"], [("x-sum", "1a"), ("grpc-x", "2")],
                                 fields)
            self.assertEqual((answer.status, answer.body),
                             (200, b"somebody {'x-sum': '1a', 'grpc-x': '2'}"))
        self.assertEqual(client.get(method="POST", body=b"plain").body, b"plain None")

    def test_of_a_chunked_request_reach_it_too(self):
        self.telling()
        client = self.client()
        for trailers, seen in (("X-Sum: 1a\r\nB:2\r\n", b"{'x-sum': '1a', 'b': '2'}"),
                               ("", b"None")):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunked(b"some", b"body", trailers=trailers))
            self.assertEqual(client.body(client.head()), b"somebody " + seen)

    def test_what_belongs_into_a_head_is_not_passed_on_and_what_frames_is_an_error(self):
        self.telling()
        named = [("cookie", "a=b"), ("x-forwarded-for", "10.0.0.1"), ("authorization", "x"),
                 ("x-forwarded-user", "root"), ("x_forwarded_for", "10.0.0.1"),
                 ("client-cert", ":AA==:"), ("client_cert", ":AA==:"), ("forwarded", "for=x"),
                 ("x-sum", "1")]
        answer = self.upload(self.h2(), [b"b"], named)
        self.assertEqual(answer.body, b"b {'x-sum': '1'}")
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunked(b"b", trailers="".join("%s: %s\r\n" % one for one in named)))
        self.assertEqual(client.body(client.head()), b"b {'x-sum': '1'}")
        for name in ("content-length", "host", "expect"):
            client = self.client()
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunked(b"b", trailers=name + ": 1\r\n"))
            self.assertTrue(client.closed(), name)
            client = self.h2()
            self.assertIsNotNone(self.upload(client, [b"b"], [(name, "1")]).reset, name)
            self.assertEqual(client.get(method="POST", body=b"on").body, b"on None")

    def test_say_nothing_in_the_place_of_who_lets_in(self):
        """Gateways that name fields as variables (CGI, WSGI, PHP) read '-' and '_' alike."""
        judge = self.origin(serving(lambda head, body: ok("", "X-Auth-User: alice\r\n")))

        def handle(server, stream, head, body):
            server.answer(stream, repr((head.get("x-auth-user"), body,
                                        server.trailers.get(stream))).encode())

        web = self.origin(lambda stream, _number: Server(stream, handle).run())
        self.publish_snapshot(
            [self.route(forward_auth={"process": "auth", "path": "/", "copy": ["X-Auth-User"]})],
            [{**self.app([endpoint("auth-1", judge.port)]), "process": "auth"},
             self.app([{**endpoint("web-1", web.port), "protocol": "h2c"}])])
        lies = [("x-auth-user", "root"), ("x_auth_user", "root"), ("x-moln-mirror", "1")]
        wanted = b"('alice', b'b', None)"
        self.assertEqual(self.upload(self.h2(), [b"b"], lies).body, wanted)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunked(b"b", trailers="".join("%s: %s\r\n" % one for one in lies)))
        self.assertEqual(client.body(client.head()), wanted)

    def test_of_a_request_are_dropped_for_an_instance_of_http_1(self):
        origin = self.origin(serving(lambda head, body: ok(body)))
        self.publish([endpoint("web-1", origin.port)])
        self.assertEqual(self.upload(self.h2(), [b"body"], [("x-sum", "1")]).body, b"body")
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunked(b"body", trailers="X-Sum: 1\r\n"))
        self.assertEqual(client.body(client.head()), b"body")

    def test_of_a_repeated_request_come_once(self):
        def script(stream, number):
            if number == 1:
                stream.exactly(300)
                stream.reset()
                return
            Server(stream, handle).run()

        def handle(server, stream, _head, body):
            server.answer(stream, b"%d %s" % (len(body), repr(server.trailers[stream]).encode()))

        origin = self.origin(script)
        self.publish([{**endpoint("web-1", origin.port), "protocol": "h2c"},
                      {**endpoint("web-2", origin.port), "protocol": "h2c"}])
        client = self.client()
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunked(b"x" * 1000, trailers="X-Sum: 1\r\n"))
        self.assertEqual(client.body(client.head()), b"1000 {'x-sum': '1'}")

    # ---- of responses --------------------------------------------------------------------------

    def raw(self, fields=""):
        """One answer's head and all behind it up to the next one's."""
        client = self.client()
        for _ in range(2):
            client.send("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % fields)
            head = client.head()
            if head.get("transfer-encoding") != "chunked":
                body = client.body(head)
                continue
            body = client.upto(b"0\r\n") + client.upto(b"\r\n")
            while not body.endswith(b"\r\n\r\n"):
                body += client.upto(b"\r\n")
        return head, body

    def test_of_a_response_reach_who_says_that_it_takes_them(self):
        self.h2c(lambda server, stream, head, body: server.answer(
            stream, b"data", trailers=[("x-sum", "abc"), ("grpc-status", "0")]))
        wanted = b"4\r\ndata\r\n0\r\nx-sum: abc\r\ngrpc-status: 0\r\n\r\n"
        for te in ("TE: trailers\r\nConnection: TE\r\n", "te: gzip;q=0.5, Trailers\r\n"):
            self.assertEqual(self.raw(te)[1], wanted)
        for te in ("", "TE: gzip\r\n"):
            self.assertEqual(self.raw(te)[1], b"4\r\ndata\r\n0\r\n\r\n")

    def test_of_a_response_whose_length_is_known_are_waited_for(self):
        """Whoever has the whole body has not reset the stream: an instance takes that ill."""
        go, resets = threading.Semaphore(0), []

        class Slow(Server):
            def take(self, event):
                if isinstance(event, h2.events.StreamReset):
                    resets.append(event)
                super().take(event)

        def handle(server, stream, _head, _body):
            server.answer(stream, b"data", fields=[("content-length", "4")], end=False)
            server.flush()
            go.acquire(timeout=PATIENCE)
            server.conn.send_headers(stream, [("x-sum", "abc")], end_stream=True)

        self.h2c(handle, Slow)
        client = self.h2()
        for _ in range(2):
            number = client.request()
            answer = client.answers[number]
            client.until(lambda: answer.body == b"data")
            go.release()
            self.assertEqual(client.wait(number).trailers, {"x-sum": "abc"})
        old = self.client()
        for _ in range(2):
            self.assertEqual(self.get(stream=old)[1], b"data")
            go.release()
        self.assertEqual(resets, [])

    def test_of_an_instance_of_http_1_too(self):
        def script(stream, _number):
            while stream.inbox or stream.more():
                stream.head()
                stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
                            b"\r\n" + chunked(b"data", trailers="X-Sum: abc\r\nX-Two:2\r\n"))

        self.publish([endpoint("web-1", self.origin(script).port)])
        self.assertEqual(self.raw("TE: trailers\r\n")[1],
                         b"4\r\ndata\r\n0\r\nX-Sum: abc\r\nX-Two: 2\r\n\r\n")
        self.assertEqual(self.raw()[1], b"4\r\ndata\r\n0\r\n\r\n")
        answer = self.h2().get()
        self.assertEqual((answer.body, answer.trailers), (b"data", {"x-sum": "abc", "x-two": "2"}))

    def test_of_an_instance_as_long_as_they_may_be(self):
        longest = "X-Long: %s\r\n" % ("v" * 8170)

        def script(stream, _number):
            while stream.inbox or stream.more():
                stream.head()
                stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            + chunked(b"d" * 200_000, trailers=longest))

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")
        client.head()
        body = b""
        while True:
            size = int(client.upto(b"\r\n"), 16)
            if size == 0:
                break
            body += client.exactly(size)
            client.exactly(2)
        self.assertEqual((len(body), client.upto(b"\r\n\r\n")),
                         (200_000, (longest + "\r\n").encode()))


if __name__ == "__main__":
    unittest.main()
