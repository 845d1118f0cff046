"""What is purged while one edge takes the place of another, at whichever it is, holds at both."""

import fcntl
import os
import signal
import threading
import unittest

from cache_disk_test import DiskCase
from cache_test import CacheCase
from harness import ok, until
from upgrade_test import Upgrading


class Purged(Upgrading, CacheCase):
    """An app that counts its answers to GET; one to POST waits for a byte from the test."""

    def setUp(self):
        super().setUp()
        self.count = 0
        self.posts = []

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                stream.body(head)
                if head.first.startswith("POST"):
                    self.posts.append(stream)
                    return stream.upto(b"never")  # the test speaks for it
                self.count += 1
                stream.send(ok(b"%d" % self.count, "Cache-Control: max-age=600\r\n"))

        self.cached_app(script)

    def tearDown(self):
        for stream in self.posts:
            try:
                stream.send(ok(b"done"))
            except OSError:
                pass
        super().tearDown()

    def post(self, path):
        client = self.client()
        count = len(self.posts) + 1
        client.send("POST %s HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n\r\n" % path)
        until(lambda: len(self.posts) == count, "the post at the app")
        return client

    def end_post(self, client):
        self.posts.pop(0).send(ok(b"done"))
        self.assertEqual(client.head().status, 200)

    def purge(self, daemon, scope, name):
        daemon.purged = None
        daemon.send({"purge": {"scope": scope, "project": "default", "name": name}})
        self.assertEqual(until(lambda: daemon.purged, "the purge"), [""])

    def is_kept(self, path, body):
        head, got = self.get(path)
        self.assertEqual(got, body)
        self.assertIn("hit", head.get("cache-status"))

    def test_a_post_that_ends_at_the_edge_before_holds_at_the_one_that_took_its_place(self):
        client = self.post("/a")
        self.upgrade()
        self.assertEqual(self.get("/a")[1], b"1")
        self.assertEqual(self.get("/b")[1], b"2")
        self.is_kept("/a", b"1")
        self.end_post(client)
        self.assertEqual(self.get("/a")[1], b"3")
        self.is_kept("/b", b"2")
        self.left()

    def test_so_it_does_at_the_second_after_it(self):
        client = self.post("/a")
        self.upgrade()
        self.upgrade()
        self.assertEqual(self.get("/a")[1], b"1")
        self.end_post(client)
        self.assertEqual(self.get("/a")[1], b"2")
        self.left(0)

    def test_what_the_edge_before_is_told_holds_at_the_one_that_took_its_place(self):
        self.post("/else")  # so that it stays
        self.upgrade()
        before = self.before[0][1]
        for number, (scope, name) in enumerate((("url", "http://shop.test/a"),
                                                ("path", "shop.test"), ("project", "default"))):
            self.assertEqual(self.get("/a")[1], b"%d" % (number + 1))
            self.is_kept("/a", b"%d" % (number + 1))
            self.purge(before, scope, name)
        self.assertEqual(self.get("/a")[1], b"4")

    def test_what_the_new_edge_is_told_holds_at_the_one_before(self):
        kept = self.client()
        self.get("/a", stream=kept)
        waiting = self.post("/else")
        self.upgrade()
        self.purge(self.daemon, "url", "http://shop.test/a")
        self.assertEqual(self.get("/a")[1], b"2")
        # The one before answers what it had begun, and this connection's last request.
        self.assertEqual(self.get("/a", stream=kept)[1], b"3")
        self.end_post(waiting)


class OnDisk(Purged, DiskCase):
    """With a disk, which the two hand on; the same, and what was not purged stays there."""

    def start(self):
        Upgrading.start(self)
        until(lambda: "cache_disk_ready" in self.stderr(), "the disk")

    def kept_on_disk(self, path):
        """Asked for twice it is written."""
        for _ in range(3):
            self.get(path)

    def ready(self, times):
        until(lambda: self.stderr().count("cache_disk_ready") == times, "the disk of the next edge")

    def restart(self, number):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.daemon.close()
        self.number = 0
        self.start()
        self.ready(number)
        routes, apps, more = self.published
        self.publish_snapshot(routes, apps, **more)

    def two_written(self):
        self.kept_on_disk("/a")
        self.kept_on_disk("/b")
        until(lambda: self.stats()["disk_writes_total"] == 2, "the writes")

    def test_what_is_purged_at_both_in_between_costs_the_disk_nothing_else(self):
        self.two_written()
        client = self.post("/else")
        self.upgrade()
        self.ready(2)
        for daemon in (self.before[0][1], self.daemon):
            self.purge(daemon, "url", "http://shop.test/a")
        self.is_kept("/b", b"2")
        self.assertEqual(self.get("/a")[1], b"3")
        self.end_post(client)
        self.left()
        self.restart(3)
        self.is_kept("/b", b"2")
        self.assertEqual(self.get("/a")[1], b"4")

    def test_a_post_that_ends_at_the_edge_before_holds_over_a_restart_too(self):
        client = self.post("/a")
        self.upgrade()
        self.ready(2)
        self.two_written()
        self.end_post(client)
        self.left()
        self.daemon.fresh()
        self.restart(3)
        self.is_kept("/b", b"2")
        self.assertEqual(self.get("/a")[1], b"3")

    def is_left(self):
        """Has the edge given up the folder?"""
        with open(self.folder + "/lock") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                return False

    def test_a_post_that_ends_at_an_edge_that_stops_holds_at_the_next(self):
        self.two_written()
        client = self.post("/a")
        self.process.send_signal(signal.SIGTERM)
        until(self.is_left, "the folder given up")
        self.end_post(client)
        self.process.wait()
        self.daemon.close()
        self.start()
        self.ready(2)
        routes, apps, more = self.published
        self.publish_snapshot(routes, apps, **more)
        self.assertEqual(self.get("/a")[1], b"3")

class SwitchedOff(DiskCase):
    """An edge that is told to use no disk, and then one again."""

    def start(self):
        if self.disk and self.memory:
            return super().start()
        CacheCase.start(self)
        self.mine = threading.local()

    def test_what_is_purged_meanwhile_is_not_known_when_it_is_on_again(self):
        for off in ({"disk": 0}, {"memory": 0}):
            self.app_of_paths()
            for path in ("/a", "/a", "/b", "/b"):
                self.hit(path)
            until(lambda: self.stats()["disk_writes_total"] == 2, "the writes")
            self.__dict__.update(off)
            routes, apps, _ = self.published
            self.restart(signal.SIGTERM)
            self.publish_snapshot(routes, apps)
            self.purge("url", "http://shop.test/a")
            self.assertEqual(os.listdir(self.folder), ["lock"])
            for name in off:
                del self.__dict__[name]
            self.restart(signal.SIGTERM)
            self.publish_snapshot(routes, apps)
            self.asked.clear()
            self.hit("/a")
            self.assertEqual(self.asked, ["/a"])


if __name__ == "__main__":
    unittest.main()
