"""A client of HTTP/2 for conversation tests: python3-h2 keeps the books, the test says what goes.

For what no well-behaved client sends there is `raw()`, with frames of hyperframe.
"""

import ssl
import struct

import h2.config
import h2.connection
import h2.events
import h2.settings

from harness import OVER_TLS, PATIENCE


class Answer:
    """What came on one stream."""

    def __init__(self):
        self.heads = []  # interim ones too
        self.body = b""
        self.trailers = None
        self.ended = False
        self.reset = None  # error code

    @property
    def head(self):
        return dict(self.heads[-1])

    @property
    def status(self):
        return int(self.head[":status"])


def h2_stream_of(case):
    """A connection to that test case's edge that is to speak HTTP/2: over TLS if the conversations
    are, by ALPN then."""
    if not OVER_TLS:
        return case.client()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    stream = case.tls_client(context=context)
    case.assertEqual(stream.sock.selected_alpn_protocol(), "h2")
    return stream


def h2_client_of(case, **wish):
    return H2Client(h2_stream_of(case), **wish)


class H2Client:
    def __init__(self, stream, settings=None, auto_window=True):
        self.stream = stream
        self.auto_window = auto_window
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        if settings:
            # As said before the first word: an update waits for its acknowledgement.
            self.conn.local_settings = h2.settings.Settings(client=True, initial_values={
                **self.conn.local_settings, **settings})
        self.conn.initiate_connection()
        self.answers = {}
        self.goaways = []  # (code, last stream) of each that came
        self.closed = False
        self.pongs = 0
        self.partial = b""
        self.flush()

    @property
    def goaway(self):
        """The edge's last word, if it said any."""
        return self.goaways[-1] if self.goaways else None

    def flush(self):
        data = self.conn.data_to_send()
        if data:
            self.stream.send(data)

    def raw(self, *frames):
        self.stream.send(b"".join(f if isinstance(f, bytes) else f.serialize() for f in frames))

    def request(self, path="/", method="GET", fields=(), body=None, end=True, host="shop.test",
                scheme=None):
        """Begins a request and returns its stream's number."""
        number = self.conn.get_next_available_stream_id()
        scheme = scheme or ("https" if OVER_TLS else "http")
        head = [(":method", method), (":scheme", scheme), (":authority", host), (":path", path)]
        self.answers[number] = Answer()
        self.conn.send_headers(number, head + list(fields), end_stream=end and body is None)
        if body is not None:
            self.send(number, body, end)
        self.flush()
        return number

    def send(self, number, body, end=True):
        """As much as windows allow, waiting for them."""
        answer = self.answers[number]
        while body and answer.reset is None and not self.closed:
            room = min(self.conn.local_flow_control_window(number),
                       self.conn.max_outbound_frame_size)
            if room == 0:
                self.flush()
                self.pump()
                continue
            self.conn.send_data(number, body[:room])
            body = body[room:]
        if end and answer.reset is None and not self.closed:
            self.conn.end_stream(number)
        self.flush()

    def pump(self):
        """Takes in what comes next. False: the edge has closed."""
        try:
            data = self.stream.sock.recv(65536)
        except (ConnectionError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            data = b""
        if not data:
            self.closed = True
            return False
        for frame in self.frames(data):
            for event in self.conn.receive_data(frame):
                self.take(event)
        self.flush()
        return True

    def frames(self, data):
        """Whole frames. GOAWAY is kept back: to python-h2 all streams would be over with it."""
        self.partial += data
        while len(self.partial) >= 9:
            size = 9 + int.from_bytes(self.partial[:3], "big")
            if len(self.partial) < size:
                return
            frame, self.partial = self.partial[:size], self.partial[size:]
            if frame[3] == 7:
                last, code = struct.unpack(">II", frame[9:17])
                self.goaways.append((code, last))
            else:
                yield frame

    def take(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if isinstance(event, (h2.events.ResponseReceived, h2.events.InformationalResponseReceived)):
            answer.heads.append(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.auto_window and event.flow_controlled_length:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if answer:
                answer.reset = int(event.error_code)
        elif isinstance(event, h2.events.PingAckReceived):
            self.pongs += 1

    def until(self, condition, what="an answer"):
        while not condition():
            if not self.pump():
                if condition():
                    return
                raise AssertionError("the edge closed before %s; goaway %r" % (what, self.goaway))

    def wait(self, number):
        answer = self.answers[number]
        self.until(lambda: answer.ended or answer.reset is not None)
        return answer

    def get(self, path="/", **more):
        return self.wait(self.request(path, **more))

    def ping(self):
        before = self.pongs
        self.conn.ping(b"12345678")
        self.flush()
        self.until(lambda: self.pongs > before, "a pong")

    def until_closed(self):
        self.stream.sock.settimeout(PATIENCE)
        while self.pump():
            pass
