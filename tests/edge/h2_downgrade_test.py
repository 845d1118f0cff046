"""Requests over HTTP/2 made of parts that may each be a little wrong, and what of them reaches an
instance of HTTP/1: one strict request for each that is taken, as it was asked, or nothing.

MOLN_SEED chooses others, MOLN_CASES how many.
"""

import os
import pathlib
import random
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "differential"))

import strict  # noqa: E402: the reader of the comparison with other proxies
from h2_client import h2_stream_of  # noqa: E402
from h2_frames import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM,  # noqa: E402
                       Frames, frame)
from harness import EdgeCase, endpoint, ok  # noqa: E402

SEED = int(os.environ.get("MOLN_SEED", "1"))
CASES = int(os.environ.get("MOLN_CASES", "2000"))
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: shop.test\r\n\r\n"
ODD = [b"\r", b"\n", b"\r\n", b"\0", b"\x01", b"\t", b" ", b":", b",", b";", b"\x7f", b"\x80",
       b"\xff", b"_", b"\\", b"\"", b"#", b"?", b"/", b"%", b"@", b"\r\nx: y",
       b"\r\n\r\n" + SMUGGLED, b" HTTP/1.1\r\nx: y\r\nz:", b"\n\n" + SMUGGLED]
GOOD = [(b"x-a", b"1"), (b"cookie", b"a=b"), (b"cookie", b"c=d"), (b"accept", b"*/*"),
        (b"te", b"trailers"), (b"host", b"shop.test"), (b"x_a", b"2"), (b"x-empty", b""),
        (b"trailer", b"x-sum"), (b"x-forwarded-for", b"6.6.6.6"), (b"http2-settings", b"AA")]
FIELDS = [(b"content-length", b"4"), (b"content-length", b"0"), (b"content-length", b"5"),
          (b"content-length", b"4, 4"), (b"content-length", b"+4"), (b"content-length", b"0x4"),
          (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"identity"),
          (b"connection", b"close"), (b"connection", b"x-a"), (b"upgrade", b"h2c"),
          (b"te", b"chunked"), (b"host", b"b.test"), (b"expect", b"100-continue"),
          (b"expect", b"x"), (b"keep-alive", b"1"), (b"proxy-connection", b"close"),
          (b"X-A", b"3"), (b"", b"y"), (b":path", b"/b?n="), (b":method", b"PUT"), (b":x", b"y"),
          (b":protocol", b"websocket"), (b":status", b"200")]
METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PRI", b"get", b"CONNECT",
           b"X" * 40]
SCHEMES = [b"http", b"https", b"HTTP", b"ftp", b""]
HOSTS = [b"shop.test", b"SHOP.test", b"shop.test:80", b"a@shop.test", b"a, b", b"", b"[::1]",
         b"a:b"]
PATHS = [b"/c", b"*", b"", b"c", b"//c", b"http://shop.test/c", b"/c?x=/../y", b"/c/%2e", b"/c#d"]
OURS = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
        b"traceparent", b"host", b"content-length", b"transfer-encoding", b"cookie"}


def mostly(chance, first, others, share=0.95):
    return first if chance.random() < share else chance.choice(others)


def spoiled(chance, text):
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(ODD) + text[at:]


class Asked:
    """One request as it goes out."""

    def __init__(self, chance, number):
        self.number = number
        method = mostly(chance, chance.choice((b"GET", b"POST")), METHODS)
        path = mostly(chance, b"/c", PATHS) + b"?n=%d" % number
        host = mostly(chance, b"shop.test", HOSTS)
        pairs = [(b":method", method), (b":scheme", mostly(chance, b"http", SCHEMES)),
                 (b":path", path), (b":authority", host)]
        pairs += chance.choices(GOOD, k=chance.choice((0, 1, 1, 2, 3)))
        pairs += [(name, value + b"%d" % number if name == b":path" else value)
                  for name, value in chance.choices(FIELDS, k=chance.choice((0, 0, 0, 1)))]
        self.parts = chance.choice(([], [], [b"body"], [b"bo", b"dy"], [b"\r\n" + SMUGGLED],
                                    [b"0\r\n\r\n", SMUGGLED]))
        self.trailers = chance.choice((None, None, None, None, None, None, [(b"x-sum", b"1")],
                                       [(b"transfer-encoding", b"chunked")], [(b"host", b"b")],
                                       [(b"x", b"1\r\n\r\n" + SMUGGLED)], [(b"X", b"1")]))
        for _ in range(chance.choice((0, 0, 0, 0, 1, 2))):
            at = chance.randrange(len(pairs))
            name, value = pairs[at]
            if chance.random() < 0.3:
                pairs[at] = (spoiled(chance, name), value)
            else:
                pairs[at] = (name, spoiled(chance, value))
        if chance.random() < 0.1:
            chance.shuffle(pairs)
        if chance.random() < 0.1:
            del pairs[chance.randrange(len(pairs))]
        self.pairs = pairs
        self.ends = not self.parts and self.trailers is None

    def value(self, name):
        return next((value for key, value in self.pairs if key == name), None)

    def frames(self, client, stream):
        end = END_STREAM if self.ends else 0
        yield frame(HEADERS, stream, client.block(self.pairs), END_HEADERS | end)
        for i, part in enumerate(self.parts):
            last = i == len(self.parts) - 1 and self.trailers is None
            yield frame(DATA, stream, part, END_STREAM if last else 0)
        if self.trailers is not None:
            yield frame(HEADERS, stream, client.block(self.trailers), END_HEADERS | END_STREAM)


