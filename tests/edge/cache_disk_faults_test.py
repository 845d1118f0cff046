"""A cache's disk that fails at every call, stops halfway, hangs, or goes: clients are answered
with what is right, in time, and what was purged never comes back."""

import errno
import os
import shutil
import signal
import socket
import unittest

from cache_disk_test import MIB, DiskCase, body_of
from cache_slices_test import SLICES, SliceCase
from cache_test import CACHE
from disk_faults import CALLS, ERRORS, HALF, HOLD, LIBRARY, Disk
from harness import SANITIZED, endpoint, ok, serving, until
from site_test import SiteCase


@unittest.skipIf(SANITIZED or not LIBRARY, "a sanitizer must be the first that is loaded")
class FaultyDisk(DiskCase):
    memory = 8 * MIB

    def setUp(self):
        self.faults = None
        super().setUp()
        self.addCleanup(self.faults.mend)

    def spawn(self, words, log="/stderr", **how):
        # The filter knows no call by which to find out what a file is called.
        if self.faults is None:
            self.faults = Disk(self.dir + "/orders", self.folder)
        return super().spawn([*words, "--seccomp", "off"], log, env=self.faults.environment, **how)

    def tearDown(self):
        self.faults.mend()
        super().tearDown()

    def cold(self, paths, size=None):
        """They lie on the disk, and not in memory."""
        self.fill(paths, size)
        self.written(len(paths))
        self.restart(signal.SIGTERM)
        self.asked.clear()

    def start_anew(self):
        self.process.kill()
        self.process.wait()
        self.daemon.close()
        shutil.rmtree(self.folder)
        os.remove(self.dir + "/stderr")
        self.start()

    def slow_client(self, path):
        """Takes little ahead of what is read of it."""
        client = self.client()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        return client


