"""TCP and UDP that the kernel passes on: switches, drains, crashes of the daemon, who the client
is, and instances as clients of other apps' ports."""
import contextlib
import os
import re
import socket
import subprocess
import sys
import unittest

import apps
from cloud import PATIENCE_S, Cloud, wait_until
from test_streams import Line, app, free_port, greeting, opened

# Says its version and who it sees, then echoes.
ECHO = """\
import os, signal, socketserver, threading

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(f"VERSION {self.client_address[0]}\\n".encode())
        while data := self.request.recv(65536):
            self.request.sendall(data)

class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True

server = Server(("", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""

ANSWER = """\
import os, socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", int(os.environ["PORT"])))
while True:
    data, sender = sock.recvfrom(65536)
    sock.sendto(b"VERSION " + sender[0].encode() + b" " + data, sender)
"""

# Tells over HTTP what it is greeted with at the address in its path.
CALLER = """\
import http.server, os, socket

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host, port = self.path[1:].split(":")
        try:
            with socket.create_connection((host, int(port)), 5) as sock:
                body = sock.makefile("rb").readline()
        except OSError as error:
            body = str(error).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""

HOST, OUTSIDE = "192.0.2.1", "192.0.2.2"

CONNECT = """\
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
with socket.socket(socket.AF_INET, kind) as sock:
    sock.settimeout(float(sys.argv[4]))
    sock.connect((sys.argv[2], int(sys.argv[3])))
    if kind == socket.SOCK_DGRAM:
        sock.send(b"hello")
    print(sock.recv(100).decode().strip())
"""


def via(cloud, listen, which="kernel"):
    return wait_until(f"{listen} by the {which}", lambda: [
        route for route in cloud.items("route", "ls")
        if route["listen"] == listen and route["url"] and route["via"] == which])[0]


def tables():
    return subprocess.run(["nft", "list", "tables"], capture_output=True, text=True,
                          check=True).stdout


def keep_source(folder):
    with open(f"{folder}/moln.toml", "a") as file:
        file.write("keep_source = true\n")
    return folder


