"""Client certificates of a route: who is let in, who is told why not, and what the app learns."""

import base64
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from h2_client import H2Client
from harness import PATIENCE, EdgeCase, Stream, endpoint, ok, serving, until


def run(*argv, text=None):
    return subprocess.run(argv, check=True, capture_output=True, input=text, text=True).stdout


class Authority:
    """A certificate authority of this test, and the certificates that it signs."""

    def __init__(self, folder, name, above=None):
        self.path = "%s/%s.pem" % (folder, name)
        self.folder = folder
        self.name = name
        self.made = 0
        if above is None:
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", self.path + ".key",
                "-out", self.path)
        else:
            above.sign(name, self.path, "basicConstraints=critical,CA:TRUE")
        with open(self.path) as file:
            self.pem = file.read()

    def sign(self, name, path, extensions, days=("-days", "2")):
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", "/CN=" + name, "-keyout", path + ".key", "-out", path + ".csr")
        with open(path + ".ext", "w") as file:
            file.write(extensions + "\n")
        run("openssl", "x509", "-req", "-in", path + ".csr", "-CA", self.path, "-CAkey",
            self.path + ".key", "-CAcreateserial", *days, "-extfile", path + ".ext", "-out", path)

    def revoked(self, *paths, days="2"):
        """Its list of revoked certificates, PEM."""
        folder = tempfile.mkdtemp(dir=self.folder)
        with open(folder + "/ca.cnf", "w") as file:
            file.write("[ca]\ndefault_ca=it\n[it]\ndatabase=%s/index\ndefault_md=sha256\n"
                       "default_crl_days=%s\n" % (folder, days))
        with open(folder + "/index", "w") as file:
            for path in paths:
                serial = run("openssl", "x509", "-in", path, "-noout", "-serial").strip()[7:]
                file.write("R\t361231235959Z\t261101000000Z\t%s\tunknown\t/CN=x\n" % serial)
        return run("openssl", "ca", "-config", folder + "/ca.cnf", "-gencrl", "-cert", self.path,
                   "-keyfile", self.path + ".key")

    def client(self, name, usage="clientAuth", days=("-days", "2"), chain=(), more=""):
        self.made += 1
        path = "%s/%s-client-%d.pem" % (self.folder, self.name, self.made)
        self.sign(name, path, "extendedKeyUsage=%s%s" % (usage, more), days)
        with open(path) as file:
            leaf = file.read()
        with open(path, "w") as file:
            file.write("".join([leaf, *chain]))
        return path


def der_of(path):
    with open(path) as file:
        text = file.read()
    return ssl.PEM_cert_to_DER_cert(text[: text.index("-----END") + 26].strip() + "\n")


