"""Session tickets that all edges share: what one gives out opens at another, and not for ever."""

import ssl
import subprocess
import unittest

from harness import PROGRAM, EdgeCase, endpoint, ok, serving
from client_cert_test import context_of

HOUR = 3_600_000


class Second(EdgeCase):
    """Another edge of the same cluster, which the test that owns it starts and stops."""

    def runTest(self):
        pass


class Tickets(EdgeCase):
    def setUp(self):
        super().setUp()
        self.certify(["shop.test"])
        self.other = Second()
        self.other.setUp()
        self.addCleanup(self.other.doCleanups)
        self.addCleanup(self.other.tearDown)
        with open(self.dir + "/seal.key", "rb") as mine, \
                open(self.other.dir + "/seal.key", "wb") as its:
            its.write(mine.read())
        self.other.process.kill()  # it opens with the key that it found when it started
        self.other.process.wait()
        self.other.daemon.close()
        self.other.start()
        self.other.certificates = self.certificates
        self.endpoints = [endpoint("web-1", self.origin(serving(lambda *_: ok())).port)]

    def ticket_key(self, name, age_ms=0):
        sealed = subprocess.run([PROGRAM, "seal-ticket-key", self.dir + "/seal.key", name,
                                 str(age_ms)], check=True, capture_output=True, text=True).stdout
        return {"id": name, "sealed_key": sealed}

    def serve(self, *keys, at=None):
        for edge in at or (self, self.other):
            edge.publish_snapshot([self.route()], [self.app(self.endpoints)],
                                  ticket_keys=list(keys))

    def session(self, edge, version, context=None):
        context = context or context_of(version=version)
        client = edge.tls_client("shop.test", context)
        client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        client.body(client.head())
        return context, client.sock.session

    def opens(self, edge, context, session):
        return edge.tls_client("shop.test", context, session).sock.session_reused

    def versions(self):
        return (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

    def test_a_ticket_of_one_edge_opens_at_the_other(self):
        self.serve(self.ticket_key("a"))
        for version in self.versions():
            for one, another in ((self, self.other), (self.other, self)):
                context, session = self.session(one, version)
                self.assertTrue(self.opens(another, context, session))

    def test_without_shared_keys_each_has_its_own(self):
        self.serve()
        for version in self.versions():
            context, session = self.session(self, version)
            self.assertTrue(self.opens(self, context, session))
            self.assertFalse(self.opens(self.other, context, session))

    def test_a_key_that_has_ended_seals_and_opens_nothing(self):
        """What it was until then is looked at in io/tls: no test waits a day."""
        self.serve(self.ticket_key("a", 24 * HOUR))
        for version in self.versions():
            context, session = self.session(self, version)
            self.assertTrue(self.opens(self, context, session))  # by a key of its own
            self.assertFalse(self.opens(self.other, context, session))

    def test_one_that_is_too_old_to_seal_with_is_replaced_by_the_edges_own(self):
        self.serve(self.ticket_key("a", 11 * HOUR))
        context, session = self.session(self, ssl.TLSVersion.TLSv1_3)
        self.assertFalse(self.opens(self.other, context, session))

    def test_the_second_of_the_keys_only_opens(self):
        first, second = self.ticket_key("a"), self.ticket_key("b")
        for version in self.versions():
            self.serve(first, second, at=[self])
            self.serve(second, first, at=[self.other])
            context, session = self.session(self, version)
            self.assertTrue(self.opens(self.other, context, session))
            self.serve(second, at=[self.other])
            context, session = self.session(self, version)
            self.assertTrue(self.opens(self.other, context, session))  # it still knows it

    def test_an_edge_that_restarts_opens_them_again_and_seals_with_the_same(self):
        self.serve(self.ticket_key("a"))
        for version in self.versions():
            context, session = self.session(self, version)
            self.daemon.close()
            self.process.kill()
            self.process.wait()
            self.start()
            self.assertTrue(self.opens(self, context, session))
            context, session = self.session(self, version)
            self.assertTrue(self.opens(self.other, context, session))

    def test_one_that_cannot_be_opened_is_left_out(self):
        broken = {**self.ticket_key("a"), "id": "b"}  # sealed as another's
        self.serve(broken, self.ticket_key("c"))
        self.assertIn("ticket_key_ignored id=b", self.stderr())
        context, session = self.session(self, ssl.TLSVersion.TLSv1_3)
        self.assertTrue(self.opens(self.other, context, session))


if __name__ == "__main__":
    unittest.main()
