"""TLS through the whole product: local certificates, certificates by file, switches under them."""
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import apps
from cloud import PATIENCE_S, Cloud, wait_until


def certificate(folder, *hosts):
    """Self-signed by openssl: paths of the certificate and its key."""
    chain, key = f"{folder}/{hosts[0]}.pem", f"{folder}/{hosts[0]}.key"
    names = ",".join("DNS:" + host for host in hosts)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "60", "-subj", f"/CN={hosts[0]}",
                    "-addext", f"subjectAltName={names}", "-keyout", key, "-out", chain],
                   check=True, capture_output=True)
    return chain, key


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(Cloud())
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.cloud.cli("deploy", apps.web("one"), "--app", "shop")

    def connect(self, host, context):
        """A connection that checks the certificate's name, wherever the name leads."""
        line = socket.create_connection(("127.0.0.1", self.cloud.tls_port), PATIENCE_S)
        connection = http.client.HTTPSConnection(host, context=context)
        connection.sock = context.wrap_socket(line, server_hostname=host)
        return connection

    @staticmethod
    def ask(connection, path="/"):
        connection.request("GET", path)
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()

    def get(self, host, context, path="/"):
        connection = self.connect(host, context)
        try:
            return self.ask(connection, path)
        finally:
            connection.close()

    def served(self, host, context):
        """None: the edge has no certificate for it yet, or is not back yet."""
        try:
            return self.get(host, context)
        except OSError:
            return None

    def trusting_own_authority(self):
        return ssl.create_default_context(cadata=self.cloud.cli("trust", "--print").stdout)

    def certificates(self, *words):
        return [one for one in self.cloud.items("cert", "ls")
                if all(word in str(one) for word in words)]

    def add_route(self, host, *options):
        self.cloud.cli("route", "add", host, "--app", "shop", *options)
        self.cloud.wait_for(host, status=200, contains="")

    def test_every_app_answers_over_tls_with_a_certificate_of_the_own_authority(self):
        context = self.trusting_own_authority()
        wait_until("a certificate", lambda: self.served("shop.localhost", context))
        self.assertEqual(self.get("shop.localhost", context), (200, "one"))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.get("shop.localhost", ssl.create_default_context())
        self.assertEqual(self.cloud.get("shop.localhost"), (200, "one"))  # plain stays

    def test_a_route_gets_its_certificate_within_a_moment(self):
        self.add_route("new.test")
        context = self.trusting_own_authority()
        answer = wait_until("a handshake", lambda: self.served("new.test", context))
        self.assertEqual(answer, (200, "one"))
        self.cloud.cli("route", "rm", "new.test", "--app", "shop")

    def test_a_certificate_by_file_serves_redirects_and_is_renewed_without_a_cut(self):
        chain, key = certificate(self.folder, "shop.example.org", "www.shop.example.org")
        self.cloud.cli("route", "add", "shop.example.org", "--app", "shop", "--hsts", "1d")
        self.cloud.wait_for("shop.example.org", status=200, contains="")  # nothing to lead to yet
        told = self.cloud.cli("cert", "add", "--cert", chain, "--key", "-",
                              stdin=pathlib.Path(key).read_text())
        self.assertIn("shop.example.org", told.stdout + told.stderr)
        wait_until("the redirect", lambda: self.cloud.get("shop.example.org", "/a?b=c")[0] == 308)
        context = ssl.create_default_context(cafile=chain)
        open_one = self.connect("shop.example.org", context)
        self.assertEqual(self.ask(open_one), (200, "one"))
        newer, newer_key = certificate(self.folder, "shop.example.org", "www.shop.example.org")
        self.cloud.cli("cert", "add", "--cert", newer, "--key", newer_key)
        fresh = ssl.create_default_context(cafile=newer)
        answer = wait_until("the newer certificate",
                            lambda: self.served("shop.example.org", fresh))
        self.assertEqual(answer, (200, "one"))
        self.assertEqual(self.ask(open_one), (200, "one"))
        open_one.close()
        self.assertEqual(len(self.certificates("shop.example.org")), 1)
        listed = self.certificates("shop.example.org")[0]
        self.cloud.cli("cert", "rm", listed["id"], "--yes")
        wait_until("no redirect", lambda: self.cloud.get("shop.example.org")[0] == 200)
        self.cloud.cli("route", "rm", "shop.example.org", "--app", "shop")

    def test_what_is_no_certificate_is_refused_and_said_why(self):
        chain, key = certificate(self.folder, "a.example.org")
        _, other = certificate(self.folder, "b.example.org")
        for words, why in (((chain, other), "key"), ((key, key), "certificate"),
                           ((chain, "/no/such/file"), "/no/such/file")):
            done = self.cloud.cli("cert", "add", "--cert", words[0], "--key", words[1], check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(why, done.stderr)
        self.assertEqual(self.certificates("a.example.org"), [])

    def test_no_process_that_has_keys_in_its_memory_leaves_a_core_file(self):
        for pid in (self.cloud.daemon_pid(), self.cloud.edge_pid()):
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +1 ")

    def test_no_key_lies_or_is_told_in_the_open(self):
        chain, key = certificate(self.folder, "secret.example.org")
        self.cloud.cli("cert", "add", "--cert", chain, "--key", key)
        lines = [line for line in pathlib.Path(key).read_text().splitlines() if "-" not in line]
        seen = self.cloud.cli("cert", "ls", "--json").stdout + self.cloud.cli("events").stdout
        seen += self.cloud.tail(10_000)
        for path in pathlib.Path(self.cloud.data).rglob("*"):
            with contextlib.suppress(OSError):  # what went meanwhile, what cannot be read
                if path.is_file() and path.stat().st_size < 50_000_000:
                    seen += path.read_bytes().decode("latin-1")
        self.assertIn("secret.example.org", seen)
        for line in lines:
            self.assertNotIn(line, seen)

    def test_switches_and_a_killed_daemon_cut_nothing_over_tls(self):
        context = self.trusting_own_authority()
        wait_until("a certificate", lambda: self.served("shop.localhost", context))
        over, failures, asked = threading.Event(), [], [0]

        def load():
            connection = self.connect("shop.localhost", context)
            while not over.is_set():
                try:
                    status, _ = self.ask(connection)
                    asked[0] += 1
                    if status != 200:
                        failures.append(status)
                except (OSError, http.client.HTTPException) as error:
                    failures.append(repr(error))
                    return
                time.sleep(0.005)
            connection.close()

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for version in ("two", "one"):
            self.cloud.cli("deploy", apps.web(version), "--app", "shop", "-q")
        os.kill(self.cloud.daemon_pid(), signal.SIGKILL)
        wait_until("the daemon's return", lambda: self.cloud.cli("status", check=False).returncode
                   == 0)
        before = asked[0]
        wait_until("more requests", lambda: failures or asked[0] > before + 50)
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(asked[0], 100)

    def test_a_route_lets_in_who_shows_a_certificate(self):
        ca, client, other = (f"{self.folder}/{name}.pem" for name in ("ca", "client", "other"))
        for path in (ca, other):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                         "-nodes", "-days", "9", "-subj", "/CN=partners", "-keyout", path + ".key",
                         "-out", path)
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-subj", "/CN=alice", "-keyout", client + ".key", "-out",
                     client + ".csr")
        self.openssl("x509", "-req", "-in", client + ".csr", "-CA", ca, "-CAkey", ca + ".key",
                     "-CAcreateserial", "-days", "9", "-out", client)
        refused = self.cloud.cli("route", "add", "partners.test", "--app", "shop", "--client-ca",
                                 client + ".key", check=False)
        self.assertIn("private key", refused.stderr)
        self.cloud.cli("route", "add", "partners.test", "--app", "shop", "--client-ca", ca)
        wait_until("the route", lambda: self.cloud.get("partners.test")[0] == 308)
        wait_until("its certificate", lambda: self.certificates("partners.test"))
        roots = f"{self.folder}/roots.pem"
        pathlib.Path(roots).write_text(self.cloud.cli("trust", "--print").stdout)

        def curl(*words):
            done = subprocess.run(
                ["curl", "-s", "-w", " %{http_code}", "--cacert", roots, "--resolve",
                 f"partners.test:{self.cloud.tls_port}:127.0.0.1", *words,
                 f"https://partners.test:{self.cloud.tls_port}/"],
                capture_output=True, text=True)
            return done.stdout if done.returncode == 0 else None

        shows = ("--cert", client, "--key", client + ".key")
        for version in ("--http1.1", "--http2"):
            self.assertEqual(wait_until("an answer", lambda: curl(version, *shows)), "one 200")
            self.assertIn("none was shown\n 403", curl(version))
            self.assertIn("no authority that is trusted here\n 403",
                          curl(version, "--cert", other, "--key", other + ".key"))
        listed = [one for one in self.cloud.items("route", "ls") if one["host"] == "partners.test"]
        self.assertEqual(listed[0]["client_cert"], "required")
        self.cloud.cli("route", "rm", "partners.test", "--app", "shop")

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def test_a_session_goes_on_over_a_new_daemon_and_a_new_edge(self):
        context = self.trusting_own_authority()
        wait_until("a certificate", lambda: self.served("shop.localhost", context))
        first = self.connect("shop.localhost", context)
        self.ask(first)
        session = first.sock.session
        first.close()

        def resumed():
            with contextlib.suppress(OSError):
                line = socket.create_connection(("127.0.0.1", self.cloud.tls_port), PATIENCE_S)
                with context.wrap_socket(line, server_hostname="shop.localhost",
                                         session=session) as again:
                    return again.session_reused
            return None

        self.assertTrue(resumed())
        for pid in (self.cloud.daemon_pid, self.cloud.edge_pid):
            os.kill(pid(), signal.SIGKILL)
            answer = wait_until("a handshake", lambda: (
                lambda one: None if one is None else [one])(resumed()))
            self.assertEqual(answer, [True])
            wait_until("the daemon", lambda: self.cloud.cli("status", check=False).returncode == 0)

    def test_the_edge_killed_shows_its_certificates_again(self):
        context = self.trusting_own_authority()
        wait_until("a certificate", lambda: self.served("shop.localhost", context))
        os.kill(self.cloud.edge_pid(), signal.SIGKILL)
        answer = wait_until("the edge's return", lambda: self.served("shop.localhost", context))
        self.assertEqual(answer, (200, "one"))


