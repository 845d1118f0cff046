"""Public authorities that fail in every way, by what stands between them and the whole product."""
import contextlib
import glob
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

import apps
from authority import Authority
from between import Between, problem
from cloud import PATIENCE_S, Cloud, wait_until
from test_acme import AcmeCase


def processes(name):
    """Ids of those that run; of this test's namespaces alone."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            if pathlib.Path(path, "comm").read_text().strip() == name:
                found.append(int(path.rsplit("/", 1)[1]))
    return found


class Held:
    """The first Question that `wanted` is true of waits until it is let go."""

    def __init__(self, wanted):
        self.wanted, self.waits, self.go = wanted, threading.Event(), threading.Event()

    def __call__(self, question):
        if not self.waits.is_set() and self.wanted(question):
            self.waits.set()
            self.go.wait(2 * PATIENCE_S)


class Troubles(AcmeCase):
    def setUp(self):
        self.cloud = self.enterContext(Cloud())
        self.authority = self.enterContext(Authority(self.cloud.edge_port, self.cloud.tls_port))
        self.between = self.enterContext(Between(self.authority))
        self.cloud.cli("deploy", apps.web("one"), "--app", "shop")

    def agree(self):
        self.cloud.cli("cert", "acme", *self.between.options())

    def route(self, *hosts):
        for host in hosts:
            self.cloud.cli("route", "add", host, "--app", "shop")

    def wait_for_trouble(self, host, words):
        def found():
            one = self.of_host(self.cloud, host)
            return one if one and words in one.get("trouble", "") else None

        return wait_until(f"{host}: {words}", found)

    def wait_given(self, host):
        self.wait_served(self.cloud, host, self.authority.trusting())

    def hold(self, wanted):
        held = self.between.lies = Held(wanted)
        self.addCleanup(held.go.set)
        return held

    # ---- the account ----------------------------------------------------------------------------

    def test_an_account_that_is_closed_at_the_authority_is_said_and_has_a_way_out(self):
        self.agree()
        held = self.hold(lambda question: question.is_order())
        self.route("first.example.org")
        wait_until("the order", held.waits.is_set)
        (key,) = glob.glob(f"{self.cloud.data}/run/acme/*/private/key.pem")
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(os.path.dirname(key))).st_mode & 0o777, 0o700)
        self.close_account(key)
        held.go.set()
        self.route("second.example.org")
        self.wait_for_trouble("second.example.org", "the authority has closed the account")
        told = wait_until("the refusal of the account", lambda: (
            lambda view: view if not view["registered"] and view["trouble"] else None)(
                self.cloud.json("cert", "acme")))
        self.assertIn("moln cert acme --agree-tos", told["trouble"])
        self.assertIn("moln cert acme --agree-tos", " ".join(self.cloud.json("status")["warnings"]))
        self.agree()
        self.route("third.example.org")
        self.wait_given("third.example.org")

    def close_account(self, key):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/private")
            shutil.copy(key, folder + "/private/key.pem")
            trusting = f"mount --bind {self.authority.ca_file} /etc/ssl/certs/ca-certificates.crt"
            subprocess.run(["unshare", "-m", "sh", "-c", f"{trusting} && exec uacme -n -c {folder} "
                            f"-a {self.authority.directory} deactivate"],
                           check=True, capture_output=True, stdin=subprocess.DEVNULL)

    # ---- answers --------------------------------------------------------------------------------

    def test_a_nonce_that_is_refused_is_no_failure(self):
        self.agree()
        refused = []

        def lie(question):
            if question.is_order() and not refused:
                refused.append(question)
                return problem(400, "badNonce", "that was used already")
            return None

        self.between.lies = lie
        self.route("shop.example.org")
        self.wait_given("shop.example.org")
        self.assertTrue(refused)
        self.assertEqual(self.events(self.cloud, "certificate.failed"), [])

    def test_a_limited_rate_is_kept_to_as_long_as_the_authority_says(self):
        self.agree()
        self.between.lies = lambda question: problem(
            429, "rateLimited", 'too many certificates (50) already issued for "example.org" in '
            "the last 168h0m0s, retry after 2099-12-05 12:00:00 UTC: see https://ca/rates",
            **{"Retry-After": "3600"}) if question.is_order() else None
        self.route("a.example.org")
        one = self.wait_for_trouble("a.example.org", "rateLimited: too many")
        self.assertGreater(one["retry_in"], 6 * 86400_000)
        self.assertIn("tried again in", self.cloud.cli("cert", "show", "a.example.org").stdout)
        self.route("b.example.net")
        self.wait_for_trouble("b.example.net", "rateLimited: too many")
        self.assertEqual(self.between.orders("b.example.net"), [])
        for host in ("a.example.org", "b.example.net"):
            again = self.cloud.cli("cert", "retry", host, check=False)
            self.assertNotEqual(again.returncode, 0)
            self.assertIn("wants to be left alone", again.stderr)
        self.assertEqual(len(self.between.orders()), 1)

    def test_one_that_is_away_is_told_once_and_asked_again_when_a_person_says_so(self):
        self.agree()
        for words, lie in (
                ("failed to fetch", lambda _: (503, {"Content-Type": "text/html"}, "<h1>no</h1>")),
                ("serverInternal", lambda question: problem(500, "serverInternal", "oops")
                 if question.is_order() else None)):
            self.between.lies = lie
            hosts = [f"{name}-{words.split()[0].lower()}.example.org" for name in "abc"]
            self.route(*hosts)
            wait_until("the reason", lambda: words in self.cloud.json("cert", "acme")["trouble"])
            self.assertIn(words, " ".join(self.cloud.json("status")["warnings"]))
            self.wait_for_trouble(hosts[2], words)
            self.between.lies = lambda question: None
            # One of them was not tried yet: the others are no reason to refuse it.
            self.cloud.cli("cert", "retry", hosts[2])
            self.wait_given(hosts[2])
            self.assertEqual(self.cloud.json("cert", "acme")["trouble"], "")
        self.assertEqual(self.events(self.cloud, "certificate.failed"), [])
        self.assertEqual(len(self.events(self.cloud, "acme.failed")), 2)
        self.assertEqual(len(self.events(self.cloud, "acme.reached")), 2)

    def test_one_that_is_not_valid_by_our_clock_is_not_asked_for_again_and_again(self):
        with Authority(self.cloud.edge_port, self.cloud.tls_port, life_s=2) as short:
            with Between(short) as between:
                self.between = between
                self.agree()
                # It ends before it is here.
                between.lies = lambda question: self.late if "/certZ/" in question.path else None
                self.route("a.example.org")
                self.wait_for_trouble("a.example.org", "look at this machine's clock")
                self.assertEqual(len(self.events(self.cloud, "acme.failed")), 1)
                self.route("b.example.org")
                self.wait_for_trouble("b.example.org", "look at this machine's clock")
                self.assertEqual(between.orders("b.example.org"), [])

    @staticmethod
    def late(status, headers, text):
        threading.Event().wait(4)  # longer than the certificate's life: that is what is tested
        return status, headers, text

    # ---- steps ----------------------------------------------------------------------------------

    def test_a_daemon_that_is_killed_at_any_step_asks_once_and_leaves_nothing(self):
        self.agree()
        for name, wanted in (
                ("account", lambda question: question.path.startswith("/sign-me-up")),
                ("order", lambda question: question.is_order()),
                ("look", lambda question: question.path.startswith("/chalZ/")),
                ("finalize", lambda question: "/finalize-order/" in question.path),
                ("fetch", lambda question: question.path.startswith("/certZ/"))):
            with self.subTest(name):
                host = name + ".example.org"
                held = self.hold(wanted)
                self.route(host)
                wait_until("the step", held.waits.is_set)
                self.cloud.kill()
                held.go.set()
                wait_until("the end of what it began", lambda: not processes("uacme"))
                self.cloud.up()
                one = self.wait_for_trouble(host, "the daemon ended in the middle of it")
                self.assertGreater(one["retry_in"], 0)
                self.assertEqual(glob.glob(f"{self.cloud.data}/run/acme/*"), [])
                self.assertLessEqual(len(self.between.orders(host)), 1)
        self.between.lies = lambda question: None
        wait_until("one after its pause", lambda: self.served(
            self.cloud, "account.example.org", self.authority.trusting()), 3 * PATIENCE_S)

    def test_a_route_that_goes_while_its_certificate_is_ordered_leaves_no_trouble(self):
        self.agree()
        held = self.hold(lambda question: question.is_order())
        self.route("gone.example.org")
        wait_until("the order", held.waits.is_set)
        self.cloud.cli("route", "rm", "gone.example.org", "--app", "shop")
        self.route("new.example.org")
        held.go.set()
        self.wait_given("new.example.org")
        left = wait_until("the end of the order", lambda: self.of_host(
            self.cloud, "gone.example.org"))
        self.assertEqual((left["used_by"], left["state"]), ([], "valid"))
        self.assertEqual(self.events(self.cloud, "certificate.failed"), [])
        # It is there when the route comes back.
        self.route("gone.example.org")
        self.wait_given("gone.example.org")
        self.assertEqual(len(self.between.orders("gone.example.org")), 1)


if __name__ == "__main__":
    unittest.main()
