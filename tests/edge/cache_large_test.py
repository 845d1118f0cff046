"""Large bodies on the cache's disk: sent from where they lie."""

import gzip
import os
import unittest

from cache_disk_test import MIB, DiskCase, body_of
from h2_client import h2_client_of
from harness import ok, serving, until


class LargeCase(DiskCase):
    size = 200_000

    def kept(self, paths):
        """They are on the disk, and nowhere else."""

        def all_are_written():
            # One that left memory before it was whole is written when it is asked for again.
            self.fill(paths)
            return self.stats()["disk_objects"] >= len(paths)

        until(all_are_written, "writes")
        self.restart()
        self.assertEqual([path for path in paths if not self.hit(path)], [])


class LargeOnDisk(LargeCase):
    """Large bodies are sent from where they lie, and take no memory."""

    def test_they_take_no_memory_however_many_there_are(self):
        self.app_of_paths()
        paths = ["/%d" % number for number in range(100)]  # 20 MB
        self.kept(paths)
        before = len(self.asked)
        for _ in range(2):
            self.assertEqual([path for path in paths if not self.hit(path)], [])
        self.assertEqual(len(self.asked), before)
        stats = self.stats()
        self.assertEqual(stats["objects"], 100)
        self.assertLess(stats["size"], MIB // 2)
        self.assertEqual(stats["disk_hits_total"], 100)  # looked at once

    def test_parts_and_conditions(self):
        self.app_of_paths('Cache-Control: max-age=600\r\nETag: "e"\r\n')
        self.kept(["/a"])
        body = body_of("/a", self.size)
        for first, last in ((0, 0), (0, 99), (4095, 70_000), (150_000, 199_999), (1, 199_998)):
            head, got = self.get("/a", fields="Range: bytes=%d-%d\r\n" % (first, last))
            self.assertEqual((head.status, head.get("content-range")),
                             (206, "bytes %d-%d/%d" % (first, last, self.size)))
            self.assertEqual(got, body[first:last + 1])
        head, _ = self.get("/a", fields='If-None-Match: "e"\r\n')
        self.assertEqual(head.status, 304)
        client = self.client()
        client.send("HEAD /a HTTP/1.1\r\nHost: shop.test\r\n\r\n"
                    "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n"
                    "GET /a HTTP/1.0\r\nHost: shop.test\r\n\r\n")
        head = client.head()
        self.assertEqual((head.status, head.get("content-length")), (200, str(self.size)))
        for _ in range(2):
            head = client.head()
            self.assertEqual(head.get("content-length"), str(self.size))
            self.assertEqual(client.body(head), body)
        self.assertEqual(len(self.asked), 1)

    def test_over_http_2(self):
        self.app_of_paths()
        self.kept(["/a", "/b"])
        client = h2_client_of(self)
        paths = ("/a", "/b", "/a")
        for number, path in zip([client.request(path) for path in paths], paths):
            self.assertEqual(client.wait(number).body, body_of(path, self.size))
        self.assertEqual(len(self.asked), 2)

    def test_a_text_is_compressed_from_where_it_lies(self):
        self.app_of_paths("Cache-Control: max-age=600\r\nContent-Type: text/html\r\n",
                          compress=True)
        self.kept(["/a"])
        body = body_of("/a", self.size)

        def coded():
            head, got = self.get("/a", fields="Accept-Encoding: gzip\r\n")
            if head.get("content-encoding") is None:
                self.assertEqual(got, body)
                return None
            self.assertEqual(head.get("content-encoding"), "gzip")
            return got

        self.assertEqual(gzip.decompress(until(coded, "its compressed form")), body)
        self.assertEqual(len(self.asked), 1)

    def test_one_that_is_validated_is_sent_and_kept_as_before(self):
        asked = []

        def answer(head, _body):
            asked.append(head.get("if-none-match"))
            if asked[-1] == '"e"':
                return b"HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\n\r\n"
            return ok(body_of("/a", self.size), 'Cache-Control: no-cache\r\nETag: "e"\r\n')

        self.cached_app(serving(answer))
        for _ in range(2):
            self.get("/a")
        self.written(1)
        for _ in range(2):
            self.restart()
            for _ in range(2):
                head, body = self.get("/a")
                self.assertIn("fwd=stale; fwd-status=304", self.status_of(head))
                self.assertEqual(body, body_of("/a", self.size))
        self.assertEqual(asked, [None] + 5 * ['"e"'])

    def test_what_is_cut_while_it_is_sent_is_asked_for_anew(self):
        self.size = MIB
        self.app_of_paths()
        self.kept(["/a"])
        for name in self.segments():
            os.truncate(name, os.path.getsize(name) // 2)
        client = self.client()
        client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        head = client.head()
        self.assertEqual(head.status, 200)
        with self.assertRaises((EOFError, OSError)):
            client.body(head)
        self.assertEqual(len(self.asked), 1)
        self.assertFalse(self.hit("/a"))
        self.assertEqual(len(self.asked), 2)


class LargeOnSmallDisk(LargeCase):
    disk = 8 * MIB

    def test_what_is_being_sent_is_sent_whole_though_it_is_dropped(self):
        self.app_of_paths()
        self.kept(["/slow"])
        client = h2_client_of(self, auto_window=False)
        number = client.request("/slow")
        answer = client.answers[number]
        client.until(lambda: len(answer.body) == 65_535, "what its window lets through")
        others = ("/%d" % other for other in range(1000))

        def is_dropped():
            self.fill([next(others) for _ in range(10)])  # 2 MB
            return not self.lies_on_disk("shop.test/slow")

        until(is_dropped, "its segment to be dropped")
        # Who asks now finds it nowhere: else what is sent all the time would keep its segment.
        self.assertFalse(self.hit("/slow"))
        client.auto_window = True
        for stream in (None, number):
            client.conn.increment_flow_control_window(self.size, stream)
        client.flush()
        self.assertEqual(client.wait(number).body, body_of("/slow", self.size))
        self.assertEqual(self.asked.count("/slow"), 2)


if __name__ == "__main__":
    unittest.main()
