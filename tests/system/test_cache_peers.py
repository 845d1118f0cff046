"""Two clouds in two places, each on a network of its own: the edge of one fills its cache from the
other's before it asks its own app."""
import http.client
import itertools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import apps
from cloud import MOLN, ROOT, Cloud, wait_until

HOST = "shop.example"
ROUTE = f"""
[[route]]
host = "{HOST}"
cache = {{ ttl = "60s" }}
"""


def questions(cloud):
    found = re.search(r"^moln_cache_peer_questions_total (\d+)", cloud.cli("metrics").stdout, re.M)
    return int(found.group(1))


def sh(*words):
    subprocess.run(words, check=True, capture_output=True)


class Places(unittest.TestCase):
    """`near` has the machine that the app is at home on; `far` is another place."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="moln-peers-", dir="/var/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        sh("ip", "netns", "add", "near")
        self.addCleanup(sh, "ip", "netns", "delete", "near")
        sh("ip", "link", "add", "to-near", "type", "veth", "peer", "name", "to-far",
           "netns", "near")
        self.addCleanup(sh, "ip", "link", "delete", "to-near")
        sh("ip", "address", "add", "192.0.2.1/24", "dev", "to-near")
        sh("ip", "link", "set", "to-near", "up")
        sh("ip", "-n", "near", "address", "add", "192.0.2.2/24", "dev", "to-far")
        sh("ip", "-n", "near", "link", "set", "to-far", "up")
        sh("ip", "-n", "near", "link", "set", "lo", "up")
        self.host = "near.edges.internal"
        self.certificate = self.folder / "near.pem"
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-days", "9", "-subj", "/CN=near", "-addext",
           f"subjectAltName=DNS:{self.host}", "-keyout", str(self.folder / "near.key"), "-out",
           str(self.certificate))
        key = self.folder / "shared.key"
        key.write_text("ab" * 32 + "\n")
        key.chmod(0o600)

    def peers_file(self, name, more=""):
        path = self.folder / (name + ".toml")
        path.write_text(f'name = "{name}"\nkey = "shared.key"\nauthorities = "near.pem"\n{more}')
        return path

    def near(self):
        inside = self.folder / "moln-near"
        inside.write_text(f'#!/bin/sh\nexec "{ROOT}/lab/machine.sh" near "{MOLN}" "$@"\n')
        inside.chmod(0o755)
        cloud = Cloud(arguments=["--node", "near", "--cache-peers", self.peers_file("near")],
                      address="192.0.2.2")
        cloud.program = str(inside)
        return cloud

    def far(self):
        return Cloud(arguments=["--node", "far", "--cache-peers", self.peers_file("far")])

    def near_as_peer(self, near_port):
        return (f'[[peer]]\nname = "near"\nkind = "parent"\naddress = "192.0.2.2:{near_port}"\n'
                f'host = "{self.host}"\n')

    @staticmethod
    def status_of(cloud, path):
        connection = http.client.HTTPConnection(cloud.address, cloud.edge_port, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": HOST})
            answer = connection.getresponse()
            return answer.read().decode(), answer.getheader("Cache-Status")
        finally:
            connection.close()

    def test_a_place_is_filled_from_the_one_nearer_to_the_app_and_does_without_it(self):
        with self.near() as near:
            near.cli("cert", "add", "--cert", self.certificate, "--key", self.folder / "near.key")
            near.cli("deploy", apps.web("app of near", ROUTE))
            near.wait_for(HOST, contains="app of near")
            with self.far() as far:
                far.cli("deploy", apps.web("app of far", ROUTE))
                far.wait_for(HOST, "/first", contains="app of far")
                # A file that changes needs no restart; one that is no good changes nothing.
                self.peers_file("far", self.near_as_peer(near.tls_port))
                paths = (f"/before/{number}" for number in itertools.count())
                wait_until("the other to be asked",
                           lambda: "detail=parent" in self.status_of(far, next(paths))[1])
                self.peers_file("far", "[[peer]]\n")
                wait_until("what is wrong to be told",
                           lambda: "peer.address" in far.cli("events").stdout)
                asked = questions(near)
                body, status = self.status_of(far, "/a")
                self.assertEqual(body, "app of near", status)
                self.assertIn("detail=parent", status)
                body, status = self.status_of(far, "/a")
                self.assertEqual(body, "app of near")
                self.assertIn("hit", status)
                self.assertIn("hit", self.status_of(near, "/a")[1])
                self.assertEqual(questions(near), asked + 1)

                near.cli("stop", "--app", "shop")
                body, _ = self.status_of(far, "/b")
                self.assertEqual(body, "app of far", "the parent has none: this place's own")
                near.down()
                self.assertEqual(self.status_of(far, "/a")[0], "app of near")
                self.assertEqual(self.status_of(far, "/c")[0], "app of far")

                # Without the file there are no peers any more, whatever the edge has on its disk.
                far.arguments = ["--node", "far"]
                far.kill()
                far.up()
                wait_until("the edge to be told", lambda: '"name":""' in pathlib.Path(
                    far.data, "edge", "cache-peers.json").read_text())

    def test_what_is_wrong_with_the_file_is_said_at_once(self):
        def said(path):
            done = subprocess.run([MOLN, "up", "--data", str(self.folder / "data"), "--listen",
                                   "127.0.0.1:0", "--cache-peers", str(path)],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertNotEqual(done.returncode, 0)
            return done.stderr

        self.assertIn("missing.toml", said(self.folder / "missing.toml"))
        path = self.peers_file("far", '[[peer]]\nname = "near"\naddress = "192.0.2.2"\n')
        self.assertIn("far.toml:6: peer.address: expected an IPv4 address and a port", said(path))
        path = self.peers_file("far")
        os.chmod(self.folder / "shared.key", 0o644)
        self.assertIn("shared.key: others than its owner may use it; chmod 600", said(path))
        os.chmod(self.folder / "shared.key", 0o600)
        (self.folder / "shared.key").write_text("short\n")
        self.assertIn("openssl rand -hex 32", said(path))


if __name__ == "__main__":
    unittest.main()
