"""Certificates from a public authority by themselves: the whole product and Debian's pebble."""
import contextlib
import http.client
import json
import pathlib
import socket
import ssl
import unittest

import apps
from authority import Authority
from cloud import PATIENCE_S, Cloud, wait_until


class AcmeCase(unittest.TestCase):
    def deploy(self, cloud, *hosts):
        cloud.cli("deploy", apps.web("one"), "--app", "shop")
        for host in hosts:
            cloud.cli("route", "add", host, "--app", "shop")

    def connect(self, cloud, host, context):
        line = socket.create_connection(("127.0.0.1", cloud.tls_port), PATIENCE_S)
        connection = http.client.HTTPSConnection(host, context=context)
        connection.sock = context.wrap_socket(line, server_hostname=host)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def ask(connection, path="/"):
        connection.request("GET", path)
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()

    def served(self, cloud, host, context):
        """What the host answers over TLS with a certificate of this authority; None: none yet."""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            return self.ask(self.connect(cloud, host, context))
        return None

    def wait_served(self, cloud, host, context):
        answer = wait_until(f"{host} over TLS", lambda: self.served(cloud, host, context))
        self.assertEqual(answer, (200, "one"))

    def of_host(self, cloud, host):
        found = [one for one in cloud.items("cert", "ls") if one["hosts"] == [host]]
        return found[0] if found else None

    def events(self, cloud, name):
        lines = cloud.cli("events", "-n", "200", "--json").stdout.splitlines()
        return [one for one in map(json.loads, lines) if one["name"] == name]