class SealKey(unittest.TestCase):
    connect, ask, get, served = Tls.connect, staticmethod(Tls.ask), Tls.get, Tls.served
    certificates, trusting_own_authority = Tls.certificates, Tls.trusting_own_authority

    def test_what_was_sealed_with_a_key_that_is_gone_is_made_anew_or_named(self):
        cloud = self.cloud = self.enterContext(Cloud())
        folder = self.enterContext(tempfile.TemporaryDirectory())
        cloud.cli("deploy", apps.web("one"), "--app", "shop")
        chain, key = certificate(folder, "shop.example.org")
        cloud.cli("route", "add", "shop.example.org", "--app", "shop")
        cloud.cli("cert", "add", "--cert", chain, "--key", key)
        old, by_file = self.trusting_own_authority(), ssl.create_default_context(cafile=chain)
        wait_until("the local one", lambda: self.served("shop.localhost", old))
        wait_until("the one by file", lambda: self.served("shop.example.org", by_file))
        cloud.down()
        pathlib.Path(cloud.data, "store", "seal.key").unlink()
        cloud.up()
        # Of the own authority, which is another now, at once.
        wait_until("the local one again", lambda: self.served(
            "shop.localhost", self.trusting_own_authority()))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.get("shop.localhost", old)
        (lost,) = self.certificates("shop.example.org")
        self.assertEqual(lost["state"], "failing")
        self.assertIn("`moln cert add` it again", cloud.cli("cert", "ls").stdout)
        self.assertIn("cannot be opened any more", " ".join(cloud.json("status")["warnings"]))
        self.assertIn("certificate.key_lost", cloud.cli("events", "-n", "50").stdout)
        cloud.cli("cert", "add", "--cert", chain, "--key", key)
        wait_until("the one by file again", lambda: self.served("shop.example.org", by_file))
        wait_until("no warning", lambda: not any(
            "shop.example.org" in one for one in cloud.json("status")["warnings"]))
        (again,) = self.certificates("shop.example.org")
        self.assertEqual((again["id"], again["state"]), (lost["id"], "valid"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
