"""A second, independent reading of what the edge may forward: strict HTTP/1 requests.

Written with regular expressions and without a look at the C++ parser, so that a shared mistake is
unlikely. `read_request` says what one request is; `read_all` what a connection's bytes are.
"""
import re
from dataclasses import dataclass

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LINE = re.compile(rb"(" + TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)\r\n")
START = re.compile(rb"(" + TOKEN + rb") ([!-~]+) HTTP/(1\.[01])\r\n")
STATUS = re.compile(rb"HTTP/(1\.[01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?\r\n")
PATH = re.compile(rb"/(?:[!$&'()*+,\-./0-9:;=@A-Z\[\]^_`a-z{|}~]|%(?!00)[0-9A-Fa-f]{2})*")
QUERY = re.compile(rb"[!$-;=?-~]*")
HOST = re.compile(rb"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\])"
                  rb"(?::([1-9][0-9]{0,4}))?")
QUOTED = rb"\"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*\""
VALUE = rb"[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + QUOTED + rb")"
EXTENSIONS = rb"(?:[ \t]*;[ \t]*" + TOKEN + rb"(?:" + VALUE + rb")?)*"
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(" + EXTENSIONS + rb")\r\n")
NOT_IN_TRAILERS = {b"content-length", b"transfer-encoding", b"host", b"connection", b"upgrade",
                   b"expect", b"te", b"trailer", b"keep-alive", b"proxy-connection",
                   b"proxy-authenticate", b"proxy-authorization"}
HEAD_BYTES_MAX = 32 * 1024
EXTENSION_BYTES_MAX = 256
CHUNK_BYTES_MAX = 1 << 48
TRAILERS_MAX = 32
TRAILER_BYTES_MAX = 8 * 1024


class Refused(Exception):
    """These bytes can never become a request."""
    in_body = False  # the head was well: a proxy that streams has passed it on already


class Incomplete(Exception):
    """These bytes may be the beginning of a request."""
    in_body = False


@dataclass
class Request:
    method: bytes
    target: bytes  # as an origin would get it: path and query, or "*"
    host: bytes
    fields: list
    body: bytes
    keeps_alive: bool
    chunked: bool
    extensions: bool  # some chunk had one

    def summary(self):
        return (self.method, self.target, self.host, self.body)


def read_request(data: bytes, at: int = 0, *, empty_line_first: bool = True):
    """The request at `at` and where the next begins."""
    if empty_line_first and data[at:at + 2] == b"\r\n":
        at += 2
    method, target, version, at, begin = read_start(data, at)
    fields, at = read_fields(data, at)
    if at - begin > HEAD_BYTES_MAX:
        raise Refused("head too large")
    host = the_host(fields)
    origin_target = read_target(method, target, host)
    length, chunked = framing(fields, version)
    tokens = connection_tokens(fields)
    try:
        body, extensions, at = read_body(data, at, length, chunked)
    except (Refused, Incomplete) as stop:
        stop.in_body = True
        raise
    keeps = b"close" not in tokens and (version == b"1.1" or b"keep-alive" in tokens)
    return Request(method, origin_target, host, fields, body, keeps, chunked, extensions), at


def read_start(data: bytes, at: int):
    match = START.match(data, at)
    if not match:
        stop_if_unfinished(data, at, HEAD_BYTES_MAX)
        raise Refused("request line")
    method, target, version = match.groups()
    if len(method) > 32 or method in (b"CONNECT", b"TRACE"):
        raise Refused("method")
    if len(target) > 8192:
        raise Refused("target too long")
    return method, target, version, match.end(), at


def stop_if_unfinished(data: bytes, at: int, limit: int):
    """A line that has not ended yet may still become a good one."""
    if data.find(b"\n", at) < 0 and len(data) - at < limit:
        raise Incomplete


def read_fields(data: bytes, at: int):
    fields = []
    while data[at:at + 2] != b"\r\n":
        match = LINE.match(data, at)
        if not match:
            stop_if_unfinished(data, at, HEAD_BYTES_MAX)
            raise Refused("field line")
        fields.append((match.group(1).lower(), match.group(2).strip(b" \t")))
        at = match.end()
    if len(fields) > 100:
        raise Refused("too many fields")
    return fields, at + 2


def values(fields, name):
    return [value for key, value in fields if key == name]


def the_host(fields) -> bytes:
    hosts = values(fields, b"host")
    if len(hosts) != 1:
        raise Refused("not one Host")
    if not is_authority(hosts[0]):
        raise Refused("Host")
    return hosts[0]


def is_authority(text: bytes) -> bool:
    match = HOST.fullmatch(text)
    return bool(match) and (match.group(1) is None or int(match.group(1)) <= 65535)


