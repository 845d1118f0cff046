"""A one-machine cloud for a test: `moln up` on a data directory of its own, its CLI, its edge.

Runs inside lab/netns.sh, so that networks, cgroups and processes are the test's alone.
"""
import atexit
import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MOLN = os.environ.get("MOLN", str(ROOT / "build" / "src" / "main" / "moln"))
EXAMPLES = ROOT / "examples"

# Generous: a loaded machine with two cores must not make a test fail.
PATIENCE_S = 60


def wait_until(what, condition, patience_s=PATIENCE_S):
    """Returns the first true value of condition(); fails with `what` when patience runs out."""
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s} s in vain for: {what}")
        time.sleep(0.05)


def has_ended(pid):
    """Also its last thread: the first may be gone while another still holds its files."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            dead = file.read().rsplit(")", 1)[1].split()[0] in "ZX"
        return dead and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


class Cloud:
    def __init__(self, data=None, arguments=(), variables=None, address="127.0.0.1"):
        self.address = address  # that its edge listens on
        self.own_data = data is None
        self.variables = variables or {}  # of the daemon's environment
        self.program = MOLN  # that the node runs
        self.data = data or tempfile.mkdtemp(prefix="moln-test-", dir="/var/tmp")
        self.arguments = list(arguments)
        self.process = None
        self.log_path = pathlib.Path(self.data + ".log")
        self.edge_port = None
        self.tls_port = None
        atexit.register(self.forget)

    def forget(self):
        """What is its own goes, however the test ended."""
        with contextlib.suppress(FileNotFoundError):
            self.log_path.unlink()
        if self.own_data and os.path.exists(self.data):
            unmount_below(self.data)
            shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(f"---- log of {self.data}\n{self.tail(60)}\n----", flush=True)
            self.kill()  # the test has failed already: what is told is why, not how it ended
        self.down()
        if self.own_data:
            self.forget()

    def tail(self, lines):
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def spawn(self, role="up"):
        listen = f"{self.address}:{self.edge_port or 0}"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, role, "--data", self.data, "--listen", listen,
                 "--listen-tls", f"{self.address}:{self.tls_port or 0}", *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.variables})

    def up(self, role="up"):
        self.spawn(role)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"moln {role} ended with {self.process.returncode}:\n"
                                     + self.tail(30))
            with contextlib.suppress(subprocess.CalledProcessError):
                status = self.json("status")
                return status if status["edge"]["listens"] else None

        status = wait_until("the daemon and the edge to answer", ready)
        self.edge_port = int(status["edge"]["listens"][0].rsplit(":", 1)[1])
        self.tls_port = int(status["edge"]["tls_listens"][0].rsplit(":", 1)[1])
        return status

    def down(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.process.kill()
            raise AssertionError("moln up did not end after Ctrl-C:\n" + self.tail(30)) from None

    def kill(self):
        daemon = self.daemon_pid()
        for pid in (self.process.pid, daemon):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        # It is no child of ours, and holds the lock on its data until it is gone.
        wait_until("the daemon's end", lambda: has_ended(daemon))

    # ---- the CLI --------------------------------------------------------------------------------

    def environment(self):
        return {**os.environ, "MOLN_DATA": self.data, "NO_COLOR": "1"}

    def cli(self, *arguments, check=True, stdin=None, patience_s=PATIENCE_S * 3):
        done = subprocess.run([MOLN, *map(str, arguments)], env=self.environment(),
                              input=stdin if stdin is not None else "", capture_output=True,
                              text=True, timeout=patience_s, check=False)
        if check and done.returncode != 0:
            print(f"$ moln {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
            done.check_returncode()
        return done

    def json(self, *arguments):
        done = subprocess.run([MOLN, *map(str, arguments), "--json"], env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=True)
        return json.loads(done.stdout)

    def items(self, *arguments):
        value = self.json(*arguments)
        return value["items"] if isinstance(value, dict) else value

    def daemon_pid(self):
        return int(pathlib.Path(self.data, "daemon.lock").read_text().split()[0])

    def edge_pid(self):
        return self.json("status")["edge"]["pid"]

    def ps(self, app=None, state=None):
        arguments = ["ps"] + (["--app", app] if app else [])
        return [i for i in self.items(*arguments) if state is None or i["state"] == state]

    # ---- the edge -------------------------------------------------------------------------------

    def get(self, host, path="/", method="GET", body=None, headers=None, timeout=PATIENCE_S):
        """One request on a fresh connection: (status, body as text)."""
        connection = http.client.HTTPConnection(self.address, self.edge_port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def wait_for(self, host, path="/", status=200, contains=""):
        def answered():
            with contextlib.suppress(OSError, http.client.HTTPException):
                got = self.get(host, path)
                return got if got[0] == status and contains in got[1] else None
        return wait_until(f"{status} with {contains!r} from {host}{path}", answered)


def unmount_below(path):
    mounts = pathlib.Path("/proc/mounts").read_text().splitlines()
    below = [m.split()[1] for m in mounts if m.split()[1].startswith(path)]
    for mount in sorted(below, reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)


class Load:
    """Clients that ask without a break until stopped; answers that are not as expected are kept."""

    def __init__(self, cloud, host, clients=4, path="/", expect=lambda status, body: status == 200):
        self.cloud, self.host, self.path, self.expect = cloud, host, path, expect
        self.stopping = threading.Event()
        self.done = 0
        self.bodies = set()
        self.failures = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)

    def run(self):
        connection = None
        while not self.stopping.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.cloud.edge_port,
                                                            timeout=PATIENCE_S)
                connection.request("GET", self.path, headers={"Host": self.host})
                answer = connection.getresponse()
                body = answer.read().decode(errors="replace")
                good = self.expect(answer.status, body)
                with self.lock:
                    self.done += 1
                    self.bodies.add(body[:200])
                    if not good:
                        self.failures.append(f"{answer.status} {body[:200]}")
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append(f"{type(error).__name__}: {error}")
                connection = None
            time.sleep(0.002)
        if connection is not None:
            connection.close()

    def wait_for(self, count):
        before = self.done
        wait_until(f"{count} more requests", lambda: self.done - before >= count)


class WebSocket:
    """As much of RFC 6455 as a test needs: text frames below 126 bytes, client masked."""

    def __init__(self, cloud, host, path="/"):
        self.socket = socket.create_connection(("127.0.0.1", cloud.edge_port), PATIENCE_S)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = self.socket.recv(4096)
            if not chunk:
                raise ConnectionError("closed in the handshake")
            head += chunk
        head, self.buffer = head.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode(errors="replace"))

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        self.socket.sendall(bytes([0x81, 0x80 | len(data)]) + mask + masked)

    def read(self, count):
        while len(self.buffer) < count:
            chunk = self.socket.recv(4096)
            if not chunk:
                raise ConnectionError("cut")
            self.buffer += chunk
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self):
        head = self.read(2)
        return self.read(head[1] & 0x7F).decode()

    def close(self):
        self.socket.close()
