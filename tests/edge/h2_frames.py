"""Frames by hand, for what no client's library would send: bytes are made and judged here."""

import socket
import ssl
import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITIZED = 4, 8, 32
(NO_ERROR, PROTOCOL, INTERNAL, FLOW_CONTROL, _, STREAM_CLOSED, FRAME_SIZE, REFUSED, CANCEL,
 COMPRESSION, _, CALM) = range(12)
GET = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop.test")]
POST = [(":method", "POST")] + GET[1:]


def frame(kind, stream=0, payload=b"", flags=0):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def number(value):
    return struct.pack(">I", value)


class Frames:
    """A connection. What came is a list of (kind, flags, stream, payload)."""

    def __init__(self, stream, greet=True):
        self.sock = stream.sock
        self.sock.settimeout(20)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.heads = {}   # by stream
        self.decoded = 0  # so many of the frames that came are in them
        self.pending = b""
        self.came = []
        self.closed = False
        self.asked = 0
        if greet:
            self.send(PREFACE, settings())
            # Settled: the edge has acknowledged ours.
            self.until(lambda f: f[0] == SETTINGS and f[1] & ACK)

    def send(self, *parts):
        try:
            self.sock.sendall(b"".join(parts))
        except (ConnectionError, ssl.SSLError):
            self.closed = True

    def block(self, fields):
        return self.encoder.encode(fields)

    def headers(self, stream, fields=GET, flags=END_STREAM | END_HEADERS):
        return frame(HEADERS, stream, self.block(fields), flags)

    def pump(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.closed = True
            return False
        self.pending += data
        while len(self.pending) >= 9:
            size = 9 + int.from_bytes(self.pending[:3], "big")
            if len(self.pending) < size:
                break
            one, self.pending = self.pending[:size], self.pending[size:]
            kind, flags, stream = struct.unpack(">BBI", one[3:9])
            self.came.append((kind, flags, stream, one[9:]))
        return True

    def until(self, wanted):
        """The first frame that came and is wanted; None when the connection ended before."""
        at = 0
        while True:
            while at < len(self.came):
                if wanted(self.came[at]):
                    return self.came[at]
                at += 1
            if self.closed or not self.pump():
                return next((f for f in self.came[at:] if wanted(f)), None)

    def head(self, stream):
        """That came on it. All are decoded, in the order in which they came: streams share what
        an earlier one said."""
        for kind, _, of, payload in self.came[self.decoded:]:
            if kind == HEADERS:
                self.heads.setdefault(of, dict(self.decoder.decode(payload)))
        self.decoded = len(self.came)
        return self.heads[stream]

    # What h2 suites accept: the error, or one of the larger kind.
    def connection_error(self, *codes):
        """GOAWAY with one of the codes, and the end."""
        found = self.until(lambda f: f[0] == GOAWAY and f[3][4:8] != number(NO_ERROR))
        if found is None:
            return None if self.closed else "nothing"
        got = struct.unpack(">I", found[3][4:8])[0]
        if got not in codes:
            return "GOAWAY %d instead of %r" % (got, codes)
        self.until(lambda f: False)
        return None if self.closed else "still open"

    def stream_error(self, stream, *codes):
        found = self.until(lambda f: (f[0] == GOAWAY) or (f[0] == RST_STREAM and f[2] == stream))
        if found is None:
            return None
        payload = found[3] if found[0] == RST_STREAM else found[3][4:8]
        got = struct.unpack(">I", payload)[0]
        return None if got in codes else "%r instead of %r" % (got, codes)

    def refused(self, stream):
        """RST_STREAM, GOAWAY, the end, or an answer of ours with 4xx."""
        found = self.until(lambda f: f[0] in (GOAWAY, RST_STREAM) or
                           (f[0] == HEADERS and f[2] == stream))
        if found is None or found[0] != HEADERS:
            return None
        status = self.head(stream)[":status"]
        return None if status.startswith("4") else "answered with " + status

    def answered(self, stream, status="200"):
        found = self.until(lambda f: f[2] == stream and f[0] in (HEADERS, RST_STREAM) or
                           f[0] == GOAWAY)
        if found is None or found[0] != HEADERS:
            return "no answer but %r" % (found,)
        got = self.head(stream)[":status"]
        return None if got == status else "answered with " + got

    def ended(self, stream):
        found = self.until(lambda f: f[2] == stream and f[0] in (HEADERS,
                                                                 DATA) and f[1] & END_STREAM)
        return None if found else "no end"

    def alive(self):
        self.asked += 1
        word = b"%08d" % self.asked
        self.send(frame(PING, 0, word))
        found = self.until(lambda f: f[0] == PING and f[1] & ACK and f[3] == word)
        return None if found else "no pong"
