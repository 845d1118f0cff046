"""What clients send: hand-made attacks with their harmless neighbours, and generated mixtures.

`<NUM>` in a text becomes the case's number, of as many digits, so that whatever reaches the origin
can be told apart and lengths computed before stay right.
What a strict reader makes of the bytes is the expectation; see strict.py.
"""
import random
import re
from dataclasses import dataclass

import strict
from disguises import disguises

FIRST_NUMBER = 10000  # five digits: at most 90,000 cases
SMUGGLED = b"GET /c<NUM>/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Case:
    number: int
    group: str
    raw: bytes
    reading: strict.Reading
    either: bool  # the edge may refuse it although the reader would not


def make_cases(seed: int, generated: int):
    texts = list(hand_made())
    chance = random.Random(seed)
    texts += [("generated", mixture(chance)) for _ in range(generated)]
    return [make_case(number, *text) for number, text in enumerate(texts, FIRST_NUMBER)]


def make_case(number: int, group: str, text: bytes) -> Case:
    raw = text.replace(b"<NUM>", str(number).encode())
    reading = strict.read_all(raw)
    climbs = any(re.search(rb"/(\.|%2e){2}", r.target, re.I) for r in reading.requests)
    return Case(number, group, raw, reading, climbs)


def message(fields: bytes, body: bytes = b"", *, line: bytes = b"POST /c<NUM> HTTP/1.1",
            host: bytes = b"Host: a\r\n") -> bytes:
    return line + b"\r\n" + host + fields + b"\r\n" + body


def hand_made():
    for make in (good, codings, lengths, both, chunks, ends, trailers, lines, hosts, targets,
                 starts, connections, expectations, hidden, bodies, pipelines, large):
        for text in make():
            yield make.__name__, text