class Faults(FaultyDisk):
    size = 3000

    def test_whatever_it_does_clients_get_what_is_right(self):
        for call in CALLS:
            for fault, period in [(one, period) for one in ERRORS for period in (1, 3)] + [
                    (HALF, 1), (HALF, 2)]:
                with self.subTest(call=call, fault=fault, period=period):
                    self.app_of_paths("Cache-Control: max-age=600\r\nCache-Tag: t\r\n")
                    small = ["/%d" % i for i in range(20)]
                    large = ["/large-%d" % i for i in range(3)]
                    self.fill(small)
                    self.faults.set(call, fault, period)
                    for path in small * 2 + ["/more-%d" % i for i in range(20)] * 2:
                        self.hit(path)
                    for path in large * 2:
                        head, body = self.get(path)
                        self.assertEqual((head.status, body), (200, body_of(path, self.size)))
                    self.daemon.purged = None
                    self.daemon.send({"purge": {"scope": "tag", "project": "default",
                                                "name": "t"}})
                    until(lambda: self.daemon.purged, "an answer to the purge")
                    said = self.daemon.purged
                    self.restart(meanwhile=self.faults.mend)
                    self.asked.clear()
                    for path in small + large:
                        hit = self.hit(path)
                        if said == [""]:
                            self.assertFalse(hit, "what was purged came back")
                    self.assertEqual(self.stderr().count("cache_disk_off"), 0)
                    self.start_anew()

    def test_who_waits_for_a_read_that_hangs_is_answered_by_the_app(self):
        self.app_of_paths()
        paths = ["/%d" % i for i in range(10)]
        self.cold(paths)
        self.faults.set("read", HOLD)
        clients = {}
        for path in paths:
            clients[path] = self.client()
            clients[path].send("GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        self.faults.wait_for_held("read")
        for path, client in clients.items():
            self.assertEqual(client.body(client.head()), body_of(path, self.size))
        self.assertEqual(sorted(self.asked), sorted(paths))
        self.assertEqual([path for path in paths if not self.hit(path)], [], "they are kept")
        self.faults.mend()
        until(lambda: self.faults.held("read") == 0, "the reads to end")
        self.assertEqual([path for path in paths if not self.hit(path)], [])
        self.assertEqual(self.stats()["disk_errors_total"], 0)

    def test_while_reads_hang_nobody_else_waits_for_the_disk(self):
        self.app_of_paths()
        paths = ["/%d" % i for i in range(40)]
        self.cold(paths)
        self.faults.set("read", HOLD)
        first = self.client()
        first.send("GET /0 HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        second = self.client()
        second.send("GET /1 HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        for client in (first, second):
            self.assertEqual(client.head().status, 200)
        # Were each to wait for its time, this would be two minutes.
        for path in paths[2:]:
            self.assertFalse(self.hit(path))
        self.faults.mend()

    def test_who_makes_something_untrue_does_not_wait_for_the_disk(self):
        self.app_of_paths()
        self.fill(["/a"])
        self.written(1)
        for call in ("write", "sync"):
            with self.subTest(call=call):
                self.faults.set(call, HOLD)
                self.daemon.purged = None
                self.daemon.send({"purge": {"scope": "url", "project": "", "name": "shop.test/b"}})
                self.faults.wait_for_held(call)
                for _ in range(10):
                    head, _ = self.get("/a", method="POST", body=b"x")
                    self.assertEqual(head.status, 200)
                    self.assertEqual(self.get("/a")[0].status, 200)
                self.faults.mend()
                until(lambda: self.daemon.purged, "an answer to the purge")
                until(lambda: self.faults.held(call) == 0, "the disk to go on")

    def test_a_purge_that_the_disk_does_not_take_holds_and_holds_up_nobody(self):
        self.app_of_paths()
        self.fill(["/a", "/b"])
        self.written(2)
        self.faults.set("sync", HOLD)
        for path in ("/a", "/b"):
            self.daemon.purged = None
            self.daemon.send({"purge": {"scope": "url", "project": "",
                                        "name": "shop.test" + path}})
            said = until(lambda: self.daemon.purged, "an answer")
            self.assertIn("has not taken the purge", said[0])
        self.assertFalse(self.hit("/a"), "it holds")
        self.workers_have_heard()  # what is published is heard of meanwhile
        self.faults.mend()
        until(lambda: self.faults.held("sync") == 0, "the disk to go on")
        self.purge("url", "shop.test/c")
        self.restart()
        self.assertFalse(self.hit("/b"))

    def test_a_purge_that_cannot_be_kept_leaves_nothing_to_come_back(self):
        for call in ("write", "sync"):
            with self.subTest(call=call):
                self.app_of_paths()
                self.fill(["/a", "/b"])
                self.written(2)
                self.faults.set(call, errno.ENOSPC)
                self.get("/a", method="POST", body=b"x")
                self.daemon.purged = None
                self.daemon.send({"purge": {"scope": "url", "project": "", "name": "shop.test/b"}})
                until(lambda: self.daemon.purged, "an answer")
                self.restart(meanwhile=self.faults.mend)
                self.assertFalse(self.hit("/a"))
                self.assertFalse(self.hit("/b"))
                self.start_anew()

    def test_a_folder_that_goes_takes_nothing_along(self):
        self.app_of_paths()
        paths = ["/%d" % i for i in range(10)]
        self.cold(paths)
        shutil.rmtree(self.folder)
        for path in paths * 2 + ["/more-%d" % i for i in range(300)] * 2:
            self.hit(path)
        self.purge("path", "shop.test")
        for path in paths:
            self.assertFalse(self.hit(path))


class LargeFaults(Faults):
    """Bodies that stay on the disk and are sent from there."""

    size = 200_000

    def test_one_that_cannot_be_sent_from_there_is_read_and_sent(self):
        self.app_of_paths()
        self.cold(["/a"])
        for fault in (errno.EIO, errno.EINVAL):
            self.faults.set("send", fault)
            self.assertTrue(self.hit("/a"))

    def test_one_that_cannot_be_read_any_more_is_fetched_and_nobody_hears_of_it(self):
        self.app_of_paths()
        self.cold(["/a"])
        self.assertTrue(self.hit("/a"))  # its head is in memory
        before = self.stats()
        for call in ("send", "read"):
            self.faults.set(call, errno.EIO)
        self.assertFalse(self.hit("/a"))
        self.assertEqual(self.asked, ["/a"])
        after = self.stats()
        counted = {name: after[name] - before[name]
                   for name in ("hits_total", "misses_total", "passes_total")}
        self.assertEqual(counted, {"hits_total": 0, "misses_total": 1, "passes_total": 0})
        self.assertTrue(self.hit("/a"))

    def test_one_that_hangs_is_fetched_and_nobody_hears_of_it(self):
        self.app_of_paths()
        paths = ["/%d" % i for i in range(10)]
        self.cold(paths)
        self.assertEqual([path for path in paths if not self.hit(path)], [])
        self.faults.set("read", HOLD)
        clients = {path: self.client() for path in paths}
        for path, client in clients.items():
            client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        self.faults.wait_for_held("read", 2)
        for path, client in clients.items():
            head = client.head()
            self.assertEqual((head.status, client.body(head) == body_of(path, self.size)),
                             (200, True))
        self.assertEqual(sorted(self.asked), sorted(paths))
        self.faults.mend()
        until(lambda: self.faults.held("read") == 0, "the reads to end")


class SliceFaults(FaultyDisk, SliceCase):
    """What is sent in slices that lie on the disk."""

    def sliced_on_disk(self):
        self.range_app(6 * MIB)
        self.get("/a")  # that it is long is not known before

        def all_lie_there():
            self.assertEqual(self.get("/a")[1], self.whole())
            return self.stats()["disk_objects"] >= 6

        until(all_lie_there, "6 slices on the disk")
        self.restart(signal.SIGTERM)
        for _ in range(2):
            self.assertEqual(self.get("/a")[1], self.whole())
        self.check(0, "")  # their heads are in memory
        self.ranges.clear()

    def fail_reads(self):
        for call in ("send", "read"):
            self.faults.set(call, errno.EIO)

    def test_one_that_cannot_be_read_any_more_is_fetched_and_the_answer_goes_on(self):
        for before in (0, MIB // 3, 3 * MIB // 2):
            with self.subTest(before=before):
                self.sliced_on_disk()
                client = self.slow_client("/a")
                head = client.head()
                begin = client.exactly(before)
                self.fail_reads()
                body = begin + client.exactly(self.size - before)
                self.assertEqual((head.status, body == self.whole()), (200, True))
                self.assertEqual(head.get("content-length"), str(self.size))
                self.assertNotIn(None, self.ranges, "all of it was asked for")
                self.assertIn(SLICES[5], self.ranges)
                # Nothing stands behind it, and the connection goes on.
                self.faults.mend()
                head, body = self.get("/a", stream=client)
                self.assertEqual((head.status, body == self.whole()), (200, True))
                self.start_anew()

    def test_one_that_cannot_be_had_any_more_cuts_the_answer(self):
        self.sliced_on_disk()
        client = self.slow_client("/a")
        client.head()
        self.tag = "two"
        self.fail_reads()
        got = b""
        with self.assertRaises((EOFError, OSError)):
            while len(got) < self.size:
                got += client.exactly(1000)
        self.assertLess(len(got), self.size)
        self.assertEqual(got, self.whole("one")[:len(got)])

    def test_one_that_hangs_is_fetched_and_the_answer_goes_on(self):
        self.sliced_on_disk()
        client = self.slow_client("/a")
        head = client.head()
        begin = client.exactly(MIB // 3)
        self.faults.set("send", errno.EINVAL)
        self.faults.set("read", HOLD)
        body = begin + client.exactly(self.size - len(begin))
        self.assertEqual((head.status, body == self.whole()), (200, True))
        self.assertIn(SLICES[5], self.ranges)
        self.assertEqual(self.faults.held("read"), 2, "nobody else waits for it")
        self.faults.mend()


class Sites(FaultyDisk, SiteCase):
    """An edge that serves a site, too."""

    size = 200_000

    def spawn(self, words, log="/stderr", **how):
        os.environ["MOLN_FAULT_COLD_FOLDER"] = self.sites
        try:
            return super().spawn(words, log, **how)
        finally:
            del os.environ["MOLN_FAULT_COLD_FOLDER"]

    def test_a_disk_of_the_cache_that_hangs_holds_up_no_site(self):
        page = os.urandom(100_000)
        site = self.site({"large.bin": page})
        origin = self.origin(serving(lambda head, _body: ok(
            body_of(head.first.split(" ")[1], self.size), "Cache-Control: max-age=600\r\n")))
        self.publish_snapshot(
            [self.route(cache=CACHE), self.route("site.test", process="site", app="default/site")],
            [self.app([endpoint("web-1", origin.port)]),
             {**self.app([], process="site", site=site), "app": "default/site"}])
        self.asked = []
        paths = ["/%d" % i for i in range(4)]
        self.cold(paths)
        self.assertEqual([path for path in paths if not self.hit(path)], [])
        self.faults.set("send", errno.EINVAL)
        self.faults.set("read", HOLD)
        clients = {path: self.client() for path in paths}
        for path, client in clients.items():
            client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        self.faults.wait_for_held("read", 2)
        visitor = self.client()
        visitor.send("GET /large.bin HTTP/1.1\r\nHost: site.test\r\n\r\n")
        self.assertEqual(visitor.body(visitor.head()), page)
        self.assertEqual(self.faults.held("read"), 2)
        for path, client in clients.items():
            self.assertEqual(client.body(client.head()), body_of(path, self.size))
        self.faults.mend()


if __name__ == "__main__":
    unittest.main()