class Downgrade(EdgeCase):
    def setUp(self):
        super().setUp()
        self.arrived = []
        self.wrong = []
        self.publish([endpoint("web-1", self.origin(self.read_strictly).port)])
        self.client_now = None

    def read_strictly(self, stream, _number):
        while True:
            try:
                request, used = strict.read_request(stream.inbox, empty_line_first=False)
            except strict.Incomplete:
                if not stream.more():
                    return  # a body that broke off is no request
                continue
            except strict.Refused as why:
                self.wrong.append((str(why), stream.inbox))
                return
            stream.inbox = stream.inbox[used:]
            self.arrived.append(request)
            head_only = b"HEAD" == request.method
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" if head_only else ok("ok"))

    def ask(self, asked):
        """The status; None: the edge would not have it."""
        if self.client_now is None or self.client_now.closed:
            self.client_now, self.stream = Frames(h2_stream_of(self)), -1
        client = self.client_now
        self.stream += 2
        stream = self.stream
        client.came.clear()
        client.decoded = 0
        client.send(*asked.frames(client, stream))
        found = client.until(lambda f: f[0] == GOAWAY or f[2] == stream and (
            f[0] == RST_STREAM or f[0] in (HEADERS, DATA) and f[1] & END_STREAM))
        if found is None or found[0] == GOAWAY:
            client.until(lambda _: False)
            return None
        heads = [one for one in client.came if one[0] == HEADERS and one[2] == stream]
        statuses = [dict(client.decoder.decode(one[3]))[":status"] for one in heads]
        return None if found[0] == RST_STREAM or not statuses else statuses[-1]

    def judge(self, asked, request):
        said = [(name, value) for name, value in asked.pairs if not name.startswith(b":")]
        self.assertEqual(request.method, asked.value(b":method"))
        self.assertEqual(request.target, asked.value(b":path"))
        self.assertEqual(request.host.lower(), (asked.value(b":authority") or
                                                asked.value(b"host")).lower())
        # A length that is not true is found out when the head has gone already.
        body, length = b"".join(asked.parts), asked.value(b"content-length")
        self.assertEqual(request.body, body if length is None else body[:int(length)])
        made = [(name, value) for name, value in request.fields if name not in OURS]
        self.assertEqual([one for one in made if one not in said], [])
        for name, _ in made:
            self.assertNotIn(name, (b"te", b"connection", b"upgrade", b"keep-alive", b"trailer",
                                    b"proxy-connection"))

    def test_the_judge_sees_what_is_not_as_it_was_asked(self):
        asked = Asked(random.Random(0), 0)
        asked.pairs = [(b":method", b"POST"), (b":path", b"/c"), (b":authority", b"a"),
                       (b"x", b"y")]
        asked.parts = [b"body"]
        text = b"POST /c HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 4\r\n\r\nbody"
        self.judge(asked, strict.read_request(text)[0])
        for was, now in ((b"POST", b"PUT"), (b"/c", b"/b"), (b" a", b" b"), (b"X: y", b"X: z"),
                         (b"X:", b"Y:"), (b"X: y", b"X: y\r\nTE: x"), (b"body", b"bode")):
            with self.subTest(now), self.assertRaises(AssertionError):
                self.judge(asked, strict.read_request(text.replace(was, now))[0])

    def test_what_arrives_is_what_was_asked_or_nothing(self):
        chance = random.Random(SEED)
        asked = [Asked(chance, number) for number in range(CASES)]
        statuses = [self.ask(one) for one in asked]
        by_target = {one.value(b":path"): (one, status) for one, status in zip(asked, statuses)}
        self.assertEqual(self.wrong, [])
        taken = set()
        for request in list(self.arrived):
            self.assertIn(request.target, by_target)
            one, status = by_target[request.target]
            with self.subTest(seed=SEED, pairs=one.pairs, parts=one.parts, trailers=one.trailers,
                              status=status):
                self.assertNotIn(one.number, taken)
                taken.add(one.number)
                self.judge(one, request)
        answered = {one.number for one, status in zip(asked, statuses) if status == "200"}
        self.assertEqual(answered - taken, set())
        # Neither because everything is refused nor because everything is right.
        self.assertGreater(len(answered), CASES / 5)
        self.assertLess(len(answered), CASES * 4 / 5)


if __name__ == "__main__":
    unittest.main()