def good():
    yield message(b"", line=b"GET /c<NUM> HTTP/1.1")
    yield message(b"X: y\r\nx:\t z \r\nEmpty:\r\n", line=b"GET /c<NUM>?a=b&c=%zz HTTP/1.1")
    yield message(b"Content-Length: 5\r\n", b"hello")
    yield message(b"Content-Length: 0\r\n")
    yield message(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n")
    yield message(b"Transfer-Encoding: Chunked\r\n", b"0\r\nX-Sum: 1\r\n\r\n")
    yield message(b"Content-Length: 5\r\n", b"hello", line=b"GET /c<NUM> HTTP/1.1")
    yield message(b"Content-Length: 5\r\n", b"hello", line=b"PUT /c<NUM> HTTP/1.0")
    yield message(b"Connection: keep-alive\r\n", line=b"DELETE /c<NUM> HTTP/1.0")
    yield message(b"Connection: close\r\n", line=b"HEAD /c<NUM> HTTP/1.1")
    yield message(b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"hello")
    yield message(b"X: \xc3\xa5\xff\r\n", line=b"PROPFIND /c<NUM>/%C3%A5 HTTP/1.1")


def codings():
    attack = b"0\r\n\r\n" + SMUGGLED
    for coding in (b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked",
                   b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked",
                   b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
                   b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
                   b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                   b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: \"chunked\"",
                   b"Transfer-Encoding: 'chunked'", b"Transfer-Encoding: chunked;a=b",
                   b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \x0cchunked",
                   b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding: chunked\x0b",
                   b"Transfer-Encoding:\xa0chunked", b"Transfer-Encoding: chunke\xc4\xb1d",
                   b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding\r\n : chunked",
                   b" Transfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked",
                   b"X: y\rTransfer-Encoding: chunked", b"X: y\r\n\tTransfer-Encoding: chunked",
                   b"Transfer-Encoding\x00: chunked", b"Transfer\xadEncoding: chunked",
                   b"Transfer_Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
                   b"Transfer-Encoding: ,chunked", b"Transfer-Encoding: chunked,",
                   b"Transfer-Encoding:", b"Transfer-Encoding: cow", b"Transfer-Encoding: CHUNKED",
                   b"Transfer-Encoding:\tchunked\t", b"TRANSFER-ENCODING:chunked"):
        yield message(coding + b"\r\n", attack)
        length = b"Content-Length: %d\r\n" % len(attack)
        yield message(length + coding + b"\r\n", attack)
        yield message(coding + b"\r\n" + length, attack)
    yield message(b"Transfer-Encoding: chunked\r\n", attack, line=b"POST /c<NUM> HTTP/1.0")
    yield message(b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", attack,
                  line=b"POST /c<NUM> HTTP/1.0")


def lengths():
    for length in (b"5\r\nContent-Length: 6", b"5\r\nContent-Length: 5", b"5, 5", b"5,6", b"5 5",
                   b"+5", b"-5", b"0x5", b"5.0", b"5e0", b"", b"five", b"\"5\"", b"5;a", b"05",
                   b"5\x00", b"\x0b5", b"5\x0b", b"\xa05", b"18446744073709551621",
                   b"4294967301", b"99999999999999999999999", b"5\r\n 0", b"\r\n 5", b"5_0",
                   b"\xd9\xa5", b"5,", b",5", b"-0", b"00", b"+1_0", b"0o5", b"0b101", b"5,5,5",
                   b"\t5\t", b"  5  ", b"0\r\nContent-Length: 5", b"5\r\nContent-Length: 0",
                   b"5#", b"5%", b"5&", b"\xef\xbc\x95", b"000000000000000000000005"):
        yield message(b"Content-Length: " + length + b"\r\n", b"hello" + SMUGGLED)
        yield message(b"Content-Length: " + length + b"\r\n", b"hello" + SMUGGLED,
                      line=b"GET /c<NUM> HTTP/1.1")
    for name in (b"Content-Length ", b" Content-Length", b"Content-Length\t", b"Content\x00Length",
                 b"Content_Length", b"Content Length", b"X\nContent-Length",
                 b"X: y\rContent-Length"):
        yield message(name + b": 5\r\n", b"hello" + SMUGGLED)


def both():
    attack = b"0\r\n\r\n" + SMUGGLED
    for first, second in ((b"Content-Length: %d" % len(attack), b"Transfer-Encoding: chunked"),
                          (b"Content-Length: 0", b"transfer-encoding: chunked"),
                          (b"Content-Length: 4", b"Transfer-Encoding: Chunked")):
        yield message(first + b"\r\n" + second + b"\r\n", attack)
        yield message(second + b"\r\n" + first + b"\r\n", attack)
        yield message(second + b"\r\n" + first + b"\r\nConnection: content-length\r\n", attack)
        yield message(second + b"\r\n" + first + b"\r\nConnection: transfer-encoding\r\n", attack)


def chunks():
    good_end = b"\r\n0\r\n\r\n"
    for start in (b"0x5\r\nhello", b"5 \r\nhello", b" 5\r\nhello", b"+5\r\nhello", b"-5\r\nhello",
                  b"5\nhello", b"5\rhello", b"5\r\r\nhello", b"5\x00\r\nhello", b"\r\n5\r\nhello",
                  b"5\x0b\r\nhello", b"5;\r\nhello", b"5;a\nb\r\nhello", b"5;a\rb\r\nhello",
                  b"5;a\x00b\r\nhello", b"5;a=\"\r\n\"\r\nhello", b"5;a=\r\nhello", b"5 a\r\nhello",
                  b"5;a=b c\r\nhello", b"G\r\nhello", b"\r\nhello", b"5,5\r\nhello",
                  b"100000005\r\nhello", b"10000000000000005\r\nhello",
                  b"ffffffffffffffff\r\nhello", b"00000000000000005\r\nhello",
                  b"5\r\nhellox", b"5\r\nhell", b"5;" + b"a" * 300 + b"\r\nhello",
                  b"5;a\r\nhello", b"5 ; a = \"b\" ;c\r\nhello", b"0005\r\nhello",
                  b"a\r\n0123456789", b"5\r\nhello\r\n5\r\nworld", b"A;x=\"\\\"\"\r\n0123456789"):
        yield message(b"Transfer-Encoding: chunked\r\n", start + good_end + SMUGGLED)
    for end in (b"\n0\r\n\r\n", b"\r0\r\n\r\n", b"0\r\n\r\n", b"\r\n0\n\r\n", b"\r\n0\r\n\n",
                b"\r\n0\r\r\n", b"\r\n0\r\n\r", b"\r\n00\r\n\r\n", b"\r\n0;a\r\n\r\n",
                b"\r\n0\r\n \r\n\r\n", b"\r\n\r\n0\r\n\r\n", b"\r\n0", b"", b"\r\n-0\r\n\r\n"):
        yield message(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello" + end + SMUGGLED)


def ends():
    """Of a chunk's line and of its data: one reader's line end is another's extension or data."""
    smuggled = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    for end in (b"\n", b"\r", b"\rX", b"\r\r", b"\n\r", b"\x0b", b"\x0c", b"\x85", b" \n",
                b"\r \n"):
        for start in (b"5;" + end + b"hello", b"5;a" + end + b"hello", b"5;a=b" + end + b"hello",
                      b"2;" + end + b"xx", b"5;a=\"" + end + b"\"\r\nhello",
                      b"5;a=\"\\" + end + b"\"\r\nhello", b"5" + end + b";a\r\nhello",
                      b"5 ;" + end + b"\r\nhello", b"0;" + end + b"\r\n"):
            yield message(b"Transfer-Encoding: chunked\r\n", start + b"\r\n" + smuggled)
        yield message(b"Transfer-Encoding: chunked\r\n", b"0\r\nX: y" + end + SMUGGLED)
    for end in (b"\n", b"\r", b"", b"XX", b"\rX", b"\r\r", b"\n\n", b"\n\r", b"X\r\n", b"\r\n\r\n"):
        yield message(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello" + end + smuggled)
        # So long that its end, if that is shorter or longer, hides the next one's line.
        for size in (4, 6, 7):
            yield message(b"Transfer-Encoding: chunked\r\n",
                          b"%x\r\nhello" % size + end + smuggled)
    for size in (b"0_2e", b"0x2e", b"2E", b"00000000000000000000", b"5\t", b"5\x0c", b"\xd9\xa5",
                 b"8000000000000000", b"7fffffffffffffff", b"fffffffffffffffb", b"100000000",
                 b"1000000000000", b"1000000000001", b"5h", b"5.", b"5#", b"%35", b"&5"):
        yield message(b"Transfer-Encoding: chunked\r\n", size + b"\r\nhello\r\n" + smuggled)


def trailers():
    for trailer in (b"X: y", b"X:", b"X : y", b" X: y", b"X: y\r\n z", b"X", b"X: \x00", b"X: y\rz",
                    b"X: y\nz: 1", b"Content-Length: 5", b"content-length: 0", b"Host: b",
                    b"Transfer-Encoding: chunked", b"Connection: close", b"Trailer: X", b"TE: x",
                    b"Upgrade: x", b"Expect: 100-continue", b"A: 1\r\nB: 2", b": y",
                    b"\r\n".join(b"T%d: x" % i for i in range(40)), b"X: " + b"y" * 20000,
                    b"Authorization: x", b"Content-Type: x", b"X-Forwarded-For: 6.6.6.6",
                    b"Cookie: a=b", b"Content-Encoding: gzip", b"traceparent: x"):
        yield message(b"Transfer-Encoding: chunked\r\n",
                      b"0\r\n" + trailer + b"\r\n\r\n" + SMUGGLED)


def lines():
    for text in (b"X: a\nY: b\r\n", b"X: a\rY: b\r\n", b"X: a\r\r\n", b"X: a\n\r\n", b"\nX: a\r\n",
                 b"X: a\r\n b\r\n", b"X: a\r\n\tb\r\n", b" X: a\r\n", b"X : a\r\n", b"X\t: a\r\n",
                 b"X Y: a\r\n", b": a\r\n", b"X\r\n", b"X: a\x00b\r\n", b"X: \x01\r\n",
                 b"X: \x7f\r\n", b"X\x00: a\r\n", b"X\x7f: a\r\n", b"X\xe5: a\r\n", b"X(: a\r\n",
                 b"X\"Y: a\r\n", b"X;Y: a\r\n", b"X/Y: a\r\n", b"X{: a\r\n", b"X_Y: a\r\n",
                 b"X!#$%&'*+-.^`|~: a\r\n", b"X:\ta\tb\t\r\n", b"X: \x80\xff\r\n"):
        yield message(text, line=b"GET /c<NUM> HTTP/1.1")
    yield b"GET /c<NUM> HTTP/1.1\nHost: a\n\n" + SMUGGLED
    yield b"GET /c<NUM> HTTP/1.1\r\nHost: a\r\n\n" + SMUGGLED
    yield b"GET /c<NUM> HTTP/1.1\r\nHost: a\n\r\n" + SMUGGLED
    yield b"GET /c<NUM> HTTP/1.1\rHost: a\r\r" + SMUGGLED
    yield b"\r\nGET /c<NUM> HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"\r\n\r\nGET /c<NUM> HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"\nGET /c<NUM> HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b" \r\nGET /c<NUM> HTTP/1.1\r\nHost: a\r\n\r\n"


def hosts():
    for host in (b"", b"Host:\r\n", b"Host: \r\n", b"Host: a\r\nHost: b\r\n",
                 b"Host: a\r\nhost: a\r\n", b"Host: u@a\r\n", b"Host: a/b\r\n", b"Host: a?b\r\n",
                 b"Host: a#b\r\n", b"Host: a, b\r\n", b"Host: a b\r\n", b"Host: a\\b\r\n",
                 b"Host: a:\r\n", b"Host: a:0\r\n", b"Host: a:65536\r\n", b"Host: a:x\r\n",
                 b"Host: a:80:80\r\n", b"Host: :80\r\n", b"Host: a..b\r\n", b"Host: .a\r\n",
                 b"Host: a%00\r\n", b"Host: %61\r\n", b"Host: a\x00\r\n", b"Host: \xc3\xa5\r\n",
                 b"Host: [::1\r\n", b"Host: a]\r\n", b"Host: http://a\r\n", b"Host : a\r\n",
                 b" Host: a\r\n", b"Host: a\r\n b\r\n", b"Host: a;b\r\n", b"Host: 'a'\r\n",
                 b"Host: a\r\n", b"HOST:a:65535\r\n", b"Host: a.b.\r\n", b"Host: a_b-c\r\n",
                 b"Host: [::1]:80\r\n", b"Host: 127.0.0.1\r\n"):
        yield message(b"", line=b"GET /c<NUM> HTTP/1.1", host=host)
    yield message(b"", line=b"GET /c<NUM> HTTP/1.0", host=b"")


def targets():
    for target in (b"c<NUM>", b"/c<NUM>#f", b"/c<NUM>\\x", b"/c<NUM>\"", b"/c<NUM><x>", b"/c<NUM>%",
                   b"/c<NUM>%2", b"/c<NUM>%zz", b"/c<NUM>%00", b"/c<NUM>\x00", b"/c<NUM>\x01",
                   b"/c<NUM>\x7f", b"/c<NUM>\xc3\xa5", b"/c<NUM>\t/x", b"/c<NUM> /x",
                   b"http://b/c<NUM>", b"http://a:80/c<NUM>", b"http://u@a/c<NUM>",
                   b"http:///c<NUM>", b"http:/c<NUM>", b"http:c<NUM>", b"//a/c<NUM>",
                   b"ftp://a/c<NUM>", b"file:///c<NUM>", b"http://a\\/c<NUM>", b"http://a@b/c<NUM>",
                   b"*", b"http://a/c<NUM>", b"HTTP://A/c<NUM>?x", b"https://a/c<NUM>",
                   b"/c<NUM>?x=\\&y=%", b"/c<NUM>?[]={}|^`'", b"/c<NUM>/a;b=c/[d]|{e}^",
                   b"/c<NUM>/%2e%2e/x", b"/../c<NUM>", b"/c<NUM>/./x/../y", b"/c<NUM>//x",
                   b"/c<NUM>/%2F%5c", b"?/c<NUM>"):
        yield message(b"", line=b"GET " + target + b" HTTP/1.1")
    # Answered without the origin: the body that nobody wants must not be taken for a request.
    yield message(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED,
                  line=b"POST /../c<NUM> HTTP/1.1")
    yield message(b"Transfer-Encoding: chunked\r\n",
                  b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
                  line=b"POST /c<NUM>/../.. HTTP/1.1")
    yield message(b"", line=b"OPTIONS *x HTTP/1.1")
    yield message(b"X-Case: <NUM>\r\n", line=b"OPTIONS * HTTP/1.1")
    yield message(b"X-Case: <NUM>\r\n", line=b"OPTIONS http://a HTTP/1.1")
    yield message(b"", line=b"GET /c<NUM>/" + b"a" * 9000 + b" HTTP/1.1")


def starts():
    for line in (b"get /c<NUM> HTTP/1.1", b"G\x00T /c<NUM> HTTP/1.1", b"G(T /c<NUM> HTTP/1.1",
                 b" GET /c<NUM> HTTP/1.1", b"GET  /c<NUM> HTTP/1.1", b"GET /c<NUM>  HTTP/1.1",
                 b"GET\t/c<NUM> HTTP/1.1", b"GET /c<NUM>\tHTTP/1.1", b"GET /c<NUM> HTTP/1.1 ",
                 b"GET /c<NUM> HTTP/1.1 x", b"GET /c<NUM> http/1.1", b"GET /c<NUM> HTTP/1.2",
                 b"GET /c<NUM> HTTP/2.0", b"GET /c<NUM> HTTP/0.9", b"GET /c<NUM> HTTP/1.10",
                 b"GET /c<NUM> HTTP/11", b"GET /c<NUM> HTTP/1", b"GET /c<NUM> HTTP/+1.1",
                 b"GET /c<NUM> HTTP/1.1\x00", b"GET /c<NUM>", b"/c<NUM>", b"GET",
                 b"GET /c<NUM> ICY/1.1",
                 b"CONNECT a:80 HTTP/1.1", b"CONNECT /c<NUM> HTTP/1.1", b"TRACE /c<NUM> HTTP/1.1",
                 b"PRI * HTTP/2.0", b"PRI /c<NUM> HTTP/1.1", b"M" * 33 + b" /c<NUM> HTTP/1.1",
                 b"HTTP/1.1 200 OK", b"GET /c<NUM>\nHTTP/1.1", b"GET /c<NUM>\rHTTP/1.1",
                 b"GET\x0b/c<NUM> HTTP/1.1", b"GET\xa0/c<NUM> HTTP/1.1", b"GET /c<NUM> HTTP/1.1\r",
                 b"GET /c<NUM>\x0cHTTP/1.1", b"GET /c<NUM> HTTP/1.32", b"GET /c<NUM> HTTP/01.1",
                 b"GET /c<NUM> HTTP/1.01", b"GET /c<NUM> HTTP/\r\r1.1", b"GET /c<NUM> HTTP/ 1.1",
                 b"GET /c<NUM> HTTP/1.1\t", b"GET  HTTP/1.1", b"GET /c<NUM> HTTP/1.1 HTTP/1.1",
                 b"G=\":<>(e),[T];?\" /c<NUM> HTTP/1.1", b"\xefGET /c<NUM> HTTP/1.1",
                 b"GET /c<NUM> /x HTTP/1.1", b"GET /c<NUM> HTTPS/1.1", b"GET /c<NUM> HTTP1.1",
                 b"GET /c<NUM>?x HTTP/1.1 HTTP/1.0", b"\x16\x03\x01\x02\x00\x01",
                 b"GET! /c<NUM> HTTP/1.1"):
        yield message(b"", line=line)
        yield message(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED, line=line)


def connections():
    for fields in (b"Connection: content-length\r\n", b"Connection: host\r\n",
                   b"Connection: close, transfer-encoding\r\n", b"Connection: a b\r\n",
                   b"Connection: x-forwarded-for, X\r\nX: 1\r\n", b"Connection: ;\r\n",
                   b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
                   b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
                   b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n", b"Proxy-Connection: close\r\n",
                   b"Keep-Alive: timeout=5\r\nConnection: keep-alive\r\n",
                   b"TE: trailers, chunked\r\n",
                   b"Connection: close\r\nConnection: keep-alive\r\n", b"Expect: wonders\r\n",
                   b"Expect: 100-continue\r\nConnection: expect\r\n"):
        yield message(fields + b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED)


def expectations():
    """An expectation that only one of two understands makes one of them wait for no body."""
    for expect in (b"100-Continue", b"y 100-continue", b"100-continue y", b"100-continue, y",
                   b"100-continue, 100-continue", b"100-continue\r\nExpect: 100-continue",
                   b"100-continue;a=b", b"\"100-continue\"", b"100-continue\x00", b"\n100-continue",
                   b"\r\n 100-continue", b"\x0b100-continue", b"100-continue\x0b", b"100", b"",
                   b",", b"100-continu", b"x\r\nExpect: 100-continue", b"100-continue\r\nExpect: x",
                   b" \t100-continue\t ", b"200-ok"):
        for fields, body in ((b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED),
                             (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
                             (b"", SMUGGLED)):
            yield message(b"Expect: " + expect + b"\r\n" + fields, body)
            yield message(fields + b"Expect: " + expect + b"\r\n", body,
                          line=b"GET /c<NUM> HTTP/1.1")
            yield message(b"Expect: " + expect + b"\r\n" + fields, body,
                          line=b"POST /c<NUM> HTTP/1.0")


def hidden():
    body = b"0\r\n\r\n" + SMUGGLED
    length = b"Content-Length: %d\r\n" % len(body)
    for line in disguises(b"Content-Length", b"%d" % len(body)):
        yield message(line, body)
        yield message(line, body, line=b"GET /c<NUM> HTTP/1.1")
    for line in disguises(b"Transfer-Encoding", b"chunked"):
        yield message(line, body)
        yield message(length + line, body)
        yield message(line + length, body)
    for line in disguises(b"Host", b"b"):
        yield message(line, line=b"GET /c<NUM> HTTP/1.1")
        yield message(b"", line=b"GET /c<NUM> HTTP/1.1", host=line)
        yield message(b"", line=b"GET /c<NUM> HTTP/1.1", host=line + b"Host: a\r\n")
    for line in disguises(b"Expect", b"100-continue"):
        yield message(line + length, body)
    for line in disguises(b"Connection", b"close"):
        yield message(line, SMUGGLED, line=b"GET /c<NUM> HTTP/1.1")


def bodies():
    """Of methods that rarely have one, and where nobody may want it."""
    for method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"PROPFIND", b"X"):
        line = method + b" /c<NUM> HTTP/1.1"
        yield message(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED, line=line)
        yield message(b"Content-Length: 0\r\n", SMUGGLED, line=line)
        yield message(b"", SMUGGLED, line=line)
        yield message(b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (
            len(SMUGGLED), SMUGGLED), line=line)
    for target in (b"/con", b"/nul.txt", b"/aux", b"/c<NUM>/..%2f", b"/%2e%2e/c<NUM>", b"*", b"//"):
        yield message(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED,
                      line=b"POST " + target + b"?/c<NUM> HTTP/1.1")


def pipelines():
    one = message(b"Content-Length: 5\r\n", b"hello")
    two = message(b"", line=b"GET /c<NUM>/two HTTP/1.1")
    bad = message(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello")
    closing = message(b"Connection: close\r\n", line=b"GET /c<NUM>/last HTTP/1.1")
    for texts in ((one, two), (two, one, two), (one, bad, two), (two, closing, two),
                  (one, b"\r\n", two), (one, b"\r\n\r\n", two), (one, b"x", two), (two,) * 8,
                  (message(b"", line=b"GET /c<NUM> HTTP/1.0"), two), (bad, two), (one, two[:-2])):
        yield b"".join(texts)


def large():
    yield message(b"X: " + b"y" * 20000 + b"\r\n")
    yield message(b"X: " + b"y" * 200000 + b"\r\n")
    yield message(b"".join(b"X%d: y\r\n" % i for i in range(90)))
    yield message(b"".join(b"X%d: y\r\n" % i for i in range(200)))
    yield message(b"Content-Length: 300000\r\n", b"b" * 300000)
    yield message(b"Transfer-Encoding: chunked\r\n",
                  b"1000\r\n" + b"b" * 4096 + b"\r\n" + b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n")


FIELDS = [b"Content-Length: 5", b"Content-Length: 0", b"content-length:  11 ",
          b"Content-Length: 5,5", b"Transfer-Encoding: chunked", b"transfer-encoding:chunked",
          b"Transfer-Encoding: gzip", b"Transfer-Encoding : chunked", b"Host: a", b"Host: b",
          b"X: y", b"X: y\x00", b"X : y", b"Connection: close",
          b"Connection: keep-alive, content-length", b"X: y\rz", b" folded",
          b"Expect: 100-continue", b"Cookie: a=b", b"Upgrade: websocket", b"Trailer: X"]
WEIGHTS = [8, 4, 3, 1, 8, 3, 1, 1, 1, 1, 9, 1, 1, 2, 2, 1, 1, 1, 4, 2, 2]
BODIES = [b"", b"hello", b"hello world", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"0\r\n\n",
          b"5\r\nhello\r\n0\r\nX: y\r\n\r\n", b"5;a\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n",
          b"b\r\nhello world\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"\r\n"]
LINES = [b"GET /c<NUM> HTTP/1.1", b"POST /c<NUM>?x HTTP/1.1", b"PUT http://a/c<NUM> HTTP/1.1",
         b"POST /c<NUM> HTTP/1.0", b"HEAD /c<NUM> HTTP/1.1", b"GET /c<NUM>\tHTTP/1.1"]


def mixture(chance: random.Random) -> bytes:
    """One to three messages put together from parts that each may be a little wrong."""
    text = b""
    for _ in range(chance.choice((1, 1, 2, 3))):
        ends = chance.choices((b"\r\n", b"\n", b"\r", b"\r\r\n"), (200, 1, 1, 1), k=8)
        fields = chance.choices(FIELDS, WEIGHTS, k=chance.randrange(0, 4))
        head = [chance.choices(LINES, (9, 9, 4, 3, 3, 1))[0], b"Host: a"] + fields
        if chance.random() < 0.05:
            chance.shuffle(head)
        text += b"".join(line + end for line, end in zip(head, ends)) + chance.choice(ends)
        text += chance.choice(BODIES)
        if chance.random() < 0.3:
            text += SMUGGLED
    if chance.random() < 0.1:
        at = chance.randrange(len(text))
        text = text[:at] + bytes([chance.choice(b"\x00\x01\r\n\t ;:,/\x7f\xff")]) + text[at + 1:]
    return text
