"""Instances that do what the plan of each request says."""

import contextlib
import socket
import time

import h2.errors
import h2.events
import h2.exceptions
from chaos_plan import EXTRA
from h2c_test import H2Server



def token_of(path):
    return path.rsplit("/", 1)[-1]


def judge(head, _body):
    """Who is asked first: the token says whether somebody is let in."""
    token = token_of(head.get("x-forwarded-uri"))
    if token.endswith("3"):
        return ("HTTP/1.1 403 Forbidden\r\nX-Token: %s\r\nContent-Length: 6\r\n\r\ndenied" %
                token).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def shadow(stream, number):
    """Gets copies, whose answers nobody wants; breaks off as it likes."""
    while stream.inbox or stream.more():
        head = stream.head()
        if number % 3 == 0:
            return stream.reset()
        stream.body(head)
        stream.send("HTTP/1.1 200 OK\r\nX-Token: shadow\r\nContent-Length: 70000\r\n\r\n")
        stream.send(bytes(70_000 if number % 3 == 1 else 100))
        if number % 3 == 2:
            return None


class Http1:
    """The script of an origin: `plans` by token."""

    def __init__(self, plans):
        self.plans = plans

    def __call__(self, stream, _number):
        while stream.inbox or stream.more():
            head = stream.head()
            method, path, _version = head.first.split(" ")
            if path.startswith("/ws/"):
                return self.echo(stream)
            plan = self.plans.get(token_of(path))
            if plan is None:  # nobody's whom anybody waits for
                return stream.send("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n")
            if plan.method != method:
                raise AssertionError("%s came as %s" % (plan, method))
            if not self.answer(stream, head, plan):
                return None

    def answer(self, stream, head, plan):
        """False: the connection is over."""
        try:
            return self.take_steps(stream, head, plan)
        finally:
            plan.step = "over"

    def take_steps(self, stream, head, plan):
        entry = plan.arrived()
        is_begun = False
        kept = []  # to be sent at once, with more behind it
        send = kept.append if plan.is_followed else stream.send
        for kind, *rest in plan.steps:
            plan.step = kind
            if kind == "wait":
                time.sleep(*rest)
            elif kind == "interim":
                stream.send("HTTP/1.1 %d Interim\r\nX-Interim: %s\r\n\r\n" % (*rest, plan.token))
            elif kind == "read":
                if head.get("expect") and (plan.is_followed or not is_begun):  # nothing is sent
                    stream.send("HTTP/1.1 100 Continue\r\n\r\n")
                self.read(stream, head, entry)
            elif kind == "head":
                is_begun = True
                send(self.head(plan).encode())
            elif kind == "data":
                data = plan.body[slice(*rest)]
                send(b"%x\r\n%s\r\n" % (len(data), data) if plan.framing == "chunked" else data)
            elif kind == "end":
                if plan.framing == "chunked" and not plan.has_no_body:
                    send(b"0\r\n%s\r\n" % (("X-Trailer: %s\r\n" % plan.token).encode()
                                           if plan.trailers else b""))
                if plan.is_followed:
                    stream.send(b"".join(kept) + EXTRA)
            elif kind == "raw":
                stream.send(*rest)
            elif kind == "reset":
                stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return False
            elif kind == "stall":
                while stream.more():
                    pass
                return False
            elif kind == "close":
                return False
        return not plan.last

    def head(self, plan):
        lines = ["HTTP/1.1 %d Status" % plan.status]
        lines += ["%s: %s" % field for field in plan.head()]
        if plan.framing == "length" and plan.status != 204:
            lines.append("Content-Length: %d" % len(plan.body))
        elif plan.framing == "chunked" and plan.status not in (204, 304):
            lines.append("Transfer-Encoding: chunked")
        return "\r\n".join(lines) + "\r\n\r\n"

    @staticmethod
    def read(stream, head, entry):
        if head.get("transfer-encoding") == "chunked":
            while True:
                size = int(stream.upto(b"\r\n").strip(), 16)
                if size == 0:
                    stream.upto(b"\r\n")
                    break
                entry[0] += stream.exactly(size)
                stream.exactly(2)
        else:
            left = int(head.get("content-length", "0"))
            while len(entry[0]) < left:
                if not stream.inbox and not stream.more():
                    raise EOFError("within a body")
                part = stream.inbox[:left - len(entry[0])]
                entry[0] += stream.exactly(len(part))
        entry[1] = True

    @staticmethod
    def echo(stream):
        stream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                    "\r\n")
        while stream.inbox or stream.more():
            data, stream.inbox = stream.inbox, b""
            stream.send(data)


class Http2(H2Server):
    """One connection of an instance that speaks HTTP/2."""

    def __init__(self, stream, plans):
        self.plans = plans
        self.todo = {}  # steps left, by stream
        self.is_over = False
        super().__init__(stream, None)

    @staticmethod
    def script(plans):
        return lambda stream, _number: Http2(stream, plans).run()

    def take(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            plan = self.plans[token_of(dict(event.headers)[":path"])]
            self.todo[number] = [plan, plan.arrived(), list(plan.steps)]
            if "expect" in dict(event.headers):
                self.conn.send_headers(number, [(":status", "100")])
        elif isinstance(event, h2.events.DataReceived):
            if number in self.todo:
                self.todo[number][1][0] += event.data
            with contextlib.suppress(KeyError):  # it forgets streams that end in a later event
                self.conn.acknowledge_received_data(event.flow_controlled_length, number)
        elif isinstance(event, h2.events.StreamEnded) and number in self.todo:
            self.todo[number][1][1] = True
        elif isinstance(event, h2.events.StreamReset):
            self.todo.pop(number, None)
        for number in list(self.todo):
            try:
                self.go_on(number)
            except (h2.exceptions.ProtocolError, KeyError):
                # The books know already of what comes in a later event: the stream's end.
                if number in self.conn.streams and not self.conn.streams[number].closed:
                    raise
                self.todo.pop(number, None)

    def flush(self):
        super().flush()
        if self.is_over:
            self.stream.sock.shutdown(socket.SHUT_RDWR)

    def go_on(self, number):
        """As far as its body and the windows allow."""
        plan, entry, steps = self.todo[number]
        while steps:
            kind, *rest = steps[0]
            if kind == "read" and not entry[1]:
                return
            if kind == "data" and not self.send_data(number, plan, steps):
                return
            if kind == "interim":
                self.conn.send_headers(number, [(":status", str(rest[0]))])
            elif kind == "head":
                self.conn.send_headers(number, [(":status", str(plan.status)),
                                                ("x-token", plan.token)])
            elif kind == "end":
                if plan.trailers:
                    self.conn.send_headers(number, [("x-trailer", plan.token)], end_stream=True)
                else:
                    self.conn.end_stream(number)
            elif kind in ("reset", "raw"):
                self.conn.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)
                break
            elif kind == "close":
                self.is_over = True
                break
            elif kind == "stall":
                return
            steps.pop(0)
        self.todo.pop(number)

    def send_data(self, number, plan, steps):
        """False: there is no room for all of it."""
        _kind, at, to = steps[0]
        while at < to:
            room = min(self.conn.local_flow_control_window(number),
                       self.conn.max_outbound_frame_size, to - at)
            if room <= 0:
                steps[0] = ("data", at, to)
                return False
            self.conn.send_data(number, plan.body[at:at + room])
            at += room
        return True


