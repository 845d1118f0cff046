"""Every MUST of RFC 9113 and RFC 7541 that a client can break, and what it may do, frame by frame.

A case is (name, frames to send, verdict); the verdict is None, or what was wrong. The sections are
RFC 9113's where none is named.
"""

import socket
import unittest

import h2_frames as f
from h2_frames import (ACK, CALM, COMPRESSION, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                       FLOW_CONTROL, FRAME_SIZE, GET, GOAWAY, HEADERS, PADDED, PING, POST,
                       PRIORITIZED,
                       PRIORITY, PROTOCOL, PUSH_PROMISE, REFUSED, RST_STREAM, SETTINGS,
                       STREAM_CLOSED, WINDOW_UPDATE, Frames, frame, number, settings)
from h2_client import h2_stream_of
from harness import EdgeCase, endpoint, ok, serving


class Rules(EdgeCase):
    def setUp(self):
        super().setUp()
        self.hello = self.origin(serving(lambda head, body: ok(b"hello " + body)))
        self.publish_hello()

    def publish_hello(self):
        self.publish([endpoint("web-1", self.hello.port)])

    def tearDown(self):
        # Whatever was done, others are served.
        head, body = self.get()
        self.assertEqual((head.status, body), (200, b"hello "))
        super().tearDown()

    def new(self, greet=True):
        return Frames(h2_stream_of(self), greet)

    def check(self, *cases):
        for name, case in cases:
            with self.subTest(name):
                client = self.new()
                self.assertIsNone(case(client))
                client.sock.close()

    @staticmethod
    def connection(code, *frames):
        codes = code if isinstance(code, tuple) else (code,)

        def case(c):
            c.send(*(one(c) if callable(one) else one for one in frames))
            return c.connection_error(*codes)
        return case

    @staticmethod
    def stream(code, *frames, number_of=1):
        codes = code if isinstance(code, tuple) else (code,)

        def case(c):
            c.send(*(one(c) if callable(one) else one for one in frames))
            return c.stream_error(number_of, *codes)
        return case

    @staticmethod
    def served(*frames, number_of=1):
        def case(c):
            c.send(*(one(c) if callable(one) else one for one in frames))
            return c.answered(number_of) or c.ended(number_of) or c.alive()
        return case

    @staticmethod
    def malformed(fields, *more, flags=END_STREAM | END_HEADERS):
        """8.1.1: a stream error. An answer with 400 would do as well, but not for the suites."""
        def case(c):
            c.send(c.headers(1, fields, flags), *more)
            return c.stream_error(1, PROTOCOL)
        return case

    @staticmethod
    def told(status, fields):
        """Well formed, and not what this edge serves."""
        def case(c):
            c.send(c.headers(1, fields))
            return c.answered(1, status)
        return case


def headers(fields=GET, flags=END_STREAM | END_HEADERS, stream=1):
    return lambda c: c.headers(stream, fields, flags)


def half(fields=GET):
    """A head without its end."""
    return headers(fields, END_STREAM)


OPEN = headers(POST, END_HEADERS)


