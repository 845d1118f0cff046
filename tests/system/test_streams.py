"""Ports that are passed on without HTTP: a real PostgreSQL, a switch with connections open, UDP."""
import contextlib
import glob
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

import apps
from cloud import PATIENCE_S, Cloud, wait_until

ECHO = """\
import os, signal, socketserver, sys, threading

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"VERSION\\n")
        while data := self.request.recv(65536):
            self.request.sendall(data)

class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True

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
    sock.sendto(b"VERSION:" + data, sender)
"""

POSTGRES = """\
set -e
bin=$(ls -d /usr/lib/postgresql/*/bin)
"$bin/initdb" -D /tmp/data -A trust -U postgres -N > /dev/null
echo "host all all all trust" >> /tmp/data/pg_hba.conf
exec "$bin/postgres" -D /tmp/data -F -c "listen_addresses=*" -c "port=$PORT" \\
    -c unix_socket_directories=/tmp
"""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def app(name, text, listen, version="v1", command="python3 -u app.py", file="app.py"):
    toml = (f'[process.line]\ncommand = "{command}"\nport = 7000\n\n'
            f'[[route]]\nlisten = "{listen}"\nprocess = "line"\n')
    return apps.folder({file: text.replace("VERSION", version), "Procfile": f"line: {command}\n",
                        "moln.toml": toml}, name)


