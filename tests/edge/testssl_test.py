"""testssl.sh's verdict on the edge's TLS. Its summary is kept in docs/TLS.md."""

import json
import os
import shutil
import subprocess
import unittest

from harness import SANITIZED, EdgeCase

# Of the certificate that the test made itself, and of what this server does not have by choice.
KNOWN = {
    "cert_crlDistributionPoints", "cert_ocspURL", "cert_revocation", "OCSP_stapling",
    "cert_chain_of_trust", "cert_trust", "DNS_CAArecord", "cert_notAfter", "cert_expirationStatus",
    "cipher_order",  # ours, but for clients that want ChaCha20 first, which looks like none
}
GOOD = {"OK", "INFO", "LOW", "WARN"}


@unittest.skipIf(SANITIZED, "thousands of handshakes take their time; edge_tls has each kind")
class Testssl(EdgeCase):
    def test_nothing_is_found_wanting(self):
        program = shutil.which("testssl") or shutil.which("testssl.sh")
        self.assertIsNotNone(program, "testssl.sh is not installed")
        made = self.certify(["shop.test"])
        self.publish_snapshot([], [])
        report = self.dir + "/testssl.json"
        done = subprocess.run(
            [program, "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1",
             "--nodns", "none", "--add-ca", made.path, "--jsonfile", report, "-p", "-s", "-f", "-P",
             "-S", "-U", "shop.test:%d" % self.tls_address[1]],
            capture_output=True, text=True, timeout=250, check=False,
            env={**os.environ, "TERM": "dumb", "TMPDIR": self.dir})
        self.assertTrue(os.path.exists(report), done.stdout + done.stderr)
        with open(report) as file:
            findings = {one["id"]: one for one in json.load(file)}
        self.assertEqual(findings["TLS1_3"]["severity"], "OK")
        self.assertEqual(findings["heartbleed"]["severity"], "OK")
        self.assertGreater(len(findings), 60)
        bad = {name: one["finding"] for name, one in findings.items()
               if one["severity"] not in GOOD and name.split(" ")[0] not in KNOWN}
        self.assertEqual(bad, {})


if __name__ == "__main__":
    unittest.main()
