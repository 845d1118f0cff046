"""Which instance a request goes to: affinity, keys, slow starts, canaries."""

import collections
import threading
import unittest

from harness import PATIENCE, EdgeCase, endpoint, ok, serving, until

COOKIE = "moln-affinity"


class Balance(EdgeCase):
    def named(self, name, release=1, fields=""):
        """An instance that answers with its name."""
        origin = self.origin(serving(lambda head, body: ok(name.encode(), fields)))
        return {**endpoint(name, origin.port), "release": release}

    def ask(self, fields="", path="/", stream=None):
        head, body = self.get(path, fields=fields, stream=stream)
        self.assertEqual(head.status, 200, body)
        return body.decode()

    def spread(self, count, fields=""):
        stream = self.client()  # one worker: its rotation is seen
        return collections.Counter(self.ask(fields, stream=stream) for _ in range(count))

    # ---- affinity ----------------------------------------------------------------------------

    def cookie_of(self, head):
        set_cookie = [value for value in head.all("set-cookie") if value.startswith(COOKIE)]
        if not set_cookie:
            return None
        self.assertRegex(set_cookie[0],
                         r"^moln-affinity=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax")
        return "Cookie: a=b; %s\r\n" % set_cookie[0].split(";")[0]

    def test_a_client_stays_with_its_instance_while_that_serves(self):
        instances = [self.named("web-%d" % i) for i in range(4)]
        self.publish(instances, affinity=True)
        head, first = self.get()
        cookie = self.cookie_of(head)
        for _ in range(12):
            head, body = self.get(fields=cookie)
            self.assertEqual((body, self.cookie_of(head)), (first, None))
        self.assertGreater(len(self.spread(12)), 1)
        # Its instance drains: it moves, is told so, and stays there.
        for one in instances:
            if one["instance"] == first.decode():
                one["state"] = "draining"
        self.publish(instances, affinity=True)
        head, second = self.get(fields=cookie)
        self.assertNotEqual(second, first)
        cookie = self.cookie_of(head)
        for _ in range(6):
            self.assertEqual(self.get(fields=cookie)[1], second)

    def test_a_client_waits_for_its_instance_while_that_is_busy(self):
        go = threading.Event()

        def script(name):
            def answer(head, _body):
                if "/slow" in head.first:
                    go.wait(PATIENCE)
                return ok(name)
            return serving(answer)

        instances = [endpoint(name, self.origin(script(name)).port)
                     for name in ("web-0", "web-1", "web-2")]
        self.publish(instances, affinity=True, concurrency=1)
        head, first = self.get()
        cookie = self.cookie_of(head)
        busy, waits = self.client(), self.client()
        busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n%s\r\n" % cookie)
        self.daemon.fresh()
        until(lambda: self.daemon.fresh() and
              self.daemon.endpoint(first.decode())["requests_open"] == 1, "the first")
        waits.send("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % cookie)
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the second to wait")
        # Who stays nowhere does not wait behind it.
        for _ in range(4):
            self.assertNotEqual(self.get()[1], first)
        go.set()
        for client in (busy, waits):
            head = client.head()
            self.assertEqual((client.body(head), self.cookie_of(head)), (first, None))

    def test_the_cookie_is_the_same_after_a_restart_and_says_nothing(self):
        self.publish([self.named("web-%d" % i) for i in range(3)], affinity=True)
        head, body = self.get()
        cookie = self.cookie_of(head)
        self.assertNotIn(body.decode(), cookie)
        self.daemon.close()
        self.process.kill()
        self.process.wait()
        self.start()
        for _ in range(6):
            self.assertEqual(self.get(fields=cookie)[1], body)

    def test_a_cookie_that_is_none_is_no_harm(self):
        self.publish([self.named("web-1")], affinity=True)
        for value in ("", "x", "0000000000000000", "f" * 16, "f" * 5000):
            head, body = self.get(fields="Cookie: %s=%s\r\n" % (COOKIE, value))
            self.assertEqual((head.status, body), (200, b"web-1"))
            self.assertIsNotNone(self.cookie_of(head))

    def test_the_apps_own_cookies_are_kept(self):
        self.publish([self.named("web-1", fields="Set-Cookie: sid=1\r\nSet-Cookie: b=2\r\n")],
                     affinity=True)
        head, _ = self.get()
        self.assertEqual(len(head.all("set-cookie")), 3)

    def test_without_affinity_no_cookie_is_set(self):
        self.publish([self.named("web-1")])
        self.assertEqual(self.get()[0].all("set-cookie"), [])

    # ---- keys --------------------------------------------------------------------------------

    def test_one_value_of_a_header_goes_to_one_instance(self):
        instances = [self.named("web-%d" % i) for i in range(4)]
        self.publish(instances, balance={"by": "header", "name": "X-Tenant"})
        home = {}
        for tenant in range(24):
            fields = "X-Tenant: t%d\r\n" % tenant
            self.assertEqual(len(self.spread(3, fields)), 1)
            home[fields] = self.ask(fields)
        self.assertEqual(len(set(home.values())), 4)
        self.assertGreater(len(self.spread(12)), 1)
        # One goes: only who was there moves.
        self.publish(instances[1:], balance={"by": "header", "name": "X-Tenant"})
        for fields, name in home.items():
            if name != "web-0":
                self.assertEqual(self.ask(fields), name)
            else:
                self.assertNotEqual(self.ask(fields), "web-0")

    def test_a_path_and_a_cookie_are_keys_too(self):
        instances = [self.named("web-%d" % i) for i in range(4)]
        self.publish(instances, balance={"by": "path", "name": ""})
        homes = {self.ask(path="/%d" % i) for i in range(24)}
        self.assertEqual(len(homes), 4)
        self.assertEqual(len({self.ask(path="/same?%d" % i) for i in range(8)}), 1)
        self.publish(instances, balance={"by": "cookie", "name": "sid"})
        self.assertEqual(len({self.ask("Cookie: x=%d; sid=7\r\n" % i) for i in range(8)}), 1)

    def test_a_key_whose_instance_is_full_goes_to_its_next(self):
        instances = [self.named("web-%d" % i) for i in range(3)]
        self.publish(instances, balance={"by": "client", "name": ""}, concurrency=1)
        self.assertEqual(len(self.spread(9)), 1)

    # ---- slow start --------------------------------------------------------------------------

    def test_a_new_instance_begins_with_a_small_share(self):
        first = self.named("web-1")
        self.publish([first], slow_start=3_600_000)
        self.publish([first, self.named("web-2")], slow_start=3_600_000)
        counts = self.spread(400)
        self.assertGreater(counts["web-2"], 0)
        self.assertLess(counts["web-2"], 80)

    def test_instances_of_the_first_snapshot_are_not_new(self):
        self.publish([self.named("web-1"), self.named("web-2")], slow_start=3_600_000)
        self.assertEqual(self.spread(40), {"web-1": 20, "web-2": 20})

    def test_when_all_are_new_they_share_alike(self):
        self.publish([], slow_start=3_600_000)
        self.publish([self.named("web-1"), self.named("web-2")], slow_start=3_600_000)
        counts = self.spread(200)
        self.assertGreater(min(counts.values()), 50)

    # ---- canaries ----------------------------------------------------------------------------

    def canary(self, **rules):
        rules = {"share": 0, "header": "", "cookie": "", **rules}
        self.publish([self.named("old-1"), self.named("old-2"), self.named("new-1", 2)],
                     canary_release=2, canary=rules)

    def test_a_canary_gets_what_its_rules_say_and_nothing_else(self):
        self.canary(header="X-Canary: yes", cookie="canary")
        self.assertEqual(set(self.spread(20)), {"old-1", "old-2"})
        self.assertEqual(set(self.spread(6, "X-Canary: yes\r\n")), {"new-1"})
        self.assertEqual(set(self.spread(6, "Cookie: canary=1\r\n")), {"new-1"})
        self.assertEqual(set(self.spread(6, "X-Canary: no\r\n")), {"old-1", "old-2"})
        self.canary(share=100)
        self.assertEqual(set(self.spread(6)), {"new-1"})
        self.canary(share=0)
        self.assertEqual(set(self.spread(6)), {"old-1", "old-2"})

    def test_requests_of_a_canary_that_is_gone_go_to_the_others(self):
        old = self.named("old-1")
        self.publish([old, {**self.named("new-1", 2), "state": "warming"}], canary_release=2,
                     canary={"share": 100, "header": "", "cookie": ""})
        self.assertEqual(self.ask(), "old-1")

    def test_a_canary_does_not_take_what_waits_for_the_others(self):
        new = self.named("new-1", 2)
        self.publish([new], canary_release=2, canary={"share": 0, "header": "", "cookie": ""},
                     hold=True)
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the request to wait")
        self.publish([new, self.named("old-1")], canary_release=2,
                     canary={"share": 0, "header": "", "cookie": ""})
        head = client.head()
        self.assertEqual(client.body(head), b"old-1")

    def test_what_the_canary_answers_is_not_cached_for_others(self):
        cache = {"ttl": 60_000, "stale_while_revalidate": 0, "stale_if_error": 0}
        old, new = self.named("old-1"), self.named("new-1", 2)
        app = self.app([old, new], canary_release=2,
                       canary={"share": 0, "header": "X-Canary", "cookie": ""})
        self.publish_snapshot([self.route(cache=cache)], [app])
        self.assertEqual(self.ask("X-Canary: 1\r\n"), "new-1")
        self.assertEqual(self.ask(), "old-1")
        self.assertEqual(self.ask("X-Canary: 1\r\n"), "new-1")
        self.assertEqual(self.ask(), "old-1")


if __name__ == "__main__":
    unittest.main()