class Line:
    """A connection to a port, read by lines."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.file = self.socket.makefile("rwb", buffering=0)
        self.greeting = self.file.readline().strip().decode()
        if not self.greeting:
            raise ConnectionError("closed without a greeting")

    def ask(self, text):
        self.file.write(text.encode() + b"\n")
        return self.file.readline().strip().decode()

    def close(self):
        self.file.close()
        self.socket.close()


def database_over_tls(name, listen):
    """A PostgreSQL that has its own certificate, for the clients that ask for its name."""
    with tempfile.TemporaryDirectory() as folder:
        chain, key = f"{folder}/chain.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj",
                        f"/CN={name}.db.test", "-keyout", key, "-out", chain],
                       check=True, capture_output=True)
        files = {"chain.pem": pathlib.Path(chain).read_text(),
                 "key.pem": pathlib.Path(key).read_text()}
    start = POSTGRES.replace(
        "exec ", "cp chain.pem key.pem /tmp/data/\nchmod 600 /tmp/data/key.pem\nexec ").rstrip()
    start += (f" -c ssl=on -c ssl_cert_file=chain.pem -c ssl_key_file=key.pem"
              f" -c cluster_name={name}\n")
    toml = ('[process.line]\ncommand = "sh start.sh"\nport = 7000\n\n'
            f'[[route]]\nlisten = "{listen}"\nhost = "{name}.db.test"\nprocess = "line"\n')
    return apps.folder({**files, "start.sh": start, "Procfile": "line: sh start.sh\n",
                        "moln.toml": toml}, name)


def opened(cloud, listen):
    def routes():
        return [route for route in cloud.items("route", "ls")
                if route["listen"] == listen and route["url"]]

    return wait_until(f"{listen} to be open", routes)


def greeting(port):
    with contextlib.suppress(OSError):
        line = Line(port)
        line.close()
        return line.greeting
    return None


class Streams(unittest.TestCase):
    def test_psql_through_a_tcp_route(self):
        if not glob.glob("/usr/lib/postgresql/*/bin/postgres"):
            self.fail("no PostgreSQL here: tools/packages.txt has it")
        port = free_port()
        with Cloud() as cloud:
            cloud.cli("deploy", app("db", POSTGRES, f"tcp:{port}", command="sh start.sh",
                                    file="start.sh"))
            route = opened(cloud, f"tcp:{port}")[0]
            self.assertEqual(route["url"], f"tcp://127.0.0.1:{port}")

            def psql(statement):
                return subprocess.run(
                    ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-Atc",
                     statement], capture_output=True, text=True, timeout=PATIENCE_S, check=True,
                    env={**os.environ, "PGCONNECT_TIMEOUT": "30"}).stdout.strip()

            self.assertEqual(psql("select 6 * 7"), "42")
            rows = psql("select repeat('x', 100) from generate_series(1, 20000)")
            self.assertEqual(len(rows), 101 * 20000 - 1)
            psql("create table t as select g from generate_series(1, 1000) g")
            self.assertEqual(psql("select sum(g) from t"), "500500")

    def test_psql_asks_for_tls_and_a_name_chooses_the_database(self):
        port = free_port()
        with Cloud() as cloud:
            for name in ("one", "two"):
                cloud.cli("deploy", database_over_tls(name, f"tcp:{port}"))
            opened(cloud, f"tcp:{port}")

            def psql(host, statement, mode="require"):
                return subprocess.run(
                    ["psql", f"host={host} hostaddr=127.0.0.1 port={port} user=postgres "
                     f"sslmode={mode} connect_timeout=30", "-Atc", statement],
                    capture_output=True, text=True, timeout=PATIENCE_S)

            for name in ("one", "two"):
                done = psql(f"{name}.db.test", "select ssl, current_setting('cluster_name') from "
                            "pg_stat_ssl where pid = pg_backend_pid()")
                self.assertEqual(done.stdout.strip(), f"t|{name}", done.stderr)
            self.assertNotEqual(psql("three.db.test", "select 1").returncode, 0)
            self.assertNotEqual(psql("one.db.test", "select 1", "disable").returncode, 0)

    def test_open_connections_stay_while_the_app_switches(self):
        port = free_port()
        with Cloud(arguments=["--streams-in-edge"]) as cloud:
            cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
            opened(cloud, f"tcp:{port}")
            lines = [Line(port) for _ in range(5)]
            cloud.cli("deploy", "--no-wait", app("echo", ECHO, f"tcp:{port}", "v2"))
            wait_until("the new release", lambda: greeting(port) == "v2")
            # A greeting that asked whether the new one is there may still be under way.
            wait_until("an instance that drains five connections", lambda: any(
                "5 connections" in one["text"] for one in cloud.ps("echo", "draining")))
            for line in lines:
                self.assertEqual((line.greeting, line.ask("still here")), ("v1", "still here"))
            # Without the daemon, too: a port that is open stays so.
            os.kill(cloud.daemon_pid(), 9)
            self.assertEqual(greeting(port), "v2")
            self.assertEqual(lines[0].ask("and here"), "and here")
            for line in lines:
                line.close()

            def gone():
                with contextlib.suppress(subprocess.CalledProcessError):  # until it is back
                    return not cloud.ps("echo", "draining")
                return False

            wait_until("the old instance to be gone", gone)

    def test_ports_come_and_go_and_conflicts_are_told(self):
        port, low = free_port(), 517
        with Cloud() as cloud:
            cloud.cli("deploy", app("echo", ECHO, f"tcp:{port}"))
            add = ("route", "add", "--process", "line", "--app", "echo", "--listen")
            # Below 1024, though the edge has no rights.
            self.assertIn(f"open at tcp://127.0.0.1:{low}",
                          cloud.cli(*add, f"tcp:{low}").stderr)
            opened(cloud, f"tcp:{low}")
            self.assertEqual(greeting(low), "v1")
            cloud.cli("route", "rm", "--listen", f"tcp:{low}", "--app", "echo")
            wait_until("the port to close", lambda: greeting(low) is None)
            refused = cloud.cli(*add, f"tcp:{cloud.edge_port}", check=False)
            self.assertIn("the edge takes HTTP requests", refused.stderr)
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                other = f"tcp:{taken.getsockname()[1]}"
                self.assertIn("another program", cloud.cli(*add, other).stderr)
                wait_until("the problem", lambda: [
                    one for one in cloud.items("route", "ls") if "another program" in
                    one["problem"]])
                self.assertIn("another program", cloud.cli("route", "ls").stdout)
            opened(cloud, other)

    def test_udp_by_flow(self):
        port = free_port(socket.SOCK_DGRAM)
        with Cloud() as cloud:
            cloud.cli("deploy", app("names", ANSWER, f"udp:{port}"))
            opened(cloud, f"udp:{port}")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(1)
                sock.connect(("127.0.0.1", port))

                def answered():
                    with contextlib.suppress(OSError):
                        sock.send(b"hello")
                        return sock.recv(100)
                    return None

                self.assertEqual(wait_until("an answer", answered), b"v1:hello")


if __name__ == "__main__":
    unittest.main()