def context_of(path=None, version=None, protocols=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if path:
        context.load_cert_chain(path, path + ".key")
    if version:
        context.minimum_version = context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def tell(head, _body):
    """What the app saw of any spelling of the field."""
    seen = [v for k, v in head.fields if k.lower().replace("_", "-").startswith("client-cert")]
    return ok("|".join(seen))


class ClientCert(EdgeCase):
    def setUp(self):
        super().setUp()
        self.origin_port = self.origin(serving(tell)).port
        self.certify(["shop.test", "open.test", "*.wide.test"])
        self.ours = Authority(self.dir, "ours")
        self.theirs = Authority(self.dir, "theirs")

    def serve(self, *routes, **more):
        self.publish_snapshot(list(routes), [self.app([endpoint("web-1", self.origin_port)])],
                              **more)

    def asking(self, host="shop.test", need="required", authority=None, **more):
        spec = {"ca": (authority or self.ours).pem, "need": need}
        return self.route(host, client_cert=spec, **more)

    def ask(self, client, host="shop.test", path="/", fields=""):
        client.send("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, host, fields))
        head = client.head()
        return head.status, client.body(head).decode()

    def once(self, path=None, version=None, host="shop.test", **more):
        return self.ask(self.tls_client(host, context_of(path, version)), host, **more)

    def h2(self, path=None, host="shop.test"):
        stream = self.tls_client(host, context_of(path, protocols=["h2"]))
        self.assertEqual(stream.sock.selected_alpn_protocol(), "h2")
        return H2Client(stream)

    def expected(self, path):
        return ":" + base64.b64encode(der_of(path)).decode() + ":"

    def test_who_shows_one_is_let_in_and_the_app_is_told_which(self):
        self.serve(self.asking())
        path = self.ours.client("alice")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual(self.once(path, version), (200, self.expected(path)))

    def test_a_clients_own_word_is_dropped_in_any_spelling_on_every_route(self):
        self.serve(self.asking(), self.route("open.test"))
        path = self.ours.client("alice")
        lie = "".join(name + ": :bGll:\r\n" for name in
                      ("Client-Cert", "client_cert", "CLIENT-CERT", "Client_Cert-Chain",
                       "client-cert-chain"))
        self.assertEqual(self.once(path, fields=lie), (200, self.expected(path)))
        self.assertEqual(self.once(host="open.test", fields=lie), (200, ""))
        client = self.client()
        self.assertEqual(self.ask(client, "open.test", fields=lie), (200, ""))

    def test_a_process_that_lets_in_is_told_which(self):
        asked = []

        def judge(head, _body):
            asked.append(head.all("client-cert"))
            return b"HTTP/1.1 204 No Content\r\n\r\n"

        auth = self.origin(serving(judge))
        self.publish_snapshot(
            [self.asking(forward_auth={"process": "auth", "path": "/check", "copy": []})],
            [{**self.app([endpoint("auth-1", auth.port)]), "process": "auth"},
             self.app([endpoint("web-1", self.origin_port)])])
        path = self.ours.client("alice")
        lie = "Client-Cert: :bGll:\r\n"
        self.assertEqual(self.once(path, fields=lie), (200, self.expected(path)))
        self.assertEqual(asked, [[self.expected(path)]])

    def test_a_canarys_copy_says_which(self):
        copies = []

        def canary(head, _body):
            copies.append(head.all("client-cert"))
            return ok(b"canary")

        new = {**endpoint("web-2", self.origin(serving(canary)).port), "release": 2}
        self.publish_snapshot(
            [self.asking()],
            [self.app([endpoint("web-1", self.origin_port), new], canary_release=2,
                      canary={"share": 0, "header": "", "cookie": "", "mirror": 100})])
        path = self.ours.client("alice")
        self.assertEqual(self.once(path), (200, self.expected(path)))
        until(lambda: copies, "the copy")
        self.assertEqual(copies, [[self.expected(path)]])

    def test_without_one_the_answer_says_so_and_the_connection_goes_on(self):
        self.serve(self.asking(path="/in"), self.route("shop.test"))
        client = self.tls_client("shop.test", context_of())
        status, text = self.ask(client, path="/in")
        self.assertEqual(status, 403)
        self.assertIn("none was shown", text)
        self.assertEqual(self.ask(client, path="/other"), (200, ""))

    def test_one_that_is_not_accepted_is_told_why(self):
        self.serve(self.asking())
        cases = [(self.theirs.client("eve"), "no authority"),
                 (self.ours.client("web", usage="serverAuth"), "not for clients"),
                 (self.ours.client("old", days=("-days", "0")), "has ended")]
        for path, why in cases:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                status, text = self.once(path, version)
                self.assertEqual(status, 403)
                self.assertIn(why, text)

    def test_what_its_authority_has_revoked_is_not_accepted(self):
        alice, eve = self.ours.client("alice"), self.ours.client("eve")
        spec = {"ca": self.ours.pem + self.ours.revoked(eve), "need": "required"}
        self.serve(self.route("shop.test", client_cert=spec))
        self.assertEqual(self.once(alice), (200, self.expected(alice)))
        status, text = self.once(eve)
        self.assertEqual(status, 403)
        self.assertIn("it was revoked", text)
        # Whose authority has no list is not known to be good.
        spec["ca"] += self.theirs.pem
        self.serve(self.route("shop.test", client_cert=spec))
        status, text = self.once(self.theirs.client("mallory"))
        self.assertEqual(status, 403)
        self.assertIn("no list here of what its authority has revoked", text)
        self.assertEqual(self.once(alice)[0], 200)

    def test_optional_lets_all_in_and_names_only_those_that_are_accepted(self):
        self.serve(self.asking(need="optional"))
        path = self.ours.client("alice")
        self.assertEqual(self.once(), (200, ""))
        self.assertEqual(self.once(self.theirs.client("eve")), (200, ""))
        self.assertEqual(self.once(path), (200, self.expected(path)))

    def test_one_below_an_intermediate_comes_with_it_or_not_at_all(self):
        middle = Authority(self.dir, "middle", self.ours)
        self.serve(self.asking())
        whole = middle.client("alice", chain=[middle.pem])
        self.assertEqual(self.once(whole)[0], 200)
        self.assertEqual(self.once(middle.client("bob"))[0], 403)
        self.serve(self.asking(authority=middle))
        self.assertEqual(self.once(middle.client("bob"))[0], 200)
        self.assertEqual(self.once(self.ours.client("carol"))[0], 403)

    def test_a_bad_signature_ends_the_handshake(self):
        """Of TLS 1.2, where what proves the key goes in the open: its last byte is changed."""
        self.serve(self.asking(need="optional"))
        relay = socket.create_server(("127.0.0.1", 0))
        self.streams.append(relay)

        def forward(spoil):
            near, _ = relay.accept()
            far = socket.create_connection(self.tls_address, timeout=PATIENCE)
            self.streams += [near, far]
            threading.Thread(target=pour, args=(far, near), daemon=True).start()
            source = near.makefile("rb")
            while True:
                head = source.read(5)
                if len(head) < 5:
                    return far.close()
                record = source.read(int.from_bytes(head[3:], "big"))
                if spoil and head[0] == 22 and record[0] == 15:  # CertificateVerify
                    record = record[:-1] + bytes([record[-1] ^ 1])
                far.sendall(head + record)

        def pour(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
            except OSError:
                pass

        context = context_of(self.ours.client("alice"), ssl.TLSVersion.TLSv1_2)
        for spoil in (False, True):
            threading.Thread(target=forward, args=(spoil,), daemon=True).start()
            plain = socket.create_connection(relay.getsockname(), timeout=PATIENCE)
            self.streams.append(plain)
            if spoil:
                with self.assertRaisesRegex(ssl.SSLError, "(?i)decrypt.error"):
                    context.wrap_socket(plain, server_hostname="shop.test")
            else:
                client = Stream(context.wrap_socket(plain, server_hostname="shop.test"))
                self.streams.append(client)
                self.assertEqual(self.ask(client)[0], 200)

    def test_each_path_has_its_own_authorities(self):
        self.serve(self.asking(path="/ours"), self.asking(path="/theirs", authority=self.theirs),
                   self.route("shop.test"))
        client = self.tls_client("shop.test", context_of(self.ours.client("alice")))
        self.assertEqual(self.ask(client, path="/ours")[0], 200)
        self.assertEqual(self.ask(client, path="/theirs")[0], 403)
        self.assertEqual(self.ask(client, path="/ours/again")[0], 200)
        self.assertEqual(self.ask(client, path="/"), (200, ""))

    def test_only_hosts_that_want_one_ask_for_it(self):
        self.serve(self.asking(), self.route("open.test"), self.asking("*.wide.test"))
        for host, asks in (("shop.test", True), ("open.test", False), ("a.wide.test", True)):
            told = subprocess.run(
                ["openssl", "s_client", "-connect", "%s:%d" % self.tls_address, "-servername",
                 host], input="", capture_output=True, text=True).stdout
            self.assertEqual("Acceptable client certificate CA names" in told, asks, host)
            self.assertEqual("CN = ours" in told, asks, host)

    def test_a_connection_that_was_not_asked_is_misdirected(self):
        self.serve(self.asking(), self.route("open.test"))
        path = self.ours.client("alice")
        for name in ("open.test", None):
            client = self.tls_client(name, context_of(path))
            self.assertEqual(self.ask(client)[0], 421, name)
        client = self.tls_client("open.test", context_of(path))
        self.assertEqual(self.ask(client, "open.test"), (200, ""))

    def test_a_connection_from_before_the_route_wanted_one_is_misdirected(self):
        self.serve(self.route("shop.test"))
        path = self.ours.client("alice")
        client = self.tls_client("shop.test", context_of(path))
        self.assertEqual(self.ask(client), (200, ""))
        self.serve(self.asking())
        self.assertEqual(self.ask(client)[0], 421)
        self.assertTrue(client.closed())
        self.assertEqual(self.once(path)[0], 200)

    def test_a_session_of_another_host_does_not_open_one_that_asks(self):
        self.serve(self.asking(), self.route("open.test"))
        path = self.ours.client("alice")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = context_of(path, version)
            first = self.tls_client("open.test", context)
            self.ask(first, "open.test")
            self.assertTrue(first.sock.session.has_ticket)
            again = self.tls_client("shop.test", context, first.sock.session)
            self.assertFalse(again.sock.session_reused)
            self.assertEqual(self.ask(again), (200, self.expected(path)))
            asked = self.tls_client("shop.test", context, again.sock.session)
            self.assertFalse(asked.sock.session_reused)
            self.assertEqual(self.ask(asked), (200, self.expected(path)))
            back = self.tls_client("open.test", context, first.sock.session)
            self.assertTrue(back.sock.session_reused)

    def test_plain_requests_are_led_to_tls(self):
        self.serve(self.asking(), self.asking("open.test", need="optional"))
        for host in ("shop.test", "open.test"):
            self.assertEqual(self.ask(self.client(), host)[0], 308)

    def test_over_http2_it_is_the_same(self):
        self.serve(self.asking(path="/in"), self.route("shop.test"), self.route("open.test"))
        path = self.ours.client("alice")
        for shown, status in ((path, 200), (None, 403), (self.theirs.client("eve"), 403)):
            client = self.h2(shown)
            self.assertEqual(client.get("/in", scheme="https").status, status)
            self.assertEqual(client.get("/", scheme="https").status, 200)
        client = self.h2(path)
        self.assertEqual(client.get("/in", scheme="https").body.decode(), self.expected(path))
        self.assertEqual(client.get("/", host="open.test", scheme="https").status, 421)
        client = self.h2(path, "open.test")
        self.assertEqual(client.get("/in", scheme="https").status, 421)

    def test_authorities_that_cannot_be_read_let_nobody_in(self):
        broken = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
        spec = {"ca": broken, "need": "optional"}
        self.serve(self.route("shop.test", client_cert=spec))
        self.assertIn("client_authorities_ignored", self.stderr())
        self.assertEqual(self.once(self.ours.client("alice"))[0], 403)

    def test_one_that_is_too_large_for_a_head_is_refused_and_at_the_limit_it_is_passed(self):
        self.serve(self.asking())

        def sized(extra):
            comment = "\nnsComment=" + "x" * extra
            return self.ours.client("large", more=comment)

        base = len(der_of(sized(4000))) - 4000
        fitting = sized(8192 - base - 8)
        self.assertLessEqual(len(der_of(fitting)), 8192)
        self.assertGreaterEqual(len(der_of(fitting)), 8192 - 16)
        self.assertEqual(self.once(fitting), (200, self.expected(fitting)))
        status, text = self.once(sized(8192 - base + 9))
        self.assertEqual(status, 403)
        self.assertIn("too large", text)

    def test_a_cache_keeps_nothing_of_those_that_show_one(self):
        self.serve(self.asking(need="optional", cache={"ttl": 60_000}))
        path = self.ours.client("alice")
        self.assertEqual(self.once(), (200, ""))
        self.assertEqual(self.once(path), (200, self.expected(path)))
        self.assertEqual(self.once(), (200, ""))

    def test_who_shows_one_does_so_for_every_request_of_the_connection(self):
        self.serve(self.asking())
        path = self.ours.client("alice")
        client = self.tls_client("shop.test", context_of(path))
        for _ in range(50):
            self.assertEqual(self.ask(client), (200, self.expected(path)))


if __name__ == "__main__":
    unittest.main()
