"""Clients of all manners. What each of them gets is held against the plan of its request."""

import os
import random
import socket
import ssl
import time

import h2.config
import h2.connection
import h2.exceptions
import h2.settings


from chaos_plan import Plan
from h2_client import H2Client
from harness import OVER_TLS, PATIENCE, Stream

WEBSOCKET = ("GET /ws/%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
# What the edge itself says when an instance fails its request.
OWN_STATUSES = (408, 429, 502, 503, 504)
STALLED = 0.3  # seconds until who waits for an instance that says nothing leaves
CUT = (ConnectionError, EOFError, ssl.SSLError, TimeoutError)


class Wrong(AssertionError):
    """What the edge must never do."""


class Reader(Stream):
    """Reads in pieces of random size, at times slowly."""

    def __init__(self, sock, rng):
        super().__init__(sock)
        self.rng = rng
        self.slow = rng.random() < 0.1
        self.left = None  # after so many bytes it is tired

    def more(self):
        if self.slow:
            time.sleep(0.002)
        data = self.sock.recv(self.rng.choice((100, 5000, 65536, 65536)))
        self.inbox += data
        if self.left is not None:
            self.left -= len(data)
            if self.left < 0:
                raise Tired
        return bool(data)


class Tired(Exception):
    """A client leaves in the middle."""


class Client:
    """One thread's: `world` has the hosts, the plans, the ways to the edge."""

    def __init__(self, world, seed):
        self.world = world
        self.rng = random.Random(seed)
        self.stream = None
        self.done = 0

    def run(self):
        while not self.world.stop.is_set():
            try:
                self.turn()
            except Exception as error:  # pylint: disable=broad-except
                self.world.failures.append("%s: %r" % (type(self).__name__, error))
                self.hang_up()
                if len(self.world.failures) > 20:
                    return
        self.hang_up()

    def hang_up(self, rudely=False):
        if self.stream is not None:
            if rudely:
                self.stream.reset()
            else:
                self.stream.close()
            self.stream = None

    def require(self, holds, plan, why):
        if not holds:
            raise Wrong("%s: %s" % (why, plan))

    def late(self, plan):
        return Wrong("no answer in time: %s\n%s" % (plan, self.world.case.describe()))

    def check(self, plan, status, fields, body, is_whole):
        """`is_whole`: the message came to its end, as its framing has it."""
        token = dict(fields).get("x-token")
        if token is None:
            self.require(plan.may_fail and (status in OWN_STATUSES or plan.is_garbage), plan,
                         "an answer of the edge's own: %d %r" % (status, body[:100]))
            return
        self.require(token == plan.token, plan, "the answer to %s" % token)
        if plan.is_denied:
            self.require(status == 403 and b"denied".startswith(body) and not plan.seen, plan,
                         "let in with %d" % status)
            return
        self.require(status == plan.status, plan, "its status is %d" % status)
        if is_whole:
            self.require(plan.is_whole or body == plan.body and plan.framing == "length" or
                         plan.framing == "close", plan,
                         "whole, with %d bytes, though it was cut" % len(body))
        if is_whole and plan.is_whole and not (plan.may_fail and plan.framing == "close"):
            self.require(body == plan.body, plan, "its body is of %d bytes" % len(body))
        self.require(plan.body.startswith(body), plan, "another's bytes within %d" % len(body))


class Http1Client(Client):
    """Keeps its connection as long as it may; says several requests at once; is impatient."""

    def turn(self):
        if self.rng.random() < 0.03:
            self.websocket()
            return
        plans = [self.world.draw(self.rng) for _ in range(self.rng.choice((1, 1, 1, 1, 2, 3)))]
        version = "1.0" if self.rng.random() < 0.1 else "1.1"
        if len(plans) > 1 or version == "1.0":
            for plan in plans:
                plan.expects = False
        leaves = self.rng.random() < 0.08
        if self.stream is None:
            self.stream = self.world.connect(lambda sock: Reader(sock, self.rng))
        self.stream.left = self.rng.randrange(100_000) if leaves else None
        try:
            self.converse(plans, version, leaves)
        except Tired:
            self.hang_up(rudely=any(plan.may_fail for plan in plans) or self.rng.random() < 0.5)

    def converse(self, plans, version, leaves):
        raw = b"".join(self.request(plan, version) for plan in plans)
        if plans[0].expects:
            self.say(raw, leaves)
        elif sum(len(plan.sent) for plan in plans[1:]) > 8192 or \
                len(plans) > 1 and any(len(plan.body) > 8192 for plan in plans):
            # Who sends on and on without reading stands still with everybody.
            for plan in plans:
                self.say(self.request(plan, version), leaves)
                if not self.hear(plan, version):
                    return
            return
        else:
            self.say(raw, leaves)
        for place, plan in enumerate(plans):
            if not self.hear(plan, version):
                for left in plans[place + 1:]:
                    self.require(plan.may_fail or not left.seen or plan.last, left,
                                 "asked behind the last answer of its connection")
                return

    def request(self, plan, version):
        if version == "1.0" and plan.sent_framing == "chunked":
            plan.sent_framing = "length"
        lines = ["%s %s HTTP/%s" % (plan.method, plan.path, version), "Host: " + plan.host]
        if version == "1.0":
            lines.append("Connection: keep-alive")
        if plan.sent_framing == "length":
            lines.append("Content-Length: %d" % len(plan.sent))
        elif plan.sent_framing:
            lines.append("Transfer-Encoding: chunked")
        if plan.expects:
            lines.append("Expect: 100-continue")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return head if plan.expects else head + self.framed(plan)

    def framed(self, plan):
        if plan.sent_framing != "chunked":
            return plan.sent
        raw, at = b"", 0
        while at < len(plan.sent):
            part = plan.sent[at:at + 1 + self.rng.randrange(40_000)]
            at += len(part)
            raw += b"%x%s\r\n%s\r\n" % (len(part), self.rng.choice((b"", b"", b";a=b")), part)
        return raw + b"0\r\n\r\n"

    def say(self, raw, leaves):
        """In pieces; at times not to the end."""
        end = self.rng.randrange(len(raw) + 1) if leaves and self.rng.random() < 0.5 else len(raw)
        at = 0
        try:
            while at < end:
                to = end if self.rng.random() < 0.8 else self.rng.randrange(at, end) + 1
                self.stream.send(raw[at:to])
                at = to
                if self.rng.random() < 0.1:
                    time.sleep(0.003)
        except (ConnectionError, ssl.SSLError):
            pass  # it has answered before all was said, perhaps: the answer is still there
        if end < len(raw):
            if self.rng.random() < 0.3:
                self.stream.half_close()
            raise Tired

    def hear(self, plan, version):
        """False: its connection is over."""
        stalls = ("stall",) in plan.steps
        self.stream.sock.settimeout(STALLED if stalls else PATIENCE)
        status, fields, body, is_whole = None, (), b"", False
        try:
            head = self.final_head(plan)
            status = head.status
            fields = [(name.lower(), value) for name, value in head.fields]
            for body, is_whole in self.body(head, plan):
                pass
        except CUT as error:
            if isinstance(error, TimeoutError) and not stalls:
                raise self.late(plan) from error
            self.require(plan.may_fail, plan, "cut: %r" % error)
        if status is not None:
            if version == "1.0" and head.get("content-length") is None and not plan.is_whole:
                is_whole = False  # it cannot know
            self.check(plan, status, fields, body, is_whole)
            self.world.heard(plan, status, body, is_whole)
        self.done += 1
        if stalls and not is_whole:
            self.hang_up(rudely=True)
            return False
        if not is_whole or head.get("connection", "").lower() == "close" or \
                version == "1.0" and head.get("connection", "").lower() != "keep-alive":
            self.hang_up()
            return False
        return True

    def final_head(self, plan):
        while True:
            head = self.stream.head()
            if plan.expects and head.status in (100, *range(200, 600)):
                plan.expects = False
                self.say(self.framed(plan), False)
            if head.status >= 200:
                return head
            self.require(head.get("x-interim", plan.token) == plan.token, plan, "another's 1xx")

    def body(self, head, plan):
        """(what there is so far, is it all), again and again."""
        if plan.method == "HEAD" or head.status in (204, 304):
            yield b"", True
        elif head.get("transfer-encoding") == "chunked":
            whole = b""
            while True:
                size = int(self.stream.upto(b"\r\n").strip(), 16)
                if size == 0:
                    break
                for part in self.parts(size):
                    whole += part
                    yield whole, False
                self.require(self.stream.exactly(2) == b"\r\n", plan, "a chunk without its end")
            while (line := self.stream.upto(b"\r\n")) != b"\r\n":
                self.require(line.decode().strip().lower() == "x-trailer: " + plan.token, plan,
                             "a trailer: %r" % line)
            yield whole, True
        elif head.get("content-length") is not None:
            whole = b""
            for part in self.parts(int(head.get("content-length"))):
                whole += part
                yield whole, False
            yield whole, True
        else:
            while self.stream.more():
                yield self.stream.inbox, False
            whole, self.stream.inbox = self.stream.inbox, b""
            yield whole, True

    def parts(self, size):
        while size:
            if not self.stream.inbox and not self.stream.more():
                raise EOFError("%d bytes are missing" % size)
            part = self.stream.exactly(min(size, len(self.stream.inbox)))
            size -= len(part)
            yield part

    def websocket(self):
        """A connection of its own, which nobody may cut."""
        stream = self.world.connect(Stream)
        try:
            stream.send(WEBSOCKET % (self.world.token(), "good.test"))
            head = stream.head()
            if head.status != 101:
                raise Wrong("no WebSocket: %r" % head.raw)
            for _ in range(self.rng.randrange(1, 20)):
                data = os.urandom(self.rng.choice((1, 100, 20_000)))
                stream.send(data)
                if stream.exactly(len(data)) != data:
                    raise Wrong("another echo of a WebSocket")
                time.sleep(self.rng.random() * 0.02)
        finally:
            stream.close()


class Http2Client(Client):
    """Several streams at once, some of which it resets."""

    def __init__(self, world, seed):
        super().__init__(world, seed)
        self.h2 = None

    def hang_up(self, rudely=False):
        super().hang_up(rudely)
        self.h2 = None

    def turn(self):
        if self.h2 is None:
            self.stream = self.world.connect(Stream, h2=True)
            window = self.rng.choice((1000, 65535, 65535, 1_000_000))
            self.h2 = H2Client(self.stream, {
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        begun = {}
        for _ in range(self.rng.randrange(1, 8)):
            plan = self.world.draw(self.rng)
            begun[self.begin(plan)] = plan
        if self.rng.random() < 0.05:
            self.hang_up(rudely=self.rng.random() < 0.5)
            return
        for number in list(begun):
            # An interim answer that crosses a reset is too much for python3-h2.
            if self.rng.random() < 0.08 and begun[number].steps[0][0] != "interim":
                begun.pop(number)
                self.reset(number)
        for number, plan in begun.items():
            self.wait(number, plan)
        if self.h2.goaway is not None:
            self.hang_up()

    def begin(self, plan):
        fields = []
        if plan.sent_framing == "length":
            fields.append(("content-length", str(len(plan.sent))))
        number = self.h2.request(plan.path, plan.method, fields, host=plan.host,
                                 end=not plan.sent_framing)
        if plan.sent_framing:
            at = 0
            while at < len(plan.sent):
                to = min(len(plan.sent), at + 1 + self.rng.randrange(50_000))
                self.send(number, plan.sent[at:to], False)
                at = to
            self.send(number, b"", True)
        return number

    def send(self, number, data, end):
        try:
            self.h2.send(number, data, end)
        except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
            pass  # it was answered, or refused, before all was said

    def reset(self, number):
        try:
            self.h2.conn.reset_stream(number)
            self.h2.flush()
        except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
            pass

    def wait(self, number, plan):
        answer = self.h2.answers[number]
        until = time.monotonic() + (STALLED if ("stall",) in plan.steps else PATIENCE)
        self.stream.sock.settimeout(PATIENCE)
        while not answer.ended and answer.reset is None and not self.h2.closed:
            self.stream.sock.settimeout(max(0.01, until - time.monotonic()))
            try:
                self.h2.pump()
            except TimeoutError as error:
                if ("stall",) not in plan.steps:
                    raise self.late(plan) from error
                self.reset(number)
                break
        self.stream.sock.settimeout(PATIENCE)
        self.done += 1
        if self.h2.goaway is not None and self.h2.goaway[1] < number:
            self.require(not plan.seen, plan, "passed on though the last word was before it")
            return
        if self.h2.closed and not answer.ended:
            raise Wrong("closed, goaways %s: %s" % (self.h2.goaways, plan))
        is_whole = answer.ended  # a reset behind that says not to send the rest of the body
        if not is_whole:
            self.require(plan.may_fail, plan, "reset with %s" % answer.reset)
        finals = [dict(head) for head in answer.heads if not dict(head)[":status"].startswith("1")]
        if finals:
            self.check(plan, int(finals[0][":status"]), finals[0], answer.body, is_whole)
            self.world.heard(plan, int(finals[0][":status"]), answer.body, is_whole)
        if answer.trailers:
            self.require(answer.trailers == {"x-trailer": plan.token}, plan, "another's trailers")


class GarbageClient(Client):
    """Says what is nearly HTTP."""

    def turn(self):
        stream = self.world.connect(Stream, h2=self.rng.random() < 0.5)
        plan = Plan("none", "good.test", self.rng, False)
        raw = bytearray(self.http1(plan) if self.rng.random() < 0.5 else self.http2(plan))
        for _ in range(self.rng.choice((0, 1, 1, 2, 10))):
            at = self.rng.randrange(len(raw))
            raw[at:at + self.rng.choice((0, 1, 1, 4))] = self.rng.randbytes(
                self.rng.choice((0, 1, 1, 4)))
        try:
            stream.send(bytes(raw))
            stream.sock.settimeout(self.rng.random() * 0.05)
            stream.more()
        except CUT:
            pass
        self.done += 1
        stream.reset()

    def http1(self, plan):
        lines = ["%s %s HTTP/1.1" % (plan.method, plan.path), "Host: " + plan.host,
                 self.rng.choice(("Content-Length: %d" % len(plan.sent),
                                  "Transfer-Encoding: chunked")),
                 self.rng.choice(("Connection: close", "Expect: 100-continue", "X: y",
                                  "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c"))]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + plan.sent

    @staticmethod
    def http2(plan):
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        conn.initiate_connection()
        head = [(":method", plan.method), (":scheme", "http"), (":authority", plan.host),
                (":path", plan.path)]
        for number in (1, 3, 5):
            conn.send_headers(number, head)
            conn.send_data(number, plan.sent[:10_000], end_stream=number != 3)
        conn.reset_stream(3)
        conn.ping(b"12345678")
        conn.close_connection()
        return conn.data_to_send()


class CacheClient(Client):
    """Asks for objects that change: what it gets is of one version, and never of one before what
    was purged when it asked."""

    def turn(self):
        if self.stream is None:
            self.stream = self.world.connect(lambda sock: Reader(sock, self.rng))
        self.stream.left = None
        name = self.rng.choice(self.world.objects.names)
        if self.rng.random() < 0.02:
            self.change(name)
            return
        least = self.world.objects.least(name)
        fields, first, last = "", 0, None
        if self.rng.random() < 0.3:
            first = self.rng.choice((0, 0, 1, 5000, 700_000))
            last = first + self.rng.choice((0, 99, 70_000))
            fields = "Range: bytes=%d-%d\r\n" % (first, last)
        language = self.rng.choice(("de", "en"))
        method = "HEAD" if self.rng.random() < 0.1 else "GET"
        self.stream.sock.settimeout(PATIENCE)
        if self.rng.random() < 0.05:
            self.stream.left = self.rng.randrange(100_000)
        try:
            self.stream.send("%s /%s HTTP/1.1\r\nHost: cache.test\r\nX-Language: %s\r\n%s\r\n" %
                             (method, name, language, fields))
            head = self.stream.head()
            body = b"" if method == "HEAD" else self.stream.body(head)
        except Tired:
            self.hang_up(rudely=True)
            return
        except CUT as error:
            raise Wrong("an object was cut: %r" % error) from error
        self.done += 1
        self.judge(name, language, least, head, body, method, (first, last))
        if head.get("connection", "").lower() == "close":
            self.hang_up()

    def change(self, name):
        """By a request that is not safe: what is kept of it is of no use then (RFC 9111 4.4)."""
        self.stream.send("POST /%s HTTP/1.1\r\nHost: cache.test\r\nContent-Length: 2\r\n\r\nhi"
                         % name)
        head = self.stream.head()
        self.stream.body(head)
        if head.status != 200:
            raise Wrong("not changed: " + head.first)
        self.world.objects.is_purged(name, int(head.get("x-object").split("/")[1]))
        self.done += 1
        if head.get("connection", "").lower() == "close":
            self.hang_up()

    def judge(self, name, language, least, head, body, method, span):
        said = "%s %s %s, %s %s" % (method, name, span, head.first, head.get("cache-status"))
        if head.status == 416:
            if span[0] < self.world.objects.least_size(name):
                raise Wrong("no such range: " + said)
            return
        if head.status not in (200, 206):
            raise Wrong(said)
        got, version, spoken = head.get("x-object").split("/")
        if got != name or int(version) < least:
            raise Wrong("%s/%s, %d was purged: %s" % (got, version, least, said))
        if self.world.objects.has_languages(name) and spoken != language:
            raise Wrong("spoken %s: %s" % (spoken, said))
        whole = self.world.objects.body(name, int(version), spoken)
        wanted = whole if head.status == 200 else whole[span[0]:span[1] + 1]
        if method != "HEAD" and body != wanted:
            raise Wrong("%d bytes for %d: %s" % (len(body), len(wanted), said))


