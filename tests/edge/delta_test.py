"""Differences over the control socket: what one changes, what one that does not fit does, and what
an edge remembers that was killed while it had a journal."""

import json
import os
import signal
import unittest

from harness import EdgeCase, endpoint, ok, serving, until

LONG = 3000  # routes: with so many there is a journal


class DeltaTest(EdgeCase):
    def origin_of(self, word):
        return self.origin(serving(lambda head, body: ok(word))).port

    def delta(self, base=None, last=True, epoch=1, version=None, **what):
        """The next version, if no other is said."""
        if base is None:
            base = (1, self.version) if self.version else (0, 0)
        if version is None:
            self.version += 1
            version = self.version
        self.daemon.send({"delta": {"base_epoch": base[0], "base_version": base[1], "epoch": epoch,
                                    "version": version, "last": last, **what}})

    def acked(self):
        until(lambda: self.daemon.report["acked_version"] == self.version, "the acknowledgement")

    def word(self, host="shop.test"):
        stream = self.client()
        stream.send("GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
        head = stream.head()
        return stream.body(head).decode() if head.status == 200 else str(head.status)

    def begin(self, **more):
        """One app, one endpoint, told as a difference to nothing."""
        self.delta(routes=[self.route("shop.test")],
                   apps=[self.app([endpoint("one", self.origin_of("one"))])], **more)
        self.acked()

    def change(self, **what):
        self.delta(endpoints=[{"app": "default/shop", "process": "web", **what}])

    def test_an_endpoint_comes_and_another_goes(self):
        self.begin()
        self.assertEqual(self.word(), "one")
        self.change(gone=["one"], put=[endpoint("two", self.origin_of("two"))])
        self.acked()
        self.assertEqual(self.word(), "two")
        self.assertIsNone(self.daemon.endpoint("one"))
        self.assertIsNotNone(self.daemon.endpoint("two"))

    def test_routes_come_and_go(self):
        self.begin()
        self.delta(routes=[self.route("more.test")])
        self.acked()
        self.assertEqual(self.word("more.test"), "one")
        self.delta(routes_gone=[{"host": "shop.test", "path": "/"}])
        self.acked()
        self.assertEqual(self.word(), "404")
        self.assertEqual(self.word("more.test"), "one")

    def test_a_difference_in_several_lines_is_taken_when_the_last_is_there(self):
        self.begin()
        self.version += 1
        more = {"base": (1, self.version - 1), "version": self.version}
        self.delta(last=False, routes=[self.route("a.test")], **more)
        self.daemon.fresh()
        self.assertEqual(self.word("a.test"), "404")
        self.delta(routes=[self.route("b.test")], **more)
        self.acked()
        self.assertEqual([self.word("a.test"), self.word("b.test")], ["one", "one"])

    def test_one_of_another_base_is_answered_by_asking_for_the_whole(self):
        self.begin()
        self.delta(base=(1, 7), version=8, routes=[self.route("more.test")])
        until(lambda: self.daemon.resyncs == 1, "the edge to ask for the whole")
        self.assertEqual(self.word("more.test"), "404")
        self.version = 8
        self.delta(base=(0, 0), version=8, routes=[self.route("more.test")],
                   apps=[self.app([endpoint("two", self.origin_of("two"))])])
        self.acked()
        self.assertEqual([self.word("more.test"), self.word()], ["two", "404"])

    def test_what_is_not_newer_changes_nothing_and_is_acknowledged_again(self):
        self.begin()
        reports = self.daemon.reports
        self.delta(base=(0, 0), version=1)
        until(lambda: self.daemon.reports > reports, "a report")
        self.assertEqual(self.daemon.report["acked_version"], 1)
        self.assertEqual(self.word(), "one")

    def test_a_bad_one_ends_its_connection_and_changes_nothing(self):
        self.begin()
        self.change(put=[endpoint("two", 0)])
        until(lambda: self.daemon.ended, "the connection to end")
        self.assertEqual(self.word(), "one")
        self.daemon.close()
        self.connect_daemon()
        self.version = 1
        self.change(put=[endpoint("two", self.origin_of("two"))])
        self.acked()

    def test_a_draining_endpoint_is_told_of_until_its_request_is_over(self):
        """The acknowledgement comes when no thread begins anything there, however many follow."""
        release = []

        def answer(head, body):
            until(lambda: release, "leave to answer")
            return ok("late")

        late = self.origin(serving(answer)).port
        self.delta(routes=[self.route("shop.test")], apps=[self.app([endpoint("late", late)])])
        self.acked()
        stream = self.client()
        stream.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: self.daemon.fresh() and self.daemon.endpoint("late")["requests_open"] == 1,
              "the request to be open")
        two = self.origin_of("two")
        for i in range(300):
            self.change(put=[endpoint("late", late, "draining"),
                             endpoint("two", two, "active" if i % 2 else "warming")])
        self.acked()
        self.assertEqual(self.daemon.endpoint("late")["requests_open"], 1)
        self.assertEqual(self.word(), "two")
        self.change(gone=["late"])
        self.acked()
        self.assertEqual(self.daemon.endpoint("late")["requests_open"], 1)
        release.append(True)
        self.assertEqual(stream.body(stream.head()), b"late")
        until(lambda: self.daemon.endpoint("late") is None, "the endpoint to be forgotten")

    def test_an_edge_that_was_killed_has_what_it_acknowledged(self):
        routes = [self.route("host-%05d.test" % i) for i in range(LONG)]
        self.delta(last=False, version=1, routes=routes[:1000])
        self.delta(last=False, version=1, base=(0, 0), routes=routes[1000:])
        self.delta(base=(0, 0), apps=[self.app([endpoint("one", self.origin_of("one"))])])
        self.acked()
        size = os.path.getsize(self.dir + "/state/snapshot.json")
        for word in ("two", "three"):
            self.change(gone=[{"two": "one", "three": "two"}[word]],
                        put=[endpoint(word, self.origin_of(word))])
            self.acked()
        self.assertEqual(os.path.getsize(self.dir + "/state/snapshot.json"), size)
        self.assertGreater(os.path.getsize(self.dir + "/state/snapshot.journal"), 0)
        with open(self.dir + "/state/snapshot.journal", "ab") as journal:
            journal.write(b'{"delta":{"base_epoch":1,"base_vers')
        self.daemon.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()
        self.assertEqual(self.word("host-%05d.test" % (LONG - 1)), "three")
        self.acked()
        # What comes next is kept as well: the torn end was not written behind.
        self.change(gone=["three"], put=[endpoint("four", self.origin_of("four"))])
        self.acked()
        with open(self.dir + "/state/snapshot.json") as file:
            self.assertEqual(json.load(file)["version"], self.version)

    def test_a_thousand_changes_in_a_row_are_acknowledged_at_the_last(self):
        self.begin()
        port = self.origin_of("last")
        for i in range(1000):
            self.change(gone=["i-%04d" % (i - 1)] if i else ["one"],
                        put=[endpoint("i-%04d" % i, port)])
        self.acked()
        self.assertEqual(self.word(), "last")
        self.assertEqual([one["instance"] for one in self.daemon.fresh()["endpoints"]], ["i-0999"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
