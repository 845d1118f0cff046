"""The parts of a conversation test: an edge that runs, scripted origins, a scripted client.

With MOLN_EDGE_TLS=1 all clients speak TLS: every conversation must go the same way.

Everything is on loopback with ports of the kernel's choice. Waiting is always for something, with
PATIENCE as its end; nothing sleeps for a fixed time and hopes.
"""

import atexit
import collections
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

PATIENCE = float(os.environ.get("MOLN_EDGE_PATIENCE", "20"))
PROGRAM = os.environ.get("MOLN_EDGE_PROGRAM", "moln_edge_dev")
OVER_TLS = os.environ.get("MOLN_EDGE_TLS") == "1"
SANITIZED = os.environ.get("MOLN_EDGE_SANITIZED") == "1"
EXTRA = os.environ.get("MOLN_EDGE_OPTIONS", "").split()


def until(condition, what, patience=PATIENCE):
    """Polls condition() until it is true and returns its value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for: " + what)
        time.sleep(0.002)


class Stream:
    """A socket with an inbox, for either side of a conversation."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inbox = b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def more(self):
        data = self.sock.recv(65536)
        self.inbox += data
        return bool(data)

    def exactly(self, count):
        while len(self.inbox) < count:
            if not self.more():
                raise EOFError("ended after %d of %d bytes" % (len(self.inbox), count))
        data, self.inbox = self.inbox[:count], self.inbox[count:]
        return data

    def upto(self, mark):
        while mark not in self.inbox:
            if not self.more():
                raise EOFError("ended before %r: %r" % (mark, self.inbox[:200]))
        at = self.inbox.index(mark) + len(mark)
        return self.exactly(at)

    def head(self):
        return Head(self.upto(b"\r\n\r\n"))

    def chunked(self):
        body = b""
        while True:
            size = int(self.upto(b"\r\n").strip(), 16)
            if size == 0:
                self.upto(b"\r\n")
                return body
            body += self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise ValueError("no CRLF behind a chunk")

    def body(self, head):
        if head.get("transfer-encoding") == "chunked":
            return self.chunked()
        return self.exactly(int(head.get("content-length", "0")))

    def rest(self):
        """All to the end, which must be clean."""
        while self.more():
            pass
        data, self.inbox = self.inbox, b""
        return data

    def closed(self):
        """True once the peer has ended the stream, cleanly or not, without another byte."""
        try:
            return not self.inbox and not self.more()
        except (ConnectionError, ssl.SSLEOFError):
            return True

    def half_close(self):
        # Of the socket, not of TLS: the class's own would end both ways.
        socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self):
        self.sock.close()


class Head:
    def __init__(self, raw):
        lines = raw.decode("latin-1").split("\r\n")
        self.raw = raw
        self.first = lines[0]
        self.fields = [line.split(": ", 1) for line in lines[1:] if line]

    def get(self, name, default=None):
        for key, value in self.fields:
            if key.lower() == name:
                return value
        return default

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def status(self):
        return int(self.first.split(" ")[1])


def ok(body=b"ok", extra=""):
    if isinstance(body, str):
        body = body.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(body), extra.encode()) + body


def held_port():
    """A port where nobody listens and nobody else will, as long as the socket lives; listen() there
    is for who has it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()[1]


class Origin:
    """A scripted instance: `script(stream, number)` runs for every connection in its own thread.

    Probes of the edge are TCP connects without a byte: they are not counted, as connections are
    given to the script only when their first byte comes. `greets` gives them all.

    Its port (`held`, if it has one already) is nobody else's until release(): once it has stopped,
    who comes is refused.
    """

    def __init__(self, script, greets=False, held=None):
        self.greets = greets
        self.claim, self.port = held or held_port()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(512)
        self.script = script
        self.count = 0
        self.failures = []
        self.lock = threading.Lock()
        self.open = set()
        self.stopped = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        stream = Stream(sock)
        sock.settimeout(600)
        with self.lock:
            if self.stopped:  # accepted just before
                sock.close()
                return
            self.open.add(sock)
        try:
            if not self.greets and not stream.more():
                return
            with self.lock:
                self.count += 1
                number = self.count
            self.script(stream, number)
        except (OSError, EOFError):
            pass
        except Exception as error:  # shown by the test's end
            self.failures.append(error)
        finally:
            with self.lock:
                sock.close()  # first: who waits until none is open sends at once
                self.open.discard(sock)

    def stop(self):
        """As if killed: no listener, all connections reset."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            self.stopped = True
            for sock in self.open:
                try:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def release(self):
        self.stop()
        self.claim.close()


def serving(answer):
    """A script that answers every request of a connection: answer(head, body) -> bytes."""

    def script(stream, _number):
        while True:
            if not stream.inbox and not stream.more():
                return
            head = stream.head()
            stream.send(answer(head, stream.body(head)))

    return script


