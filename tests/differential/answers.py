"""What a broken or hostile instance answers, and what a client may see of it."""
from dataclasses import dataclass

import strict
from disguises import disguises

POISON = b"POISON"  # bytes behind a response's end: no client may ever see them
BAD = 502


@dataclass
class Answer:
    number: int
    name: str
    raw: bytes
    status: int  # that the client must see
    # What a strict reader makes of it; None of those made by hand, of which POISON tells enough.
    reading: strict.Answer | None = None
    closes: bool = False  # the instance ends the connection behind it


OK = b"HTTP/1.1 200 OK\r\n"
ROWS = [
    ("plain", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 200),
    ("chunked", OK + b"Transfer-Encoding: chunked\r\n\r\n3;a\r\nok\n\r\n0\r\n\r\n", 200),
    ("until close", b"HTTP/1.0 200 OK\r\n\r\nok\n", 200),
    ("no phrase", b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404),
    ("early hints", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
                    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 200),
    ("bytes behind the end", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
                             b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", 200),
    ("body of 204", b"HTTP/1.1 204 No Content\r\n\r\n"
                    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", 204),
    ("two lengths", OK + b"Content-Length: 3\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("two equal lengths", OK + b"Content-Length: 6\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("listed length", b"HTTP/1.1 200 OK\r\nContent-Length: 6, 6\r\n\r\nPOISON", BAD),
    ("length and coding", OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                               b"6\r\nPOISON\r\n0\r\n\r\n", BAD),
    ("other coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
                     b"6\r\nPOISON\r\n0\r\n\r\n", BAD),
    ("coding in 1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"6\r\nPOISON\r\n0\r\n\r\n", BAD),
    ("coding of 204", b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    ("bare line feeds", b"HTTP/1.1 200 OK\nContent-Length: 6\n\nPOISON", BAD),
    ("bare return", b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("folded line", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("blank before colon", b"HTTP/1.1 200 OK\r\nContent-Length : 6\r\n\r\nPOISON", BAD),
    ("NUL in a value", b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("no colon", b"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("bad status", b"HTTP/1.1 2000 OK\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("HTTP/2", b"HTTP/2 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", BAD),
    ("no HTTP", b"POISON\r\n\r\n", BAD),
    ("HTTP/0.9", b"<html>POISON</html>", BAD),
    ("switch nobody asked for",
     b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nPOISON", BAD),
    ("head without end", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200000, BAD),
]


SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"


def hidden():
    """The fields that say where an answer ends, disguised; behind its end there is another."""
    body = b"0\r\n\r\n" + SECOND
    length = b"Content-Length: %d\r\n" % len(body)
    for line in disguises(b"Content-Length", b"%d" % len(body)):
        yield OK + line + b"\r\n" + body + SECOND
    for line in disguises(b"Transfer-Encoding", b"chunked"):
        yield OK + line + b"\r\n" + body
        yield OK + line + length + b"\r\n" + body + SECOND
    for line in disguises(b"Connection", b"close"):
        yield OK + line + b"Content-Length: 3\r\n\r\nok\n" + SECOND
    for line in disguises(b"Upgrade", b"x"):
        yield b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\n" + line + b"\r\n" + SECOND


def odd():
    """Status lines, interim answers and chunks."""
    rest = b"\r\nContent-Length: 3\r\n\r\nok\n" + SECOND
    for line in (b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 200  OK",
                 b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 200\tOK", b"HTTP/1.1 20 OK",
                 b"HTTP/1.1 2000 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 2x0 OK",
                 b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 O\rK", b"HTTP/1.1 200 O\nK",
                 b"http/1.1 200 OK",
                 b"HTTP/1.2 200 OK", b"HTTP/11 200 OK", b" HTTP/1.1 200 OK", b"\r\nHTTP/1.1 200 OK",
                 b"HTTP/1.1 200 OK\r", b"HTTP/1.1 200 \xff", b"ICY 200 OK", b"HTTP/1.1 204 No",
                 b"HTTP/1.1 304 Not", b"HTTP/1.1 100 Go", b"HTTP/1.1 199 Go", b"HTTP/1.1 101 Go",
                 b"HTTP/1.1 404 No", b"HTTP/1.1 599 No", b"HTTP/1.1 -200 OK", b"HTTP/1.1 +20 OK"):
        yield line + rest
        yield b"HTTP/1.1 100 Continue\r\n\r\n" + line + rest
    for interim in (b"HTTP/1.1 103 E\r\nX: y\r\n\r\n" * 3, b"HTTP/1.1 103 E\r\n\n",
                    b"HTTP/1.1 103 E\r\nTransfer-Encoding: chunked\r\n\r\n",
                    b"HTTP/1.1 103 E\r\nX : y\r\n\r\n", b"HTTP/1.1 103 E\r\n X: y\r\n\r\n"):
        yield interim + OK + rest[2:]
    for chunk in (b"3\r\nok\n\r\n", b"3 \r\nok\n\r\n", b"3;a\r\nok\n\r\n", b"3\nok\n\r\n",
                  b"3;\nok\n\r\n", b"3;a\rb\r\nok\n\r\n", b"0x3\r\nok\n\r\n", b"+3\r\nok\n\r\n",
                  b"3\r\nok\n", b"3\r\nok\n\n", b"3\r\nok\nX\r\n", b"4\r\nok\n\r\n",
                  b"2\r\nok\n\r\n",
                  b"", b"\r\n", b"g\r\n", b"10000000000000003\r\nok\n\r\n", b"0003\r\nok\n\r\n"):
        for end in (b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\n\n", b"0\r\nX : y\r\n\r\n", b"",
                    b"0\r\nContent-Length: 6\r\n\r\n", b"0\r\n y\r\n\r\n"):
            yield OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + end + SECOND


def read(number: int, raw: bytes) -> Answer:
    try:
        reading = strict.read_answer(raw)
    except (strict.Refused, strict.Incomplete):
        return Answer(number, "odd", raw, BAD, None, True)
    return Answer(number, "odd", raw, reading.status, reading,
                  reading.until_close or not reading.whole)


def hand_made(first_number: int):
    return [Answer(first_number + i, *row, closes=row[0] == "until close")
            for i, row in enumerate(ROWS)]


def generated(first_number: int):
    return [read(first_number + i, raw) for i, raw in enumerate((*hidden(), *odd()))]
