"""OCSP stapling: a client that asks gets what the authority said, as long as it is valid."""

import base64
import datetime
import os
import re
import subprocess
import unittest

from client_cert_test import Authority, run
from harness import PROGRAM, EdgeCase, endpoint, ok, serving


class Staple(EdgeCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.dir, "ca")
        self.path = self.dir + "/site.pem"
        self.authority.sign("shop.test", self.path, "subjectAltName=DNS:shop.test")
        self.endpoints = [endpoint("web-1", self.origin(serving(lambda *_: ok())).port)]

    def answer(self, *validity):
        """What a responder of the authority says of the certificate, DER."""
        serial = run("openssl", "x509", "-in", self.path, "-noout", "-serial").strip()[7:]
        index, out = self.dir + "/index.txt", self.dir + "/answer.der"
        with open(index, "w") as file:
            file.write("V\t301231235959Z\t\t%s\tunknown\t/CN=shop.test\n" % serial)
        run("openssl", "ocsp", "-issuer", self.authority.path, "-cert", self.path, "-reqout",
            self.dir + "/question.der", "-no_nonce")
        run("openssl", "ocsp", "-index", index, "-CA", self.authority.path, "-rsigner",
            self.authority.path, "-rkey", self.authority.path + ".key", "-reqin",
            self.dir + "/question.der", "-respout", out, *validity)
        with open(out, "rb") as file:
            return file.read()

    def ended(self):
        """One whose time is over. The edge leaves the signature to the daemon and to clients."""
        answer = self.answer("-ndays", "1")
        until = list(re.finditer(rb"\d{14}Z", answer))[-1].start()
        return answer[:until] + b"2020" + answer[until + 4:]

    def serve(self, staple):
        with open(self.path) as chain, open(self.path + ".key") as key:
            sealed = subprocess.run([PROGRAM, "seal", self.dir + "/seal.key", "cert-1"],
                                    input=key.read(), check=True, capture_output=True,
                                    text=True).stdout
            self.certificates = [{"id": "cert-1", "hosts": ["shop.test"],
                                  "chain": chain.read() + self.authority.pem,
                                  "sealed_key": sealed,
                                  "staple": base64.b64encode(staple).decode()}]
        self.publish_snapshot([self.route()], [self.app(self.endpoints)])

    def shown(self, *more):
        return subprocess.run(
            ["openssl", "s_client", "-connect", "%s:%d" % self.tls_address, "-servername",
             "shop.test", "-CAfile", self.authority.path, "-status", *more],
            input="", capture_output=True, text=True).stdout

    def test_who_asks_gets_it_in_both_versions(self):
        self.serve(self.answer("-ndays", "1"))
        for version in ("-tls1_2", "-tls1_3"):
            told = self.shown(version)
            self.assertIn("OCSP Response Status: successful", told)
            self.assertIn("Cert Status: good", told)

    def test_who_does_not_ask_is_served_as_ever(self):
        self.serve(self.answer("-ndays", "1"))
        client = self.tls_client("shop.test")
        client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        self.assertEqual(client.head().status, 200)

    def test_none_one_that_has_ended_and_what_is_none_are_not_shown(self):
        ended = self.ended()
        for staple in (b"", ended, os.urandom(300), self.answer("-ndays", "1")[:-20]):
            self.serve(staple)
            self.assertIn("OCSP response: no response sent", self.shown())

    def test_a_newer_one_is_shown_to_the_next(self):
        self.serve(self.ended())
        self.assertIn("no response sent", self.shown())
        self.serve(self.answer("-ndays", "2"))
        told = self.shown()
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        self.assertIn("Cert Status: good", told)
        until = next(line for line in told.splitlines() if "Next Update" in line)
        when = datetime.datetime.strptime(until.split(": ", 1)[1], "%b %d %H:%M:%S %Y GMT")
        self.assertGreater(when.replace(tzinfo=datetime.timezone.utc), later)


if __name__ == "__main__":
    unittest.main()
