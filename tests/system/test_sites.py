"""Folders of files, served by the edge itself, through the whole product."""
import http.client
import pathlib
import shutil
import tempfile
import unittest

import apps
from cloud import EXAMPLES, Cloud, Load, wait_until


class Sites(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(Cloud())
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())

    def site(self, name, files):
        folder = pathlib.Path(self.folder, name)
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return folder

    def ask(self, host, path="/", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.edge_port, timeout=60)
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def test_the_example_is_served_without_an_instance(self):
        planned = self.cloud.cli("deploy", EXAMPLES / "hello-static", "--dry-run").stdout
        self.assertIn("served by the edge", planned)
        told = self.cloud.cli("deploy", EXAMPLES / "hello-static").stdout
        self.assertIn(f"http://hello-static.localhost:{self.cloud.edge_port}/", told)
        response, body = self.ask("hello-static.localhost")
        self.assertEqual(response.status, 200)
        self.assertIn(b"<h1>Hello</h1>", body)
        self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        again, _ = self.ask("hello-static.localhost",
                            headers={"If-None-Match": response.headers["etag"]})
        self.assertEqual(again.status, 304)
        coded, _ = self.ask("hello-static.localhost", headers={"Accept-Encoding": "gzip, br"})
        self.assertEqual(coded.headers["content-encoding"], "br")
        self.assertEqual(self.ask("hello-static.localhost", "/style.css")[0].status, 200)
        self.assertEqual(self.ask("hello-static.localhost", "/style")[0].status, 404)
        self.assertEqual(self.cloud.ps("hello-static"), [])
        app = self.cloud.json("apps", "--app", "hello-static")
        self.assertEqual((app["state"], app["site"], app["processes"]), ("running", True, []))
        self.assertIn("served by the edge", self.cloud.cli("apps", "--app", "hello-static").stdout)
        self.cloud.cli("rm", "--app", "hello-static", "--yes")

    def test_releases_follow_one_another_and_no_request_fails(self):
        def files(n):
            return {"index.html": f"release {n}\n" * 500, "app.3f9a1c2b.js": "x"}

        self.cloud.cli("deploy", self.site("many", files(1)))
        with Load(self.cloud, "many.localhost",
                  expect=lambda status, body: status == 200 and
                  len(set(body.splitlines())) == 1) as load:
            for n in range(2, 6):
                self.cloud.cli("deploy", self.site("many", files(n)))
                self.assertIn(f"release {n}", self.cloud.get("many.localhost")[1])
            self.cloud.cli("rollback", "2", "--app", "many")
            self.assertIn("release 2", self.cloud.get("many.localhost")[1])
            load.wait_for(200)
        self.assertEqual(load.failures, [])

    def test_an_app_becomes_a_site_and_a_program_again(self):
        self.cloud.cli("deploy", apps.web("program"), "--app", "both")
        self.cloud.cli("route", "add", "both.example", "--app", "both")
        self.cloud.wait_for("both.example", contains="program")
        with Load(self.cloud, "both.example") as load:
            self.cloud.cli("deploy", self.site("both", {"index.html": "files"}), "--app", "both")
            self.assertEqual(self.cloud.get("both.example")[1], "files")
            led = {one["process"] for one in self.cloud.items("route", "ls", "--app", "both")}
            self.assertEqual(led, {"site"})
            wait_until("the program to end", lambda: self.cloud.ps("both") == [])
            self.cloud.cli("deploy", apps.web("program"), "--app", "both")
            self.cloud.wait_for("both.example", contains="program")
            load.wait_for(100)
        self.assertEqual(load.failures, [])

    def test_a_removed_site_comes_back(self):
        self.cloud.cli("deploy", self.site("gone", {"index.html": "here", "404.html": "not here"}))
        self.assertEqual(self.ask("gone.localhost", "/x")[1], b"not here")
        self.cloud.cli("rm", "--app", "gone", "--yes")
        self.cloud.wait_for("gone.localhost", status=404)
        item = next(one for one in self.cloud.items("trash", "ls")
                    if one["kind"] == "app" and one["app"].endswith("/gone"))
        self.cloud.cli("recover", item["id"])
        self.cloud.wait_for("gone.localhost", contains="here")
        self.cloud.cli("stop", "--app", "gone")
        self.cloud.wait_for("gone.localhost", status=503)
        self.cloud.cli("start", "--app", "gone")
        self.cloud.wait_for("gone.localhost", contains="here")

    def test_a_canary_is_refused(self):
        folder = self.site("bird", {"index.html": "one"})
        self.cloud.cli("deploy", folder)
        refused = self.cloud.cli("deploy", folder, "--canary", "10", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("cannot have a canary", refused.stderr)

    def test_a_site_outlives_the_daemon_and_the_edge(self):
        self.cloud.cli("deploy", self.site("lasting", {"index.html": "still here"}))
        self.cloud.kill()
        self.assertEqual(self.cloud.get("lasting.localhost")[1], "still here")
        self.cloud.up()
        self.assertEqual(self.cloud.get("lasting.localhost")[1], "still here")


if __name__ == "__main__":
    unittest.main()
