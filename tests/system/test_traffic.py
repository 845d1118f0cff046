"""Who is let in and which release answers, through the whole product."""
import base64
import collections
import json
import pathlib
import tempfile
import unittest

import apps
from cloud import Cloud, Load, wait_until


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Traffic(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(Cloud())
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())

    def deploy(self, name, version, *options):
        return self.cloud.cli("deploy", apps.web(version), "--app", name, *options)

    def answers(self, host, count=8, headers=None):
        return collections.Counter(self.cloud.get(host, headers=headers)[1] for _ in range(count))

    def app(self, name):
        return self.cloud.json("apps", "--app", name)

    def test_a_canary_is_tried_widened_and_promoted_without_a_failed_request(self):
        self.deploy("shop", "one")
        self.cloud.wait_for("shop.localhost", contains="one")
        with Load(self.cloud, "shop.localhost") as load:
            made = self.deploy("shop", "two", "--canary", "0", "--canary-header", "X-Canary: yes",
                               "--canary-cookie", "canary")
            self.assertIn("release 2 of default/shop gets its part of the requests", made.stdout)
            self.assertEqual(self.app("shop")["state"], "canary")
            web = self.app("shop")["processes"][0]
            self.assertEqual((web["ready"], web["canary_ready"]),
                             (web["wanted"], web["canary_wanted"]))
            self.assertEqual({one["release"]: one["canary"] for one in self.cloud.ps("shop")},
                             {1: False, 2: True})
            self.assertEqual(set(self.answers("shop.localhost")), {"one"})
            self.assertEqual(set(self.answers("shop.localhost", headers={"X-Canary": "yes"})),
                             {"two"})
            self.assertEqual(set(self.answers("shop.localhost", headers={"Cookie": "canary=1"})),
                             {"two"})
            refused = self.cloud.cli("restart", "--app", "shop", check=False)
            self.assertIn("`moln promote` or `moln rollback` first", refused.stderr)
            self.cloud.cli("canary", "100%", "--app", "shop")
            self.cloud.wait_for("shop.localhost", contains="two")
            self.cloud.cli("canary", "0", "--app", "shop")
            self.cloud.wait_for("shop.localhost", contains="one")
            self.cloud.cli("promote", "--app", "shop")
            self.assertEqual(set(self.answers("shop.localhost")), {"two"})
            load.wait_for(200)
        self.assertEqual(load.failures, [])
        self.assertEqual(self.app("shop")["state"], "running")
        wait_until("the old release to be gone",
                   lambda: {one["release"] for one in self.cloud.ps("shop")} == {2})

    def test_a_canary_is_rolled_back(self):
        self.deploy("back", "one")
        self.deploy("back", "two", "--canary", "100")
        self.cloud.wait_for("back.localhost", contains="two")
        self.cloud.cli("rollback", "--app", "back")
        self.assertEqual(set(self.answers("back.localhost")), {"one"})
        self.assertEqual(self.app("back")["release_served"], 1)

    def test_a_route_leads_as_its_command_returns(self):
        self.deploy("soon", "one")
        for turn in range(8):
            host = f"turn{turn}.localhost"
            added = self.cloud.cli("route", "add", host, "--app", "soon")
            self.assertIn(f"http://{host}:", added.stdout)
            self.assertEqual(self.cloud.get(host), (200, "one"))
            self.cloud.cli("route", "add", host, "--app", "soon", "--rate-limit", "1/h",
                           "--replace")
            self.assertEqual(self.cloud.get(host)[0], 200)
            self.assertEqual(self.cloud.get(host)[0], 429)
            self.cloud.cli("maintenance", "on", "--app", "soon")
            self.assertEqual(self.cloud.get("soon.localhost")[0], 503)
            self.cloud.cli("maintenance", "off", "--app", "soon")
            self.assertEqual(self.cloud.get("soon.localhost")[0], 200)
            removed = self.cloud.cli("route", "rm", host, "--app", "soon")
            self.assertNotIn(f"http://{host}:", removed.stdout)
            self.assertEqual(self.cloud.get(host)[0], 404)
        self.cloud.cli("route", "add", "own.localhost", "--app", "soon")
        again = self.cloud.cli("route", "add", "own.localhost", "--app", "soon", check=False)
        self.assertEqual(again.returncode, 4)
        self.assertIn("--replace sets it anew", again.stderr)

    def test_maintenance_goes_on_and_off(self):
        self.deploy("site", "one")
        self.cloud.wait_for("site.localhost", contains="one")
        page = pathlib.Path(self.folder, "soon.html")
        page.write_text("<h1>back soon</h1>")
        self.cloud.cli("maintenance", "on", "--app", "site", "--page", str(page),
                       "--retry-after", "10m")
        self.cloud.wait_for("site.localhost", status=503, contains="back soon")
        self.assertEqual(self.app("site")["state"], "maintenance")
        # Who works on it comes in by the cookie, and the word for it is told once.
        said = json.loads(self.cloud.cli("maintenance", "on", "--app", "site", "--pass",
                                         "--allow", "192.0.2.0/24", "--json").stdout)
        self.assertRegex(said["pass"], r"^[A-Za-z0-9_-]{24}$")
        cookie = {"Cookie": "a=b; moln-maintenance=" + said["pass"]}
        wait_until("the app, for who has the cookie",
                   lambda: self.cloud.get("site.localhost", headers=cookie) == (200, "one"))
        self.assertEqual(self.cloud.get("site.localhost")[0], 503)
        self.assertEqual(self.cloud.get(
            "site.localhost", headers={"Cookie": "moln-maintenance=" + "x" * 24})[0], 503)
        shown = self.cloud.cli("apps", "--json").stdout + self.cloud.cli("events").stdout
        self.assertNotIn(said["pass"], shown)
        allowed = self.cloud.cli("maintenance", "on", "--app", "site", "--allow", "0.0.0.0/0")
        self.assertNotIn("moln-maintenance", allowed.stdout)
        self.cloud.wait_for("site.localhost", contains="one")
        self.cloud.cli("maintenance", "off", "--app", "site")
        self.cloud.wait_for("site.localhost", contains="one")

    def test_a_route_asks_for_passwords_and_limits_rates(self):
        self.deploy("admin", "one")
        line = self.cloud.cli("password", "alice", stdin="open sesame\n").stdout
        self.assertRegex(line, r"^alice:\$y\$\S+\n$")
        users = pathlib.Path(self.folder, "users")
        users.write_text("# who may\n" + line)
        self.cloud.cli("route", "add", "admin.test", "--app", "admin", "--https", "both",
                       "--users", str(users), "--rate-limit", "30/h")
        self.cloud.wait_for("admin.test", status=401)
        self.assertEqual(self.cloud.get("admin.test", headers=basic("alice", "no"))[0], 401)
        self.assertEqual(self.cloud.get("admin.test", headers=basic("alice", "open sesame")),
                         (200, "one"))
        route = [one for one in self.cloud.items("route", "ls") if one["host"] == "admin.test"][0]
        self.assertEqual(route["users"], ["alice"])
        shown = self.cloud.cli("route", "ls", "--json").stdout + self.cloud.cli("events").stdout
        self.assertNotIn("$y$", shown)
        statuses = {self.cloud.get("admin.test", headers=basic("alice", "open sesame"))[0]
                    for _ in range(40)}
        self.assertEqual(statuses, {200, 429})

    def test_bad_wishes_are_told(self):
        self.deploy("plain", "one")
        for words, reason in (
                (("canary", "10", "--app", "plain"), "has no canary"),
                (("promote", "--app", "plain"), "has no canary"),
                (("maintenance", "off", "--app", "plain"), "is not in maintenance"),
                (("maintenance", "on", "--app", "plain", "--allow", "10.0.0.0/99"),
                 "expected a network such as"),
                (("deploy", apps.web("x"), "--app", "plain", "--canary", "200"), "0 to 100"),
                (("deploy", apps.web("x"), "--app", "fresh", "--canary", "1"),
                 "no release that serves"),
                (("route", "add", "x.test", "--app", "plain", "--rate-limit", "much"),
                 "expected a rate such as"),
                (("route", "add", "x.test", "--app", "plain", "--users", "/dev/null"),
                 "1 to 100 users, found 0")):
            said = self.cloud.cli(*words, check=False)
            self.assertNotEqual(said.returncode, 0, words)
            self.assertIn(reason, said.stderr, words)


if __name__ == "__main__":
    unittest.main()
