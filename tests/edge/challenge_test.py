"""A certificate authority looks whether we speak for a host (ACME): http-01 and tls-alpn-01."""

import ssl
import unittest

from harness import Certificate, EdgeCase, endpoint, ok, serving

PATH = "/.well-known/acme-challenge/"


def echo(head, body):
    return ok("the app: " + head.first)


def looking(*protocols):
    """A client's context that takes any certificate and offers these protocols."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    return context


class Challenge(EdgeCase):
    def setUp(self):
        super().setUp()
        self.endpoints = [endpoint("web-1", self.origin(serving(echo)).port)]

    def serve(self, **route):
        self.publish_snapshot([self.route(**route)], [self.app(self.endpoints)])

    def over_http(self, host="shop.test", token="to-ken"):
        self.challenges = [{"host": host, "kind": "http_01", "token": token,
                            "authorization": token + ".thumb"}]

    def over_tls(self, host="shop.test"):
        made = Certificate(self.dir, 900, [host])
        sealed = made.sealed(self.dir + "/seal.key")
        self.challenges = [{"host": host, "kind": "tls_alpn_01", "id": sealed["id"],
                            "chain": sealed["chain"], "sealed_key": sealed["sealed_key"]}]
        return made

    def ask(self, client, path, host="shop.test", method="GET"):
        client.send("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (method, path, host))
        head = client.head()
        return head.status, b"" if method == "HEAD" else client.body(head).strip()

    def test_the_exact_token_of_the_host_is_answered_and_all_else_goes_to_the_app(self):
        self.over_http()
        self.serve()
        client = self.client()
        for host in ("shop.test", "SHOP.test:80", "shop.test."):
            self.assertEqual(self.ask(client, PATH + "to-ken", host), (200, b"to-ken.thumb"), host)
        self.assertEqual(self.ask(client, PATH + "to-ken", method="HEAD")[0], 200)
        for path in ("other", "to-kenx", "to-ken/", "", "TO-KEN"):
            answer = b"the app: GET %s%s HTTP/1.1" % (PATH.encode(), path.encode())
            self.assertEqual(self.ask(client, PATH + path), (200, answer))
        answer = b"the app: GET %sto-ken HTTP/1.1" % PATH.encode()
        self.assertEqual(self.ask(client, PATH + "to-ken", "blog.test"), (200, answer))
        answer = b"the app: POST %sto-ken HTTP/1.1" % PATH.encode()
        self.assertEqual(self.ask(client, PATH + "to-ken", method="POST"), (200, answer))

    def test_it_is_answered_before_redirects_and_without_a_route(self):
        self.over_http()
        self.certify(["shop.test"])
        self.serve(host="shop.test", redirect=True)
        self.assertEqual(self.ask(self.client(), "/")[0], 308)
        self.assertEqual(self.ask(self.client(), PATH + "to-ken"), (200, b"to-ken.thumb"))
        self.assertEqual(self.ask(self.client(), PATH + "other")[0], 308)
        self.publish_snapshot([], [])
        self.assertEqual(self.ask(self.client(), PATH + "to-ken"), (200, b"to-ken.thumb"))
        self.assertEqual(self.ask(self.client(), PATH + "other")[0], 404)

    def test_when_it_is_over_the_app_is_asked_again(self):
        self.over_http()
        self.serve()
        self.challenges = []
        self.serve()
        self.assertIn(b"the app", self.ask(self.client(), PATH + "to-ken")[1])

    def test_only_who_offers_acme_alone_is_shown_the_challenge_and_then_the_connection_ends(self):
        made = self.over_tls()
        usual = self.certify(["shop.test"])
        self.serve()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = looking("acme-tls/1")
            context.minimum_version = context.maximum_version = version
            client = self.tls_client("Shop.test", context)
            self.assertEqual(client.sock.selected_alpn_protocol(), "acme-tls/1")
            self.assertEqual(client.sock.getpeercert(True), ssl.PEM_cert_to_DER_cert(made.chain))
            self.assertTrue(client.closed())
        for protocols in (["http/1.1"], ["acme-tls/1", "http/1.1"], ["http/1.1", "acme-tls/1"]):
            client = self.tls_client("shop.test", looking(*protocols))
            self.assertEqual(client.sock.selected_alpn_protocol(), "http/1.1")
            self.assertEqual(client.sock.getpeercert(True), ssl.PEM_cert_to_DER_cert(usual.chain))
            self.assertEqual(self.ask(client, "/")[0], 200)

    def test_the_challenge_needs_no_other_certificate(self):
        self.over_tls()
        self.serve()
        client = self.tls_client("shop.test", looking("acme-tls/1"))
        self.assertEqual(client.sock.selected_alpn_protocol(), "acme-tls/1")
        with self.assertRaises(ssl.SSLError):
            self.tls_client("shop.test")

    def test_acme_is_refused_for_a_host_that_does_not_wait_for_it(self):
        self.over_tls()
        self.certify(["*.test", "blog.test"])
        self.serve()
        for name in ("blog.test", "other.test", None):
            with self.assertRaises(ssl.SSLError):
                self.tls_client(name, looking("acme-tls/1"))
        self.challenges = []
        self.serve()
        with self.assertRaises(ssl.SSLError):
            self.tls_client("shop.test", looking("acme-tls/1"))

    def test_a_challenge_outlives_a_kill_as_the_snapshot_does(self):
        self.over_http()
        self.serve()
        self.process.kill()
        self.process.wait()
        self.daemon.close()
        self.start()
        self.assertEqual(self.ask(self.client(), PATH + "to-ken"), (200, b"to-ken.thumb"))


if __name__ == "__main__":
    unittest.main()