@contextlib.contextmanager
def outside():
    """Another machine on a wire to this one: `ask(protocol, port)` is what it is told there."""
    for command in ("ip netns add outside",
                    "ip link add out0 type veth peer name eth0 netns outside",
                    f"ip addr add {HOST}/24 dev out0", "ip link set out0 up",
                    f"ip -n outside addr add {OUTSIDE}/24 dev eth0",
                    "ip -n outside link set eth0 up", "ip -n outside link set lo up"):
        subprocess.run(command.split(), check=True)

    def ask(protocol, port, patience_s=20):
        done = subprocess.run(
            ["nsenter", "--net=/run/netns/outside", sys.executable, "-c", CONNECT, protocol, HOST,
             str(port), str(patience_s)],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return done.stdout.strip()

    try:
        yield ask
    finally:
        subprocess.run(["ip", "netns", "del", "outside"], check=False)
        subprocess.run(["ip", "link", "del", "out0"], check=False, stderr=subprocess.DEVNULL)


def stream_bytes(cloud, port):
    metrics = cloud.cli("metrics").stdout
    return [int(re.search(rf'moln_kernel_stream_bytes_{way}_total{{listen="tcp:{port}"}} (\d+)',
                          metrics).group(1)) for way in ("in", "out")]


def version(port):
    greeted = greeting(port)
    return greeted and greeted.split()[0]


class KernelPaths(unittest.TestCase):
    def build_wall(self):
        """Another program's firewall, for the time of a test."""
        subprocess.run(["nft", "table inet wall { chain in { type filter hook input priority 0 ; "
                        "} ; }"], check=True)
        self.addCleanup(subprocess.run, ["nft", "delete table inet wall"], check=True)
        subprocess.run(["nft", "add rule inet wall in tcp dport 1 drop"], check=True)

    def test_a_switch_keeps_what_is_open_and_waits_for_it(self):
        port = free_port()
        with Cloud() as cloud:
            cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
            via(cloud, f"tcp:{port}")
            self.assertIn(f"tcp://127.0.0.1:{port} (kernel)", cloud.cli("route", "ls").stdout)
            lines = [Line(port) for _ in range(5)]
            self.assertTrue(lines[0].greeting.startswith("v1 10.213."), lines[0].greeting)
            cloud.cli("deploy", "--no-wait", app("echo", ECHO, f"tcp:{port}", "v2"))
            wait_until("the new release", lambda: version(port) == "v2")
            # A greeting that asked whether the new one is there may still be under way.
            metrics = cloud.cli("metrics").stdout
            begun = re.search(rf'moln_kernel_streams_total{{listen="tcp:{port}"}} (\d+)', metrics)
            self.assertGreaterEqual(int(begun.group(1)), 6, "five lines, and who asked for v2")
            self.assertRegex(metrics, r"moln_kernel_streams_open [5-9]")
            before = stream_bytes(cloud, port)
            # Each packet once, with its headers, and what acknowledges it.
            self.assertEqual(lines[0].ask("x" * 20_000), "x" * 20_000)
            for now, then in zip(stream_bytes(cloud, port), before):
                self.assertGreaterEqual(now - then, 20_000)
                self.assertLess(now - then, 40_000)
            wait_until("an instance that drains five connections", lambda: any(
                "5 connections" in one["text"] for one in cloud.ps("echo", "draining")))
            for line in lines:
                self.assertEqual(line.ask("still here"), "still here")
            # A daemon that dies leaves rules that serve, and comes back to them.
            os.kill(cloud.daemon_pid(), 9)
            self.assertEqual(version(port), "v2")
            self.assertEqual(lines[0].ask("and here"), "and here")

            def draining():
                with contextlib.suppress(subprocess.CalledProcessError):  # until it is back
                    return cloud.ps("echo", "draining")
                return None

            wait_until("the drain, counted again", lambda: [
                one for one in draining() or [] if "5 connections" in one["text"]])
            via(cloud, f"tcp:{port}")
            for line in lines[1:]:
                line.close()
            wait_until("one connection", lambda: [
                one for one in draining() or [] if "1 connection" in one["text"]])
            self.assertEqual(lines[0].ask("the last"), "the last")
            lines[0].close()
            wait_until("the old instance to be gone", lambda: draining() == [])
            self.assertEqual(version(port), "v2")

    def test_nothing_is_refused_while_releases_follow_one_another(self):
        port = free_port()
        with Cloud() as cloud:
            cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
            via(cloud, f"tcp:{port}")
            old = Line(port)
            for number in range(2, 5):
                cloud.cli("deploy", "--no-wait", app("echo", ECHO, f"tcp:{port}", f"v{number}"))
                seen = version(port)
                while seen != f"v{number}":
                    self.assertIsNotNone(seen, "a connection was refused")
                    seen = version(port)
            self.assertEqual(old.ask("since the first"), "since the first")
            old.close()

    def test_down_waits_for_what_is_open_and_leaves_nothing(self):
        port = free_port()
        with Cloud() as cloud:
            cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
            via(cloud, f"tcp:{port}")
            self.assertIn("moln-streams", tables())
            line = Line(port)
            cloud.process.send_signal(2)
            wait_until("the port to close", lambda: greeting(port) is None)
            self.assertEqual(line.ask("still here"), "still here")
            self.assertIsNone(cloud.process.poll())
            line.close()
            cloud.process.wait(PATIENCE_S)
            self.assertNotIn("moln-streams", tables())

    def test_without_an_instance_the_edge_holds_and_a_crash_is_seen(self):
        port = free_port()
        with Cloud() as cloud:
            cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
            via(cloud, f"tcp:{port}")
            line = Line(port)
            pid = cloud.ps("echo")[0]["pid"]
            os.kill(pid, 9)
            line.socket.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(line.file.read(1), b"", "its connections end with it")
            line.close()  # half of it would be waited for
            wait_until("a new process", lambda: version(port) == "v1")
            via(cloud, f"tcp:{port}")

    def test_who_the_client_is(self):
        port, udp = free_port(), free_port(socket.SOCK_DGRAM)
        with outside() as ask, Cloud(arguments=["--listen", f"{HOST}:0"]) as cloud:
            cloud.cli("deploy", keep_source(app("echo", ECHO, f"tcp:{port}")))
            cloud.cli("deploy", keep_source(app("names", ANSWER, f"udp:{udp}")))
            via(cloud, f"tcp:{port}")
            via(cloud, f"udp:{udp}")
            self.assertEqual(ask("tcp", port), f"v1 {OUTSIDE}")
            self.assertEqual(ask("udp", udp), f"v1 {OUTSIDE} hello")
            # The machine itself by its own address; by the loopback it is the gateway.
            with socket.create_connection((HOST, port), PATIENCE_S) as sock:
                self.assertEqual(sock.recv(100).decode().strip(), f"v1 {HOST}")
            self.assertTrue(greeting(port).startswith("v1 10.213."))
            # A firewall of the machine's is no reason not to do as was asked.
            self.build_wall()
            self.assertEqual(ask("tcp", port), f"v1 {OUTSIDE}")
            cloud.cli("stop", "--app", "echo")
            wait_until("a reset", lambda: ask("tcp", port) == "")
            cloud.cli("start", "--app", "echo")
            wait_until("the client's address again", lambda: ask("tcp", port) == f"v1 {OUTSIDE}")

    def test_another_firewall_keeps_a_route_in_the_edge(self):
        port = free_port()
        self.build_wall()
        with Cloud() as cloud:
            cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
            route = via(cloud, f"tcp:{port}", "edge")
            self.assertIn("table inet wall", wait_until("the reason", lambda: via(
                cloud, f"tcp:{port}", "edge")["via_why"]))
            self.assertEqual(route["problem"], "")
            self.assertEqual(wait_until("a greeting", lambda: version(port)), "v1")
            self.assertNotIn("moln-streams", tables())

    def test_instances_reach_ports_of_routes_as_others_do(self):
        port = free_port()
        for arguments, which in (([], "kernel"), (["--streams-in-edge"], "edge")):
            with (self.subTest(which), outside(),
                  Cloud(arguments=["--listen", f"{HOST}:0", *arguments]) as cloud):
                cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
                folder = apps.folder({"app.py": CALLER, "Procfile": "web: python3 -u app.py\n"},
                                     "caller")
                cloud.cli("deploy", folder)
                via(cloud, f"tcp:{port}", which)
                answer = cloud.wait_for("caller.localhost", f"/{HOST}:{port}", contains="v1 ")[1]
                self.assertTrue(answer.startswith("v1 10.213."), answer)
                # What is no route's port stays closed to them.
                with socket.create_server((HOST, 0)) as other:
                    closed = f"/{HOST}:{other.getsockname()[1]}"
                    cloud.wait_for("caller.localhost", closed, contains="timed out")

    def test_a_flow_of_udp_stays_and_moves_once_it_is_quiet(self):
        port = free_port(socket.SOCK_DGRAM)
        with Cloud() as cloud:
            cloud.cli("deploy", app("names", ANSWER, f"udp:{port}"))
            via(cloud, f"udp:{port}")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(1)
                sock.connect(("127.0.0.1", port))

                asked = 0

                def answered():
                    nonlocal asked
                    asked += 1
                    with contextlib.suppress(OSError):
                        sock.send(b"%d" % asked)
                        while True:  # one to an earlier question may come late
                            version, _, question = sock.recv(100).decode().split()
                            if question == str(asked):
                                return version
                    return None

                self.assertEqual(wait_until("an answer", answered), "v1")
                cloud.cli("deploy", "--no-wait", app("names", ANSWER, f"udp:{port}", "v2"))

                def moved():  # whoever asks anew is answered by the new one
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                        other.settimeout(1)
                        with contextlib.suppress(OSError):
                            other.sendto(b"x", ("127.0.0.1", port))
                            return other.recv(100).startswith(b"v2")
                    return False

                wait_until("the new release", lambda: answered() and moved())
                self.assertEqual(wait_until("an answer", answered), "v1")
                wait_until("the old instance to be gone",
                           lambda: not cloud.ps("names", "draining"))
                self.assertEqual(wait_until("an answer", answered), "v2")


if __name__ == "__main__":
    unittest.main()