class Connections(Rules):
    def test_3_4_preface(self):
        def whole(c):
            return None if c.came[0][0] == SETTINGS else "no settings first"
        self.check(("whole", whole))
        client = self.new(greet=False)
        client.send(b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", settings())
        client.until(lambda one: False)
        self.assertTrue(client.closed)
        # Not even its beginning: an answer of HTTP/1 at most, and the end.
        client = self.new(greet=False)
        client.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        client.until(lambda one: False)
        self.assertTrue(client.closed)
        # Any frame but SETTINGS first.
        client = self.new(greet=False)
        client.send(f.PREFACE, frame(PING, 0, b"12345678"))
        self.assertIsNone(client.connection_error(PROTOCOL))

    def test_4_1_unknown_kinds_flags_and_the_reserved_bit_mean_nothing(self):
        self.check(
            ("kind", self.served(frame(0x16, 0, b"12345678"), headers())),
            ("flags", self.served(frame(PING, 0, b"12345678", 0x16), headers())),
            ("reserved", self.served(b"\0\0\x08\x06\0\x80\0\0\0" + b"12345678", headers())))

    def test_4_2_sizes(self):
        self.check(
            ("largest", self.served(OPEN, frame(DATA, 1, b"x" * 16384, END_STREAM))),
            ("data", self.stream(FRAME_SIZE, OPEN, frame(DATA, 1, b"x" * 16385, END_STREAM))),
            ("head", self.connection(FRAME_SIZE, frame(HEADERS, 1, b"x" * 16385, END_HEADERS))))

    def test_4_3_blocks_are_whole(self):
        self.check(
            ("broken", self.connection(COMPRESSION, frame(HEADERS, 1, b"\x40\x01a", END_HEADERS))),
            ("cut", self.connection(COMPRESSION, frame(HEADERS, 1, b"\x40",
                                                       END_STREAM | END_HEADERS))),
            ("priority", self.connection(PROTOCOL, half(), frame(PRIORITY, 1, b"\0\0\0\0\xff"))),
            ("head", self.connection(PROTOCOL, half(), headers(stream=3))),
            ("unknown", self.connection(PROTOCOL, half(), frame(0x16, 0, b"12345678"))))

    def test_5_1_states(self):
        closed = (STREAM_CLOSED, PROTOCOL)
        rst = frame(RST_STREAM, 1, number(8))
        self.check(
            ("idle data", self.connection(PROTOCOL, frame(DATA, 1, b"x", END_STREAM))),
            ("idle reset", self.connection(PROTOCOL, rst)),
            ("idle window", self.connection(PROTOCOL, frame(WINDOW_UPDATE, 1, number(100)))),
            ("idle continuation", self.connection(PROTOCOL, frame(CONTINUATION, 1, b"",
                                                                  END_HEADERS))),
            ("half closed data", self.stream(STREAM_CLOSED, headers(), frame(DATA, 1, b"x",
                                                                             END_STREAM))),
            ("half closed head", self.stream(STREAM_CLOSED, headers(), headers())),
            ("half closed continuation", self.connection(
                closed, headers(), frame(CONTINUATION, 1, b"", END_HEADERS))),
            ("reset data", self.stream(STREAM_CLOSED, OPEN, rst, frame(DATA, 1, b"x", END_STREAM))),
            ("reset head", self.stream(STREAM_CLOSED, OPEN, rst, headers())),
            ("reset continuation", self.connection(
                closed, OPEN, rst, frame(CONTINUATION, 1, b"", END_HEADERS))))

        def after_end(code, *late):
            def case(c):
                c.send(c.headers(1))
                c.ended(1)
                c.send(*(one(c) if callable(one) else one for one in late))
                return c.connection_error(*code)
            return case
        self.check(
            ("closed data", after_end((STREAM_CLOSED,), frame(DATA, 1, b"x", END_STREAM))),
            ("closed head", after_end((STREAM_CLOSED,), headers())),
            ("closed continuation", after_end(closed, frame(CONTINUATION, 1, b"", END_HEADERS))))

    def test_5_1_what_a_client_may_still_say_of_a_stream_that_it_has_ended(self):
        weight = frame(PRIORITY, 1, b"\0\0\0\0\xff")
        room = frame(WINDOW_UPDATE, 1, number(100))
        rst = frame(RST_STREAM, 1, number(f.CANCEL))
        # Without a window the answer is not through when they come.
        held = settings((4, 0))

        def after_end(late):
            def case(c):
                c.send(c.headers(1))
                c.ended(1)
                c.send(late)
                return c.alive()
            return case
        self.check(
            ("half closed window", self.served(held, headers(), room)),
            ("half closed priority", self.served(held, headers(), weight, room)),
            ("half closed reset", lambda c: (c.send(held, c.headers(1), rst), c.alive())[1]),
            ("open reset", lambda c: (c.send(c.headers(1, POST, END_HEADERS), rst), c.alive())[1]),
            ("closed window", after_end(room)),
            ("closed priority", after_end(weight)),
            ("closed reset", after_end(rst)))

    def test_5_1_1_numbers(self):
        self.check(
            ("even", self.connection(PROTOCOL, headers(stream=2))),
            ("backwards", self.connection(PROTOCOL, headers(stream=5), headers(stream=3))),
            ("again", self.stream(STREAM_CLOSED, headers(stream=5), headers(stream=5),
                                  number_of=5)))

    def test_5_1_2_as_many_as_announced(self):
        def case(c):
            c.send(*(c.headers(1 + 2 * i, POST, END_HEADERS) for i in range(101)))
            return c.stream_error(201, PROTOCOL, REFUSED)
        self.check(("one too many", case))

    def test_5_3_1_no_stream_waits_for_itself(self):
        own = number(1) + b"\xff"
        self.check(
            ("head", self.stream(PROTOCOL, lambda c: frame(
                HEADERS, 1, own + c.block(GET), END_STREAM | END_HEADERS | PRIORITIZED))),
            ("priority", self.stream(PROTOCOL, OPEN, frame(PRIORITY, 1, own))),
            ("idle", self.stream(PROTOCOL, frame(PRIORITY, 1, own))))

    def test_5_5_extensions_are_ignored(self):
        self.check(("unknown", self.served(frame(0xff, 0, b"12345678"), headers())))


class Kinds(Rules):
    def test_6_1_data(self):
        self.check(
            ("no stream", self.connection(PROTOCOL, OPEN, frame(DATA, 0, b"x"))),
            ("padding", self.connection(PROTOCOL, OPEN, frame(DATA, 1, b"\x06test",
                                                              PADDED | END_STREAM))),
            ("padded", self.served(OPEN, frame(DATA, 1, b"\x02ok\0\0", PADDED | END_STREAM))))

    def test_6_2_headers(self):
        self.check(
            ("no stream", self.connection(PROTOCOL, headers(stream=0))),
            ("padding", self.connection(PROTOCOL, lambda c: frame(
                HEADERS, 1, b"\xff" + c.block(GET), END_STREAM | END_HEADERS | PADDED))),
            ("padded", self.served(lambda c: frame(
                HEADERS, 1, b"\x03" + c.block(GET) + b"\0\0\0",
                END_STREAM | END_HEADERS | PADDED))),
            ("priority", self.served(lambda c: frame(
                HEADERS, 1, b"\0\0\0\0\x10" + c.block(GET),
                END_STREAM | END_HEADERS | PRIORITIZED))),
            ("priority and padding", self.served(lambda c: frame(
                HEADERS, 1, b"\3\0\0\0\0\x10" + c.block(GET) + b"\0\0\0",
                END_STREAM | END_HEADERS | PADDED | PRIORITIZED))))

    def test_6_3_priority(self):
        self.check(
            ("no stream", self.connection(PROTOCOL, frame(PRIORITY, 0, b"\0\0\0\0\xff"))),
            ("size", self.stream(FRAME_SIZE, OPEN, frame(PRIORITY, 1, b"\0\0\0\0"))),
            ("idle", self.served(frame(PRIORITY, 1, b"\0\0\0\0\x10"), headers())),
            ("least", self.served(frame(PRIORITY, 1, b"\0\0\0\0\0"), headers())),
            ("most", self.served(frame(PRIORITY, 1, b"\0\0\0\0\xff"), headers())),
            ("exclusive", self.served(frame(PRIORITY, 1, b"\x80\0\0\0\0"), headers())),
            # It opens no stream: a lower one may come.
            ("later one", self.served(frame(PRIORITY, 3, b"\0\0\0\0\xff"), headers())),
            ("on an idle one", self.served(frame(PRIORITY, 3, number(1) + b"\0"), headers())))

    def test_6_4_reset(self):
        self.check(
            ("no stream", self.connection(PROTOCOL, frame(RST_STREAM, 0, number(8)))),
            ("size", self.connection(FRAME_SIZE, OPEN, frame(RST_STREAM, 1, b"\0\0\0"))),
            ("unknown code", self.served(OPEN, frame(RST_STREAM, 1, number(0xff)),
                                         headers(stream=3), number_of=3)))

    def test_6_5_settings(self):
        self.check(
            ("ack with payload", self.connection(FRAME_SIZE, frame(SETTINGS, 0, b"\0", ACK))),
            ("stream", self.connection(PROTOCOL, frame(SETTINGS, 1, b""))),
            ("size", self.connection(FRAME_SIZE, frame(SETTINGS, 0, b"\0\0\0"))),
            ("half a pair", self.connection(FRAME_SIZE, frame(SETTINGS, 0, bytes(9)))),
            ("push", self.connection(PROTOCOL, settings((2, 2)))),
            ("window", self.connection(FLOW_CONTROL, settings((4, 2**31)))),
            ("frame too small", self.connection(PROTOCOL, settings((5, 16383)))),
            ("frame too large", self.connection(PROTOCOL, settings((5, 2**24)))),
            ("unknown", self.served(settings((0xff, 1)), headers())))

        def in_order(c):
            c.send(settings((4, 100), (4, 1)), c.headers(1))
            first = c.until(lambda one: one[0] == DATA)
            return None if first and len(first[3]) == 1 else "not the last value"
        def acknowledged(*pairs):
            def case(c):
                c.came.clear()
                c.send(settings(*pairs))
                found = c.until(lambda one: one[0] == SETTINGS)
                return None if found and found[1] & ACK and not found[3] else "no word"
            return case
        every = ((1, 4096), (2, 1), (3, 100), (4, 65535), (5, 16384), (6, 100))
        self.check(("in order", in_order), ("every", acknowledged(*every)),
                   ("no push", acknowledged((2, 0))), ("none", acknowledged()))

    def test_6_6_push_is_not_for_clients(self):
        self.check(("promise", self.connection(PROTOCOL, OPEN, lambda c: frame(
            PUSH_PROMISE, 1, number(3) + c.block(GET), END_HEADERS))))

    def test_6_7_ping(self):
        def silent(c):
            c.send(frame(PING, 0, b"unasked!", ACK))
            found = c.alive()
            pongs = [one for one in c.came if one[0] == PING and one[3] == b"unasked!"]
            return found or ("answered" if pongs else None)
        self.check(
            ("pong", lambda c: c.alive()), ("ack", silent),
            ("stream", self.connection(PROTOCOL, frame(PING, 1, b"12345678"))),
            ("size", self.connection(FRAME_SIZE, frame(PING, 0, b"123456"))))

    def test_6_8_goaway(self):
        self.check(("stream", self.connection(PROTOCOL, frame(GOAWAY, 1, bytes(8)))))

        def finishes(c):
            c.send(c.headers(1), frame(GOAWAY, 0, number(0) + number(0xff)))
            found = c.answered(1) or c.ended(1)
            c.until(lambda one: False)
            return found or (None if c.closed else "still open")

        def leaves(code):
            def case(c):
                c.send(frame(GOAWAY, 0, number(0) + number(code) + b"bye"))
                c.until(lambda one: False)
                return None if c.closed else "still open"
            return case
        self.check(("what was begun is finished", finishes), ("leaves", leaves(f.NO_ERROR)),
                   ("unknown code", leaves(0xff)))

    def test_6_9_windows(self):
        most = number(2**31 - 1)
        self.check(
            ("none", self.connection(PROTOCOL, frame(WINDOW_UPDATE, 0, number(0)))),
            ("none of a stream", self.stream(PROTOCOL, OPEN, frame(WINDOW_UPDATE, 1, number(0)))),
            ("size", self.connection(FRAME_SIZE, frame(WINDOW_UPDATE, 0, b"\0\0\0"))),
            ("more", self.served(frame(WINDOW_UPDATE, 0, number(1)), headers())),
            ("more of a stream", self.served(headers(), frame(WINDOW_UPDATE, 1, number(1)))),
            ("too much", self.connection(FLOW_CONTROL, frame(WINDOW_UPDATE, 0, most),
                                         frame(WINDOW_UPDATE, 0, most))),
            ("too much of a stream", self.stream(FLOW_CONTROL, OPEN, frame(WINDOW_UPDATE, 1, most),
                                                 frame(WINDOW_UPDATE, 1, most))))

        def one_byte(c):
            c.send(settings((4, 1)), c.headers(1))
            got = c.until(lambda one: one[0] == DATA)
            return None if got and len(got[3]) == 1 else "more than the window"

        def later(c):
            c.send(settings((4, 0)), c.headers(1))
            c.answered(1)
            c.send(settings((4, 1)))
            got = c.until(lambda one: one[0] == DATA)
            return None if got and len(got[3]) == 1 else "not as the new window"

        def negative(c):
            c.send(settings((4, 3)), c.headers(1))
            c.until(lambda one: one[0] == DATA)
            c.send(settings((4, 2)), frame(WINDOW_UPDATE, 1, number(2)))
            got = c.until(lambda one: one[0] == DATA and one is not c.came[0] and len(one[3]) == 1)
            return None if got else "the shrunk window was not kept"
        self.check(("one byte", one_byte), ("changed later", later), ("negative", negative))

    def test_6_9_a_client_that_passes_its_window_is_stopped(self):
        def case(c):
            c.send(c.headers(1, POST + [("content-length", "10000000")], END_HEADERS))
            c.send(*(frame(DATA, 1, b"x" * 16384) for _ in range(200)))
            return c.stream_error(1, FLOW_CONTROL)
        self.check(("flood", case))

    def test_6_10_continuation(self):
        def parts(c):
            block = c.block(GET)
            return (frame(HEADERS, 1, block[:1], END_STREAM) + frame(CONTINUATION, 1, block[1:2]) +
                    frame(CONTINUATION, 1, block[2:], END_HEADERS))
        tail = frame(CONTINUATION, 1, b"", END_HEADERS)
        self.check(
            ("several", self.served(parts)),
            ("other frame", self.connection(PROTOCOL, half(), frame(DATA, 1, b"x"))),
            ("other frame later", self.connection(
                PROTOCOL, half(POST), frame(CONTINUATION, 1, b""), frame(DATA, 1, b"x"))),
            ("other stream", self.connection(PROTOCOL, half(), frame(CONTINUATION, 3, b"",
                                                                     END_HEADERS))),
            ("no stream", self.connection(PROTOCOL, half(), frame(CONTINUATION, 0, b"",
                                                                  END_HEADERS))),
            ("after the end", self.connection((PROTOCOL, STREAM_CLOSED), OPEN, tail)),
            ("after the last", self.connection((PROTOCOL, STREAM_CLOSED),
                                               headers(POST, 0), tail, tail)),
            ("after data", self.connection((PROTOCOL, STREAM_CLOSED), OPEN, frame(DATA, 1, b"x"),
                                           tail)))


class Messages(Rules):
    def test_8_1_requests(self):
        self.check(
            ("get", self.served(headers())),
            ("head", self.served(headers([(":method", "HEAD")] + GET[1:]))),
            ("post", self.served(OPEN, frame(DATA, 1, b"x", END_STREAM))),
            ("trailers", self.served(OPEN, frame(DATA, 1, b"x"), headers([("x-sum", "1")]))),
            ("second head without the end", self.stream(
                PROTOCOL, OPEN, frame(DATA, 1, b"x"), headers(flags=END_HEADERS))),
            ("never indexed", self.served(lambda c: frame(
                HEADERS, 1, c.block(GET) + b"\x10\x01a\x01b", END_STREAM | END_HEADERS))))

    def test_8_2_fields(self):
        more = lambda *pairs: GET + list(pairs)
        self.check(
            ("upper case", self.malformed(more(("X-TEST", "1")))),
            ("space", self.malformed(more(("x test", "1")))),
            ("colon", self.malformed(more(("x:test", "1")))),
            ("no name", self.malformed(more(("", "1")))),
            ("line end", self.malformed(more(("x", "1\r\ny: 2")))),
            ("bare line feed", self.malformed(more(("x", "1\ny: 2")))),
            ("nul", self.malformed(more(("x", "a\0b")))),
            ("leading blank", self.malformed(more(("x", " a")))),
            ("trailing blank", self.malformed(more(("x", "a\t")))),
            ("connection", self.malformed(more(("connection", "keep-alive")))),
            ("proxy-connection", self.malformed(more(("proxy-connection", "close")))),
            ("keep-alive", self.malformed(more(("keep-alive", "1")))),
            ("transfer-encoding", self.malformed(more(("transfer-encoding", "chunked")))),
            ("upgrade", self.malformed(more(("upgrade", "websocket")))),
            ("te", self.malformed(more(("te", "trailers, deflate")))))

    def test_8_3_pseudo_fields(self):
        without = lambda name: [pair for pair in GET if pair[0] != name]
        more = lambda *pairs: GET + list(pairs)
        self.check(
            ("unknown", self.malformed(more((":test", "1")))),
            ("of responses", self.malformed(more((":status", "200")))),
            ("after others", self.malformed(GET[:3] + [("x", "1")] + GET[3:])),
            ("in trailers", self.malformed(POST, lambda_frames([(":method", "GET")]),
                                           flags=END_HEADERS)),
            ("empty path", self.malformed(without(":path") + [(":path", "")])),
            ("no method", self.malformed(without(":method"))),
            ("no scheme", self.malformed(without(":scheme"))),
            ("no path", self.malformed(without(":path"))),
            ("neither method nor scheme", self.malformed(without(":method")[1:])),
            ("no authority", self.malformed(without(":authority"))),
            ("two methods", self.malformed(more((":method", "GET")))),
            ("two schemes", self.malformed(more((":scheme", "http")))),
            ("two paths", self.malformed(more((":path", "/")))),
            ("two authorities", self.malformed(more((":authority", "shop.test")))),
            ("another host", self.told("400", more(("host", "else.test")))),
            ("a request in the path", self.malformed(without(":path") + [(":path",
                                                                          "/ HTTP/1.1\r\nx: y")])),
            ("connect", self.told("501", [(":method", "CONNECT"),
                                          (":authority", "shop.test:80")])),
            ("trace", self.told("501", [(":method", "TRACE")] + GET[1:])),
            ("user in authority", self.told("400", without(":authority") +
                                            [(":authority", "a@shop.test")])))

    def test_what_would_be_another_request_in_http_1_is_none(self):
        """Request smuggling by downgrade: nothing that ends a line, a name or a request line there
        gets there."""
        smuggled = " HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: y"
        put = lambda name, value: [(n, value if n == name else v) for n, v in GET]
        more = lambda *pairs: GET + list(pairs)
        for name, first in (("method", "GET /"), ("scheme", "http://shop.test/"),
                            ("authority", "shop.test"), ("path", "/")):
            self.check((name, self.malformed(put(":" + name, first + smuggled))))
        self.check(
            ("name", self.malformed(more(("x: y\r\ntransfer-encoding: chunked\r\nz", "1")))),
            ("name and value", self.malformed(more(("transfer-encoding:chunked", "1")))),
            ("name with a blank", self.malformed(more(("transfer-encoding ", "chunked")))),
            ("name with a fold", self.malformed(more(("x\r\n transfer-encoding", "chunked")))),
            ("name with nul", self.malformed(more(("x\0", "1")))),
            ("value with an end", self.malformed(more(("x", "y\r\n\r\nGET / HTTP/1.1")))),
            ("value with a return", self.malformed(more(("x", "y\rhost: b")))),
            ("a false pseudo field", self.malformed(more((":host", "b")))),
            ("a second one behind", self.malformed(more(("x", "y"), (":path", "/b")))),
            ("a length", self.malformed(more(("content-length", "0\r\nx: y")))),
            ("a length with a sign", self.malformed(more(("content-length", "-1")))),
            ("a length in hex", self.malformed(more(("content-length", "0x0")))),
            ("two lengths", self.malformed(more(("content-length", "0"), ("content-length", "0")))))
        # Some of these HTTP/2 lets pass: then the reader of HTTP/1 refuses them.
        refused = lambda fields: lambda c: (c.send(c.headers(1, fields)), c.refused(1))[1]
        odd = [(":path", value) for value in
               ("/ /", "/\t/", "/#x", "http://else.test/", "shop.test/", "\\", "*", "/%00")]
        odd += [(":authority", value) for value in
                ("shop.test:0", "shop.test/x", "shop.test, b", "a b", "[::1", "")]
        odd += [(":scheme", value) for value in ("ftp", "http:", "https://shop.test/x?", "HTTP ")]
        self.check(*((name + " " + value, refused(put(name, value))) for name, value in odd),
                   ("method", refused(put(":method", "GET /"))),
                   ("two hosts", refused(GET[:3] + [("host", "a"), ("host", "b")])),
                   ("expect", self.told("417", more(("expect", "y 100-continue")))))

    def test_8_1_1_lengths(self):
        said = lambda size: POST + [("content-length", size)]
        self.check(
            ("more", self.malformed(said("1"), frame(DATA, 1, b"test", END_STREAM),
                                    flags=END_HEADERS)),
            ("less", self.malformed(said("9"), frame(DATA, 1, b"test", END_STREAM),
                                    flags=END_HEADERS)),
            ("several", self.malformed(said("1"), frame(DATA, 1, b"te"), frame(DATA, 1, b"st",
                                                                               END_STREAM),
                                       flags=END_HEADERS)),
            ("none", self.malformed(said("1"))),
            ("no number", self.malformed(said("+1"), frame(DATA, 1, b"t", END_STREAM),
                                         flags=END_HEADERS)),
            ("two", self.malformed(said("4") + [("content-length", "4")],
                                   frame(DATA, 1, b"test", END_STREAM), flags=END_HEADERS)))


def lambda_frames(fields):
    import hpack
    return frame(HEADERS, 1, hpack.Encoder().encode(fields), END_STREAM | END_HEADERS)


class Compression(Rules):
    """RFC 7541."""

    def test_what_cannot_be_decoded_ends_the_connection(self):
        whole = END_STREAM | END_HEADERS
        bad = lambda tail: self.connection(
            COMPRESSION, lambda c: frame(HEADERS, 1, c.block(GET) + tail, whole))
        self.check(
            ("2.3.3 index beyond the tables", bad(b"\xff\x80\x08")),
            ("2.3.3 literal's name beyond the tables", bad(b"\x7f\x80\x08\x01a")),
            ("4.2 size after a field", bad(b"\x20")),
            ("5.1 number without end", bad(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
            ("5.2 padding of more than seven bits", bad(b"\0\x01a\x82\x1f\xff")),
            ("5.2 padding of zeros", bad(b"\0\x01a\x81\x18")),
            ("5.2 end of string", bad(b"\0\x01a\x84\xff\xff\xff\xff")),
            ("5.2 string longer than the block", bad(b"\0\x01a\x05b")),
            ("6.1 index 0", bad(b"\x80")),
            ("6.3 size beyond the limit", self.connection(COMPRESSION, lambda c: frame(
                HEADERS, 1, b"\x3f\xe2\xff\x03" + c.block(GET), whole))))

    def test_every_way_to_write_a_field_is_read(self):
        """6.1 to 6.3: what the instance gets is what was said."""
        plain = lambda text: bytes([len(text)]) + text
        huffman = lambda code: bytes([0x80 | len(code)]) + code
        x_test, coded_x_test = plain(b"x-test"), huffman(b"\xf2\xb2\x4a\x84\xff")
        one, coded_one = plain(b"1"), huffman(b"\x0f")
        ways = {"indexed": (b"\xba", ("user-agent", ""))}
        for kind, first in (("with indexing", 0x40), ("without", 0), ("never", 0x10)):
            indexed = bytes([first | 0x3a]) if first == 0x40 else bytes([first | 0xf, 58 - 0xf])
            for value, name in ((one, ""), (coded_one, ", coded")):
                ways[kind + ", known name" + name] = (indexed + value, ("user-agent", "1"))
                ways[kind + ", new name" + name] = (
                    bytes([first]) + (coded_x_test if name else x_test) + value, ("x-test", "1"))
        origin = self.origin(serving(lambda head, body: ok(repr(head.fields))))
        self.publish([endpoint("web-2", origin.port)])
        for name, (bytes_of_it, pair) in ways.items():
            with self.subTest(name):
                client = self.new()
                client.send(frame(HEADERS, 1, client.block(GET) + bytes_of_it,
                                  END_STREAM | END_HEADERS))
                self.assertIsNone(client.answered(1))
                data = client.until(lambda one: one[0] == DATA)[3].decode()
                self.assertIn(repr(list(pair)).lower(), data.lower())
                client.sock.close()
        self.publish_hello()

    def test_sizes_within_the_limit_are_good(self):
        sized = lambda sizes: self.served(lambda c: frame(
            HEADERS, 1, sizes + c.block(GET), END_STREAM | END_HEADERS))
        self.check(("none", sized(b"\x20")), ("none, and then all", sized(b"\x20\x3f\xe1\x1f")))


if __name__ == "__main__":
    unittest.main()