def read_target(method: bytes, target: bytes, host: bytes) -> bytes:
    if target == b"*":
        if method != b"OPTIONS":
            raise Refused("asterisk")
        return target
    rest = target
    if not target.startswith(b"/"):
        match = re.match(rb"https?://([^/?]*)", target, re.I)
        if not match or not is_authority(match.group(1)):
            raise Refused("target form")
        if match.group(1).lower() != host.lower():
            raise Refused("target names another host")
        rest = target[match.end():]
        if not rest and method == b"OPTIONS":
            return b"*"
    path, mark, query = rest.partition(b"?")
    if path and not PATH.fullmatch(path) or not QUERY.fullmatch(query):
        raise Refused("target")
    return (path or b"/") + mark + query


def framing(fields, version: bytes):
    lengths = values(fields, b"content-length")
    codings = values(fields, b"transfer-encoding")
    if codings and (lengths or version == b"1.0" or [c.lower() for c in codings] != [b"chunked"]):
        raise Refused("Transfer-Encoding")
    if len(lengths) > 1 or lengths and not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
        raise Refused("Content-Length")
    for value in values(fields, b"expect"):
        if version == b"1.1" and value.lower() != b"100-continue":
            raise Refused("Expect")
    return int(lengths[0]) if lengths else 0, bool(codings)


def connection_tokens(fields) -> set:
    tokens = set()
    for value in values(fields, b"connection"):
        for token in value.split(b","):
            token = token.strip(b" \t")
            if token and not re.fullmatch(TOKEN, token):
                raise Refused("Connection")
            tokens.add(token.lower())
    return tokens


def read_body(data: bytes, at: int, length: int, chunked: bool):
    if chunked:
        return read_chunked(data, at)
    if len(data) - at < length:
        raise Incomplete
    return data[at:at + length], False, at + length


def read_chunked(data: bytes, at: int):
    body, extensions = b"", False
    while True:
        match = CHUNK.match(data, at)
        if not match:
            stop_if_unfinished(data, at, 2 * EXTENSION_BYTES_MAX)
            raise Refused("chunk size line")
        size, extension = int(match.group(1), 16), match.group(2)
        if size > CHUNK_BYTES_MAX or len(extension) >= EXTENSION_BYTES_MAX:
            raise Refused("chunk too large")
        extensions |= bool(extension)
        at = match.end()
        if size == 0:
            begin = at
            trailers, at = read_fields(data, at)
            if any(name in NOT_IN_TRAILERS for name, _ in trailers):
                raise Refused("trailer")
            if len(trailers) > TRAILERS_MAX or at - begin > TRAILER_BYTES_MAX:
                raise Refused("trailers too large")
            return body, extensions, at
        end = data[at + size:at + size + 2]
        if not b"\r\n".startswith(end):
            raise Refused("chunk end")
        if len(end) < 2:
            raise Incomplete
        body += data[at:at + size]
        at += size + 2


@dataclass
class Answer:
    """What a GET is answered."""
    status: int
    body: bytes
    whole: bool  # else it broke off, or went wrong, in its body
    end: int  # where the next would begin
    until_close: bool = False


def read_answer(data: bytes) -> Answer:
    """Of an instance that sends these bytes and no more. Refused, or Incomplete: there is none."""
    at = 0
    while True:
        match = STATUS.match(data, at)
        if not match:
            raise Refused("status line")
        status = int(match.group(2))
        fields, at = read_fields(data, match.end())
        connection_tokens(fields)
        length, chunked = answer_framing(fields, match.group(1), status)
        if status == 101:
            raise Refused("nobody asked for a switch")
        if status >= 200:
            break
    if status in (204, 304):
        return Answer(status, b"", True, at)
    if length is None and not chunked:
        return Answer(status, data[at:], True, len(data), until_close=True)
    try:
        body, _, end = read_body(data, at, length, chunked)
        return Answer(status, body, True, end)
    except (Refused, Incomplete):
        return Answer(status, b"", False, len(data))


def answer_framing(fields, version: bytes, status: int):
    lengths = values(fields, b"content-length")
    codings = values(fields, b"transfer-encoding")
    if codings and (lengths or version == b"1.0" or [c.lower() for c in codings] != [b"chunked"]):
        raise Refused("Transfer-Encoding")
    if len(lengths) > 1 or lengths and not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
        raise Refused("Content-Length")
    length = int(lengths[0]) if lengths else None
    if (status < 200 or status == 204) and (codings or length):
        raise Refused("a body that cannot be")
    return length, bool(codings)


@dataclass
class Reading:
    """What a strict reader makes of all that a client sends."""
    requests: list
    stopped: str = "end"  # or "refused: why", "incomplete", "closed" (what follows is not read)
    in_body: bool = False  # stopped there: the head may reach an origin, the request never


def read_all(data: bytes) -> Reading:
    reading, at = Reading([]), 0
    while at < len(data):
        try:
            request, at = read_request(data, at)
        except Refused as refused:
            reading.stopped, reading.in_body = f"refused: {refused}", refused.in_body
            break
        except Incomplete as incomplete:
            reading.stopped, reading.in_body = "incomplete", incomplete.in_body
            break
        reading.requests.append(request)
        if not request.keeps_alive:
            reading.stopped = "closed"
            break
    return reading
