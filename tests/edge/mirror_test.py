"""A canary gets copies of requests, and nobody notices."""

import threading
import time
import unittest

from h2_test import H2Case

from harness import PATIENCE, endpoint, ok, serving, until


class Mirror(H2Case):
    threads = 1

    def setUp(self):
        self.copies = []
        super().setUp()

    def copied(self, head, body):
        self.copies.append((head, body))
        return ok("canary", "Set-Cookie: from=canary\r\n")

    def serve(self, canary, mirror=100, route=None, **more):
        """`canary`: a script."""
        serving_one = self.origin(serving(lambda head, body: ok(b"stable %d" % len(body))))
        new = {**endpoint("web-2", self.origin(canary).port), "release": 2}
        self.publish_snapshot(
            [self.route(**(route or {}))],
            [self.app([endpoint("web-1", serving_one.port), new], canary_release=2,
                      canary={"share": 0, "header": "X-Canary", "cookie": "", "mirror": mirror},
                      **more)])
        return serving_one

    def counts(self):
        found = {}
        for line in self.daemon.metrics_text().splitlines():
            if line.startswith("moln_app_mirror"):
                found[line.split("{")[0]] = int(line.split(" ")[-1])
        return tuple(found.get("moln_app_" + name, 0) for name in
                     ("mirrors_total", "mirror_errors_total", "mirrors_dropped_total"))

    def test_requests_are_copied_and_answers_dropped(self):
        self.serve(serving(self.copied))
        for i in range(10):
            head, body = self.get("/%d?a=b" % i, fields="Cookie: c=d\r\n")
            self.assertEqual((head.status, body, head.get("set-cookie")), (200, b"stable 0", None))
        until(lambda: self.counts() == (10, 0, 0), "ten copies")
        self.assertEqual(sorted(head.first for head, _ in self.copies),
                         ["GET /%d?a=b HTTP/1.1" % i for i in range(10)])
        head = self.copies[0][0]
        self.assertEqual((head.get("x-moln-mirror"), head.get("cookie"), head.get("host"),
                          head.get("x-forwarded-for")), ("1", "c=d", "shop.test", "127.0.0.1"))
        # A request is counted when its answer has left, which may be after its copy's.
        until(lambda: {one["instance"]: (one["requests_total"], one["requests_open"])
                       for one in self.daemon.fresh()["endpoints"]} ==
              {"web-1": (10, 0), "web-2": (0, 0)}, "ten requests")
        self.assertEqual(self.daemon.fresh()["apps"][0]["requests_total"], 10)
        self.assertEqual(len(self.log_lines(10)), 10)

    def test_no_client_makes_its_request_pass_for_a_copy(self):
        seen = []

        def see(head, _body):
            seen.append((head.first.split()[1], [value for name, value in head.fields if
                                                 "mirror" in name.lower()]))
            return ok("x")

        self.publish([endpoint("web-1", self.origin(serving(see)).port)])
        for i, name in enumerate(("X-Moln-Mirror", "x-moln-MIRROR", "X_Moln_Mirror",
                                  "X-Moln_Mirror", "x_moln-mirror")):
            self.get("/%d" % i, fields="%s: 1\r\nConnection: X-Moln-Mirror\r\n" % name)
            self.get("/%d" % i, fields="%s: 1\r\n" % name)
            self.h2().get("/%d" % i, fields=[(name.lower(), "1")])
        self.assertEqual(seen, [("/%d" % i, []) for i in range(5) for _ in range(3)])
        self.serve(serving(self.copied))
        self.get(fields="X-Moln-Mirror: 7\r\nX_Moln_Mirror: 8\r\nConnection: x-moln-mirror\r\n")
        until(lambda: self.counts() == (1, 0, 0), "a copy")
        said = [one for one in self.copies[0][0].fields if "mirror" in one[0].lower()]
        self.assertEqual(said, [["X-Moln-Mirror", "1"]])

    def test_a_share_is_copied(self):
        self.serve(serving(self.copied), mirror=30)
        client = self.client()
        for _ in range(300):
            self.get(stream=client)
        until(lambda: len(self.copies) == self.counts()[0], "the copies' end")
        self.assertTrue(45 < len(self.copies) < 150, len(self.copies))

    def test_the_canarys_own_requests_are_not_copied(self):
        self.serve(serving(self.copied))
        self.assertEqual(self.get(fields="X-Canary: 1\r\n")[1], b"canary")
        self.assertEqual([head.get("x-moln-mirror") for head, _ in self.copies], [None])
        self.assertEqual(self.counts(), (0, 0, 0))

    def test_only_what_changes_nothing_is_copied_unless_the_app_says_otherwise(self):
        self.serve(serving(self.copied))
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            self.get(method=method, body=b"x")
        self.get(method="HEAD")
        until(lambda: self.counts()[0] == 1, "the copy of HEAD")
        self.assertEqual([head.first for head, _ in self.copies], ["HEAD / HTTP/1.1"])
        self.copies.clear()
        self.serve(serving(self.copied), retry="all")
        self.assertEqual(self.get(method="POST", body=b"12345")[1], b"stable 5")
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n0\r\n\r\n")
        self.assertEqual(client.body(client.head()), b"stable 3")
        self.h2().get(method="POST", body=b"xyz9")
        until(lambda: self.counts()[0] == 4, "three copies more")
        self.assertEqual({body for _, body in self.copies}, {b"12345", b"abc", b"xyz9"})

    def test_a_body_that_memory_keeps_is_copied_and_one_past_it_is_not(self):
        limit = 64 * 1024
        self.serve(serving(self.copied), retry="all", replay=0)
        for size in (limit, limit + 1):
            self.assertEqual(self.get(method="POST", body=b"x" * size)[1], b"stable %d" % size)
        until(lambda: self.counts() == (1, 0, 1), "one copy")
        self.assertEqual([len(body) for _, body in self.copies], [limit])

    def test_a_canary_that_hangs_fails_or_is_gone_is_nobodys_trouble(self):
        hang = threading.Event()

        def hanging(stream, _number):
            stream.head()
            hang.wait(20)

        def failing(stream, _number):
            while stream.inbox or stream.more():
                stream.head()
                stream.send(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

        def breaking(stream, _number):
            stream.head()
            stream.reset()

        self.serve(hanging)
        for _ in range(80):  # more than there may be at once
            self.assertEqual(self.get()[1], b"stable 0")
        until(lambda: self.counts() == (0, 0, 80 - 64), "those for which there is no place")
        hang.set()
        until(lambda: self.counts() == (64, 64, 16), "their end")
        for script in (failing, breaking):
            before = self.counts()[1]
            self.serve(script)
            for _ in range(5):
                self.assertEqual(self.get()[1], b"stable 0")
            until(lambda: self.counts()[1] == before + 5, "five errors")
        report = self.daemon.fresh()
        self.assertEqual(report["apps"][0]["errors_total"], 0)
        self.assertEqual([one["errors_total"] for one in report["endpoints"]], [0, 0])
        self.assertIn("moln_edge_ejections_total 0\n", self.daemon.metrics_text())

    def test_an_edge_that_stops_does_not_wait_for_a_copy_that_hangs(self):
        hang = threading.Event()
        self.addCleanup(hang.set)
        arrived = threading.Event()

        def hanging(stream, _number):
            stream.head()
            arrived.set()
            hang.wait(60)

        self.serve(hanging)
        self.assertEqual(self.get()[1], b"stable 0")
        self.assertTrue(arrived.wait(PATIENCE))
        begun = time.monotonic()
        self.process.terminate()
        self.process.wait(PATIENCE * 2)
        # A copy has 30 s otherwise.
        self.assertLess(time.monotonic() - begun, 20)

    def test_nor_for_one_that_begins_while_it_stops(self):
        hang = threading.Event()
        self.addCleanup(hang.set)
        arrived = threading.Event()

        def hanging(stream, _number):
            stream.head()
            arrived.set()
            hang.wait(60)

        self.serve(hanging)
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1")
        until(lambda: self.daemon.fresh() and self.daemon.endpoint("web-1")["requests_open"] == 1,
              "the request")
        self.process.terminate()
        until(self.is_deaf, "the stop")
        client.send("2")
        self.assertEqual(client.body(client.head()), b"stable 2")
        self.assertTrue(arrived.wait(PATIENCE))
        begun = time.monotonic()
        self.process.wait(PATIENCE * 2)
        self.assertLess(time.monotonic() - begun, 20)

    def is_deaf(self):
        try:
            self.client().close()
        except ConnectionRefusedError:
            return True
        except OSError:  # it was in the backlog
            pass
        return False

    def test_without_a_canary_that_serves_nothing_waits(self):
        stable = self.origin(serving(lambda head, body: ok("stable")))
        self.publish([endpoint("web-1", stable.port)], canary_release=2, hold=True,
                     canary={"share": 0, "header": "", "cookie": "", "mirror": 100})
        self.assertEqual(self.get()[1], b"stable")
        until(lambda: self.counts() == (0, 0, 1), "the copy that was not made")
        self.assertEqual(self.daemon.fresh()["apps"][0]["held_total"], 0)

    def test_what_the_cache_asks_for_is_copied_and_its_hits_are_not(self):
        self.serve(serving(self.copied), route={"cache": {"ttl": 60_000}})
        for _ in range(5):
            self.assertEqual(self.get()[1], b"stable 0")
        until(lambda: self.counts() == (1, 0, 0), "a copy")
        self.assertEqual(self.get()[1], b"stable 0")


if __name__ == "__main__":
    unittest.main()
