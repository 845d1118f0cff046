"""Random conversations, drawn before they begin: what a client asks and what its instance does.

Client and instance are in one process and share the plan, so that both know what the other must
see. A body is made of its request's token: whose it is can be told from every byte of it.
"""

import hashlib

# Around what buffers, records and windows of the edge hold.
SIZES = (0, 1, 2, 100, 1000, 4096, 16383, 16384, 16385, 32700, 32768, 65535, 65536, 65537, 98304,
         150_000)
EXTRA = b"HTTP/1.1 200 OK\r\nX-Token: nobody\r\nContent-Length: 6\r\n\r\nnobody"
GARBAGE = (b"\0\1\2\3", b"HTTP/1.1 2000 OK\r\n\r\n",
           b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
           b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
           b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"\r\n" * 100,
           b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
           b"HTTP/1.1 101 Switching Protocols\r\n\r\n")


def bytes_of(name, size):
    return hashlib.shake_128(name.encode()).digest(size)


class Plan:
    """One request. Steps of its instance: ("wait", s), ("interim", status), ("read",), ("head",),
    ("data", from, to), ("end",), ("close",), ("reset",), ("stall",), ("raw", bytes)."""

    def __init__(self, token, host, rng, faulty):
        self.token = token
        self.host = host
        self.path = "/%s/%s" % (host.split(".")[0], token)
        self.method = rng.choice(("GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"))
        self.sent = b""  # the request's body
        self.sent_framing = None
        if self.method in ("POST", "PUT"):
            self.sent = bytes_of("sent " + token, self.size(rng))
            self.sent_framing = rng.choice(("length", "chunked"))
        self.expects = bool(self.sent_framing) and rng.random() < 0.2
        self.status = rng.choice((200, 200, 200, 200, 404, 201)) if faulty or rng.random() < 0.9 \
            else rng.choice((204, 304))
        self.framing = rng.choice(("length", "length", "chunked", "chunked", "close"))
        self.trailers = self.framing == "chunked" and rng.random() < 0.3
        self.body = b""
        if self.method != "HEAD" and self.status not in (204, 304):
            self.body = bytes_of("body " + token, self.size(rng))
        self.last = self.framing == "close" or rng.random() < 0.1  # of its connection, as it says
        self.steps = self.draw_steps(rng)
        self.is_garbage = False
        self.is_followed = False  # by what nobody asked for
        self.may_fail = faulty  # others' faults are felt: its connection may be one of several's
        if faulty and rng.random() < 0.6:
            self.break_steps(rng)
        # Filled in while it runs.
        self.step = "not begun"  # what its instance does, or last did
        self.seen = []  # an entry for each time that an instance got its head: [body, is whole]

    @staticmethod
    def size(rng):
        size = rng.choice(SIZES)
        return size if rng.random() < 0.5 else rng.randrange(size + 1)

    def draw_steps(self, rng):
        # A large body is read before anything is answered: nobody reads both ways at once here.
        early = len(self.sent) < 8192 and rng.random() < 0.3
        steps = [("interim", rng.choice((100, 103, 103)))] if rng.random() < 0.15 else []
        steps += [("head",)] if early else [("read",), ("head",)]
        at = 0
        while at < len(self.body):
            to = min(len(self.body), at + 1 + rng.randrange(1 + rng.choice((100, 20_000, 100_000))))
            steps.append(("data", at, to))
            at = to
            if rng.random() < 0.1:
                steps.append(("wait", rng.random() * 0.01))
        if early:
            steps.insert(rng.randrange(steps.index(("head",)) + 1, len(steps) + 1), ("read",))
        return steps + [("end",)]

    def break_steps(self, rng):
        """Something goes wrong with its instance, at one point."""
        kind = rng.choice(("close", "reset", "stall", "garbage", "behind"))
        if kind == "behind":
            # With the answer's last bytes: what comes later may be taken for the next answer.
            self.is_followed = self.framing != "close" and len(self.body) < 10_000
        elif kind == "garbage":
            self.is_garbage = True
            self.steps[self.steps.index(("head",)):] = [("raw", rng.choice(GARBAGE)), ("close",)]
        else:
            self.sent = self.sent[:8192]  # for more there would be no room, and nobody to say so
            # Who stalls behind a whole answer stalls whoever comes next on its connection.
            last = max(i for i, (name, *_) in enumerate(self.steps) if name in ("head", "data"))
            self.steps[rng.randrange(last + 1 if kind == "stall" else len(self.steps)):] = [(kind,)]

    @property
    def is_whole(self):
        """Its instance answers to the end."""
        return ("end",) in self.steps or self.has_no_body and ("head",) in self.steps

    @property
    def has_no_body(self):
        """Its answer, by its kind."""
        return self.method == "HEAD" or self.status in (204, 304)

    @property
    def is_denied(self):
        """By who is asked before its instance: for one host, whose token says so."""
        return self.host == "asked.test" and self.token.endswith("3")

    def arrived(self):
        """An instance has got its head; returns what is to be filled in about its body."""
        entry = [b"", False]
        self.seen.append(entry)
        return entry

    def head(self):
        """Of the answer: names and values, without what frames it."""
        return [("x-token", self.token)] + ([("connection", "close")] if self.last else [])

    def __repr__(self):
        return "%s %s sent %s of %d, %d %s of %d%s: %s; at %s, seen %s" % (
            self.method, self.path, self.sent_framing, len(self.sent), self.status, self.framing,
            len(self.body), " last" * self.last,
            [step if step[0] != "raw" else ("raw", step[1][:30]) for step in self.steps],
            self.step, [(len(body), whole) for body, whole in self.seen])