class Certificate:
    """Self-signed, for these hosts, made anew."""

    def __init__(self, folder, number, hosts, key="ec"):
        self.id = "cert-%d" % number
        self.hosts = hosts
        self.path = "%s/%s.pem" % (folder, self.id)
        kind = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[key]
        names = ",".join("DNS:" + host for host in hosts)
        subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "2",
                        "-subj", "/CN=" + hosts[0], "-addext", "subjectAltName=" + names,
                        "-keyout", self.path + ".key", "-out", self.path], check=True,
                       capture_output=True)
        with open(self.path) as file:
            self.chain = file.read()
        with open(self.path + ".key") as file:
            self.key = file.read()

    def sealed(self, seal_key):
        text = subprocess.run([PROGRAM, "seal", seal_key, self.id], input=self.key, check=True,
                              capture_output=True, text=True).stdout
        return {"id": self.id, "hosts": self.hosts, "chain": self.chain, "sealed_key": text}


class Daemon:
    """A daemon's connection to the edge: sends snapshots, keeps the latest report."""

    def __init__(self, path):
        self.sock = until(lambda: self._connect(path), "the control socket")
        self.report = None
        self.counts = {}
        self.metrics = None
        self.purged = None
        self.routes = None
        self.reports = 0
        self.resyncs = 0  # how often the edge asked for the whole
        self.ended = False
        self.history = collections.deque(maxlen=1000)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @staticmethod
    def _connect(path):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
        except OSError:
            sock.close()
            return None

    def _read(self):
        try:
            with self.sock.makefile("r") as lines:
                self._take(lines)
        except (OSError, ValueError):
            pass
        self.ended = True

    def _take(self, lines):
        for line in lines:
            message = json.loads(line)
            if "report" in message:
                self.report = message["report"]
                self.counts = message.get("counts", self.counts)
                self.history.append(self.report)
                self.reports += 1
            if "resync" in message:
                self.resyncs += 1
            if "routes" in message:
                self.routes = message["routes"]
            if "purged" in message:
                self.purged = [message["purged"]]
            if "metrics" in message:
                self.metrics = message["metrics"]

    def send(self, message, sockets=()):
        """`sockets` go along with the line."""
        line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        if sockets:
            sent = socket.send_fds(self.sock, [line], [one.fileno() for one in sockets])
            line = line[sent:]
        if line:  # the edge may have hung up at what it got
            self.sock.sendall(line)

    def fresh(self):
        """A report of now: one that the edge sends anyhow may be of before. Answers come in the
        order of their questions."""
        self.routes = None
        self.send({"get": "report"})
        self.send({"get": "routes"})
        until(lambda: self.routes is not None, "a report")
        return self.report

    def metrics_text(self):
        self.metrics = None
        self.send({"get": "metrics"})
        return until(lambda: self.metrics, "metrics")

    def route_counts(self):
        """By host and path; ("", "") is of all that are not told apart."""
        self.routes = None
        self.send({"get": "routes"})
        until(lambda: self.routes is not None, "the routes")
        return {(one["host"], one["path"]): one for one in self.routes}

    def endpoint(self, instance):
        for one in (self.report or {}).get("endpoints", []):
            if one["instance"] == instance:
                return one
        return None

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.reader.join()
        self.sock.close()


def endpoint(instance, port, state="active"):
    return {"instance": instance, "address": "127.0.0.1", "port": port, "state": state,
            "release": 1}


DESCRIPTORS = 200


