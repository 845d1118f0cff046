"""What a broken or hostile instance answers, and what a client may see of it."""
from dataclasses import dataclass

POISON = b"POISON"  # bytes behind a response's end: no client may ever see them
BAD = 502


@dataclass
class Answer:
    number: int
    name: str
    raw: bytes
    status: int  # that the client must see


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


def make_answers(first_number: int):
    return [Answer(first_number + i, *row) for i, row in enumerate(ROWS)]
