"""OCSP stapling through the whole product: a real responder, which the daemon asks, and clients
that are shown what it said."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

import apps
from authority import free_port
from cloud import PATIENCE_S, Cloud, wait_until


def openssl(*words):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, text=True).stdout


class Responder:
    """A root, an authority below it that signs, and `openssl ocsp`, which answers for it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="moln-ocsp-"))
        self.port = free_port()
        self.process = None
        self.root, self.issuer = str(self.folder / "root.pem"), str(self.folder / "issuer.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "9", "-subj", "/CN=root", "-keyout", self.root + ".key", "-out",
                self.root)
        self.sign(self.root, "/CN=issuer", self.issuer, "basicConstraints=critical,CA:TRUE")

    def sign(self, signer, subject, path, extensions):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", subject, "-keyout", path + ".key", "-out", path + ".csr")
        pathlib.Path(path + ".ext").write_text(extensions + "\n")
        openssl("x509", "-req", "-in", path + ".csr", "-CA", signer, "-CAkey", signer + ".key",
                "-CAcreateserial", "-days", "8", "-extfile", path + ".ext", "-out", path)

    def certify(self, host, state="V", port=None, must_staple=False):
        """Paths of the chain and the key."""
        path = str(self.folder / (host + ".pem"))
        url = f"http://127.0.0.1:{port or self.port}/ocsp"
        extensions = f"subjectAltName=DNS:{host}\nauthorityInfoAccess=OCSP;URI:{url}"
        if must_staple:
            extensions += "\ntlsfeature=status_request"
        self.sign(self.issuer, "/CN=" + host, path, extensions)
        serial = openssl("x509", "-in", path, "-noout", "-serial").strip()[len("serial="):]
        revoked = "260101000000Z" if state == "R" else ""
        with open(self.folder / "index", "a") as index:
            index.write(f"{state}\t361231235959Z\t{revoked}\t{serial}\tunknown\t/CN={host}\n")
        chain = path + ".chain"
        pathlib.Path(chain).write_text(pathlib.Path(path).read_text()
                                       + pathlib.Path(self.issuer).read_text())
        return chain, path + ".key"

    def __enter__(self):
        return self

    def start(self):
        self.process = subprocess.Popen(
            ["openssl", "ocsp", "-index", str(self.folder / "index"), "-port", str(self.port),
             "-CA", self.issuer, "-rsigner", self.issuer, "-rkey", self.issuer + ".key", "-ndays",
             "2"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        subprocess.run(["rm", "-r", str(self.folder)], check=True)


class Liar:
    """A responder that takes the question and lets `answer` have the connection."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.over = threading.Event()
        self.answer = answer
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                line, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(line,), daemon=True).start()

    def talk(self, line):
        with line, contextlib.suppress(OSError):
            line.recv(65536)
            self.answer(line, self.over)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n"


def says_nothing(line, over):
    over.wait()


def drips(line, over):
    line.sendall(HEAD + b"Content-Length: 9000\r\n\r\n\x30\x82\x20\x00")
    while not over.wait(0.5):
        line.sendall(b"x")


def never_ends(line, over):
    line.sendall(HEAD + b"\r\n\x30\x84\x7f\xff\xff\xff")
    while not over.is_set():
        line.sendall(bytes(65536))


def speaks_html(line, over):
    line.sendall(HEAD.replace(b"application/ocsp-response", b"text/html")
                 + b"Content-Length: 4\r\n\r\n<h1>")


def leads_elsewhere(line, over):
    line.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                 b"Content-Length: 0\r\n\r\n")


class Ocsp(unittest.TestCase):
    def setUp(self):
        self.responder = self.enterContext(Responder())
        self.cloud = self.enterContext(Cloud())
        self.cloud.cli("deploy", apps.web("one"), "--app", "shop")

    def add(self, host, **more):
        chain, key = self.responder.certify(host, **more)
        self.cloud.cli("route", "add", host, "--app", "shop")
        return lambda: self.cloud.cli("cert", "add", "--cert", chain, "--key", key)

    def of_host(self, host):
        return next(one for one in self.cloud.items("cert", "ls") if one["hosts"] == [host])

    def shown(self, host):
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.cloud.tls_port}", "-servername",
             host, "-CAfile", self.responder.root, "-status"],
            input="", capture_output=True, text=True).stdout

    def test_what_an_authority_says_is_stapled_kept_and_told(self):
        added = [self.add("shop.example.org"),
                 self.add("gone.example.org", state="R"),
                 self.add("must.example.org", must_staple=True, port=free_port())]
        self.responder.start()
        for add in added:
            add()
        wait_until("the staple", lambda: self.of_host("shop.example.org")["stapled_until"])
        told = wait_until("a handshake with it", lambda: (
            lambda text: text if "Cert Status: good" in text else None)(
                self.shown("shop.example.org")))
        self.assertIn("OCSP Response Status: successful", told)
        one = self.of_host("shop.example.org")
        text = self.cloud.cli("cert", "show", one["id"]).stdout
        self.assertIn(f"http://127.0.0.1:{self.responder.port}/ocsp", text)
        self.assertRegex(text, "stapled +until ")

        revoked = wait_until("the answer", lambda: (
            lambda view: view if view["staple_trouble"] else None)(
                self.of_host("gone.example.org")))
        self.assertIn("revoked", revoked["staple_trouble"])
        self.assertIn("no response sent", self.shown("gone.example.org"))
        self.assertRegex(" ".join(self.cloud.json("status")["warnings"]),
                         "gone.example.org: revoked by issuer; get another and `moln cert add` it")
        self.assertIn("the certificate of gone.example.org was revoked",
                      self.cloud.cli("events", "-n", "50").stdout)

        must = wait_until("the failure", lambda: (
            lambda view: view if view["staple_trouble"] else None)(
                self.of_host("must.example.org")))
        self.assertTrue(must["must_staple"])
        self.assertIn("does not answer", must["staple_trouble"])
        self.assertIn("must.example.org: must-staple, and there is no answer",
                      self.cloud.cli("cert", "ls").stdout)

        # Kept in the store: the responder is not needed for it to be shown again.
        self.responder.process.kill()
        self.responder.process.wait()
        for pid in (self.cloud.daemon_pid, self.cloud.edge_pid):
            os.kill(pid(), signal.SIGKILL)
            wait_until("the daemon's answer",
                       lambda: self.cloud.cli("status", check=False).returncode == 0)
            wait_until("the staple again",
                       lambda: "Cert Status: good" in self.shown("shop.example.org"))
        self.assertTrue(self.of_host("shop.example.org")["stapled_until"])


    def test_responders_that_fail_in_every_way_are_told_and_keep_no_other_waiting(self):
        added = []
        for answer in (says_nothing, drips, never_ends, speaks_html, leads_elsewhere):
            liar = self.enterContext(Liar(answer))
            host = answer.__name__.replace("_", "-") + ".example.org"
            added.append((host, self.add(host, port=liar.port)))
        last = self.add("shop.example.org")
        self.responder.start()
        for _, add in added:
            add()
        last()
        # Two that say nothing are given up after 20 s each.
        wait_until("the staple", lambda: self.of_host("shop.example.org")["stapled_until"],
                   2 * PATIENCE_S)
        for host, _ in added:
            view = wait_until(f"the reason of {host}", lambda host=host: (
                lambda one: one if one["staple_trouble"] else None)(self.of_host(host)),
                2 * PATIENCE_S)
            self.assertEqual(view["stapled_until"], 0)
            self.assertIn("does not answer", view["staple_trouble"])
        self.assertEqual(self.cloud.get("shop.example.org")[0], 308)


if __name__ == "__main__":
    unittest.main(verbosity=2)