def few_descriptors():
    """preexec_fn of an edge that lets in more clients than it has connections to instances for."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def leave_all(*_):
    for case in list(EdgeCase.running.values()):
        case.leave()


def leave_all_and_end(number, _frame):
    leave_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


atexit.register(leave_all)
signal.signal(signal.SIGTERM, leave_all_and_end)


class EdgeCase(unittest.TestCase):
    """One edge, started anew for every test. However that ends, nothing of it stays."""

    threads = 2
    options = ()
    running = {}  # by id: a test equals another of its name

    def setUp(self):
        self.processes = []
        self.dir = tempfile.mkdtemp(prefix="moln-edge-")
        self.running[id(self)] = self
        self.addCleanup(self.leave)
        os.mkdir(self.dir + "/state")
        self.origins = []
        self.streams = []
        self.version = 0
        self.process = None
        self.certificates = []
        self.certificates_made = 0
        self.challenges = []
        if OVER_TLS:
            self.certify(["default.test"])
        self.start()

    def certify(self, hosts, key="ec"):
        """One more certificate, in the next snapshot."""
        self.certificates_made += 1
        made = Certificate(self.dir, self.certificates_made, hosts, key)
        self.certificates.append(made.sealed(self.dir + "/seal.key"))
        return made

    def leave(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        self.running.pop(id(self), None)

    def spawn(self, words, log="/stderr", **how):
        """A process that ends with the test, if it has not by then."""
        with open(self.dir + log, "a") as stderr:
            process = subprocess.Popen(words, stderr=stderr, **how)
        self.processes.append(process)
        return process

    def start(self):
        self.process = self.spawn(self.command())
        self.connect_daemon()

    def command(self):
        return [PROGRAM, "--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0", "--seal-key",
                self.dir + "/seal.key", "--control", self.dir + "/control", "--state",
                self.dir + "/state", "--access-log", self.dir + "/access.log", "--metrics",
                "127.0.0.1:0", "--threads", str(self.threads), *self.options, *EXTRA]

    def connect_daemon(self):
        self.daemon = Daemon(self.dir + "/control")
        until(lambda: self.daemon.report, "the first report")
        ip, port = self.daemon.report["listens"][0].rsplit(":", 1)
        self.address = (ip, int(port))
        ip, port = self.daemon.report["tls_listens"][0].rsplit(":", 1)
        self.tls_address = (ip, int(port))

    def tearDown(self):
        for stream in self.streams:
            stream.close()
        for origin in self.origins:
            origin.release()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                self.fail("the edge did not stop")
        self.daemon.close()
        log = self.stderr()
        self.assertNotIn("ERROR: ", log, "a sanitizer spoke")
        self.assertNotIn("WARNING: ThreadSanitizer", log)
        self.assertNotIn("bug: ", log)
        self.assertIn(self.process.returncode, (0, -signal.SIGKILL, 1), log)
        for origin in self.origins:
            self.assertEqual(origin.failures, [])

    def stderr(self):
        with open(self.dir + "/stderr") as file:
            return file.read()

    def freeze(self):
        """Until thaw() the edge does nothing: what comes meanwhile it finds at once."""
        tasks = "/proc/%d/task" % self.process.pid

        def is_stopped(task):
            with open("%s/%s/stat" % (tasks, task)) as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "T"

        self.process.send_signal(signal.SIGSTOP)
        until(lambda: all(map(is_stopped, os.listdir(tasks))), "the standstill")

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def origin(self, script, greets=False, held=None):
        origin = Origin(script, greets, held)
        self.origins.append(origin)
        return origin

    def app(self, endpoints, **more):
        return {"app": "default/shop", "process": "web", "health": {"kind": "tcp"},
                "endpoints": endpoints, **more}

    def publish(self, endpoints, **more):
        """One app for every host. Returns when the edge has acknowledged."""
        self.publish_snapshot([self.route()], [self.app(endpoints, **more)])

    @staticmethod
    def route(host="*", **more):
        return {"host": host, "path": "/", "app": "default/shop", "process": "web", **more}

    def workers_have_heard(self):
        """What was reported until now. A report is made before the workers hear what it says, but
        before they acknowledge what is published behind it."""
        routes, apps, more = self.published
        self.publish_snapshot(routes, apps, **more)

    def publish_snapshot(self, routes, apps, **more):
        self.published = (routes, apps, more)
        self.version += 1
        version = self.version
        self.daemon.send({"snapshot": {"version": version, "epoch": 1, "routes": routes,
                                       "apps": apps, "certificates": self.certificates,
                                       "challenges": self.challenges, **more}})
        until(lambda: self.daemon.report["acked_version"] == version, "the acknowledgement")

    def client(self):
        if OVER_TLS:
            return self.tls_client()
        stream = Stream(socket.create_connection(self.address, timeout=PATIENCE))
        self.streams.append(stream)
        return stream

    def tls_client(self, name=None, context=None, session=None):
        """`name`: for SNI. The certificate is looked at only if `context` says so."""
        if context is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        sock = socket.create_connection(self.tls_address, timeout=PATIENCE)
        # Without this Python takes a cut for an end.
        sock = context.wrap_socket(sock, server_hostname=name, session=session,
                                   suppress_ragged_eofs=False)
        stream = Stream(sock)
        self.streams.append(stream)
        return stream

    def get(self, path="/", method="GET", fields="", body=b"", stream=None):
        """One request; returns (head, body)."""
        stream = stream or self.client()
        length = "Content-Length: %d\r\n" % len(body) if body else ""
        stream.send("%s %s HTTP/1.1\r\nHost: shop.test\r\n" % (method, path))
        stream.send("%s%s\r\n" % (fields, length))
        stream.send(body)
        head = stream.head()
        if method == "HEAD":
            return head, b""
        return head, stream.body(head)

    def log_lines(self, count):
        def enough():
            with open(self.dir + "/access.log") as file:
                lines = [json.loads(line) for line in file if line.endswith("\n")]
            return lines if len(lines) >= count else None

        return until(enough, "%d lines of access log" % count)

    @contextlib.contextmanager
    def frozen(self):
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def memory_kib(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0