class Acme(AcmeCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(Cloud())
        cls.authority = cls.enterClassContext(
            Authority(cls.cloud.edge_port, cls.cloud.tls_port))

    def test_once_agreed_to_every_public_host_gets_its_certificate_by_itself(self):
        cloud, authority = self.cloud, self.authority
        cloud.cli("deploy", apps.web("one"), "--app", "shop")
        told = cloud.cli("route", "add", "shop.example.org", "--app", "shop")
        self.assertIn("moln cert acme --agree-tos", told.stdout)
        cloud.wait_for("shop.example.org", status=200, contains="one")
        wait_until("the list to say so", lambda: self.of_host(cloud, "shop.example.org"))
        self.assertEqual(self.of_host(cloud, "shop.example.org")["state"], "missing")
        self.assertIn("shop.example.org: no certificate", cloud.cli("cert", "ls").stdout)

        refused = cloud.cli("cert", "acme", "--directory", authority.directory, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("--agree-tos", refused.stderr)
        told = cloud.cli("cert", "acme", *authority.options(), "--email", "ops@example.org")
        self.assertIn("knows this cloud", told.stderr)
        self.wait_served(cloud, "shop.example.org", authority.trusting())
        listed = self.of_host(cloud, "shop.example.org")
        self.assertEqual((listed["source"], listed["state"]), ("acme", "valid"))
        self.assertTrue(listed["issuer"].startswith("Pebble"))
        wait_until("the redirect", lambda: cloud.get("shop.example.org")[0] == 308)

        told = cloud.cli("route", "add", "blog.example.org", "--app", "shop", "--https", "both")
        self.assertNotIn("certificate", told.stdout)
        self.wait_served(cloud, "blog.example.org", authority.trusting())
        # What nobody waits for below the authority's path is the app's.
        path = "/.well-known/acme-challenge/of-the-app"
        self.assertEqual(cloud.get("blog.example.org", path), (200, "one"))
        self.assertIn("it knows this cloud", cloud.cli("cert", "acme").stdout)

        self.keys_lie_nowhere_open(cloud)
        self.an_account_that_is_forgotten_is_made_anew(cloud, authority)
        self.a_changed_address_is_taken(cloud, authority)
        cloud.cli("cert", "acme", "--off")
        told = cloud.cli("route", "add", "late.example.org", "--app", "shop")
        self.assertIn("moln cert acme", told.stdout)

    def keys_lie_nowhere_open(self, cloud):
        self.assertEqual(list(pathlib.Path(cloud.data, "run", "acme").glob("*")), [])
        read = 0
        for room in ("store", "edge", "logs"):
            for path in pathlib.Path(cloud.data, room).rglob("*"):
                if path.is_file():
                    self.assertNotIn(b"PRIVATE KEY-----", path.read_bytes(), path)
                    read += 1
        self.assertGreater(read, 2)

    def an_account_that_is_forgotten_is_made_anew(self, cloud, authority):
        authority.restart()
        cloud.cli("route", "add", "again.example.org", "--app", "shop")
        wait_until("the refusal", lambda: "accountDoesNotExist" in
                   (self.of_host(cloud, "again.example.org") or {}).get("trouble", ""))
        wait_until("a new account", lambda: cloud.json("cert", "acme")["registered"])

    def a_changed_address_is_taken(self, cloud, authority):
        cloud.cli("cert", "acme", "--email", "new@example.org")
        self.assertEqual(cloud.json("cert", "acme")["email"], "new@example.org")


class Failures(AcmeCase):
    @staticmethod
    def looks(authority):
        """At hosts: in all, and over HTTP."""
        return tuple(authority.log().count(word)
                     for word in ("POST /chalZ/", "Attempting to validate w/ HTTP"))

    def test_what_the_authority_refuses_is_shown_with_its_reason_and_tried_later(self):
        with Cloud() as cloud, Authority(cloud.edge_port, cloud.tls_port) as authority:
            authority.lead("gone.example.org", "127.0.0.9")
            self.deploy(cloud, "gone.example.org")
            cloud.cli("cert", "acme", *authority.options())

            def failed():
                one = self.of_host(cloud, "gone.example.org")
                return one if one and one["state"] == "failing" else None

            failing = wait_until("the failure", failed)
            self.assertIn("connection", failing["trouble"])
            self.assertGreater(failing["retry_in"], 0)
            shown = cloud.cli("cert", "show", "gone.example.org").stdout
            self.assertIn("tried again in", shown)
            self.assertIn("gone.example.org", " ".join(cloud.json("status")["warnings"]))
            self.assertTrue(self.events(cloud, "certificate.failed"))
            self.assertEqual(cloud.get("gone.example.org"), (200, "one"))
            again = cloud.cli("cert", "retry", "gone.example.org", check=False)
            self.assertIn("only a few attempts in an hour: try again in", again.stderr)
            looks, http_looks = self.looks(authority)
            # A daemon that dies and comes back does not ask sooner for it.
            cloud.kill()
            cloud.up()
            self.assertEqual(wait_until("the failure", failed)["trouble"], failing["trouble"])
            self.assertEqual(self.looks(authority), (looks, http_looks))
            # By the other challenge, once the name leads here.
            authority.lead("gone.example.org", "127.0.0.1")
            wait_until("the certificate", lambda: self.served(
                cloud, "gone.example.org", authority.trusting()), 3 * PATIENCE_S)
            more_looks, more_http_looks = self.looks(authority)
            self.assertGreater(more_looks, looks)
            self.assertEqual(more_http_looks, http_looks)

    def test_an_authority_that_is_not_there_is_said_at_once(self):
        with Cloud() as cloud:
            told = cloud.cli("cert", "acme", "--agree-tos", "--directory",
                             "https://127.0.0.1:1/dir", check=False)
            self.assertNotEqual(told.returncode, 0)
            self.assertIn("connect", told.stderr.lower())
            self.assertIn("tried again in", cloud.cli("cert", "acme").stdout)


class OverTls(AcmeCase):
    def test_the_authority_looks_in_a_handshake_where_only_port_443_is_public(self):
        cloud = Cloud()
        cloud.tls_port = 443
        with cloud, Authority(1, cloud.tls_port) as authority:  # nobody answers on its port 80
            self.deploy(cloud, "shop.example.org")
            cloud.cli("cert", "acme", *authority.options())
            self.wait_served(cloud, "shop.example.org", authority.trusting())
            self.assertEqual(self.events(cloud, "certificate.failed"), [])


class Renewal(AcmeCase):
    def test_one_of_a_short_life_is_renewed_again_and_again_without_a_cut(self):
        with Cloud() as cloud, Authority(cloud.edge_port, cloud.tls_port, life_s=60) as authority:
            self.deploy(cloud, "shop.example.org")
            cloud.cli("cert", "acme", *authority.options())
            context = authority.trusting()
            self.wait_served(cloud, "shop.example.org", context)
            first = self.of_host(cloud, "shop.example.org")
            open_one = self.connect(cloud, "shop.example.org", context)

            def renewed():
                # At every moment it is served with one that is valid, and who is there stays.
                connection = self.connect(cloud, "shop.example.org", context)
                self.assertEqual(self.ask(connection), (200, "one"))
                connection.close()
                self.assertEqual(self.ask(open_one), (200, "one"))
                now = self.of_host(cloud, "shop.example.org")
                return now if now["fingerprint"] != first["fingerprint"] else None

            second = wait_until("the renewal", renewed, 2 * PATIENCE_S)
            self.assertEqual(second["id"], first["id"])
            self.assertGreater(second["not_after"], first["not_after"])
            self.assertTrue(self.events(cloud, "certificate.renewed"))


if __name__ == "__main__":
    unittest.main()
