"""Ranges of what is not kept whole, and what is too long for it: fetched and kept in slices of
1 MiB, each once, whoever asks; a slice of another representation never ends what was begun."""

import functools
import hashlib
import re
import threading
import unittest

from cache_disk_test import DiskCase
from cache_test import CacheCase, Gate
from harness import PATIENCE, ok, serving, until

MIB = 1 << 20
FRESH = 'Cache-Control: max-age=600\r\nETag: "%s"\r\n'


@functools.lru_cache(4)
def bytes_of(name, size):
    """Unlike those of another name, and nowhere the same."""
    seed = b"".join(hashlib.sha256(b"%s %d" % (name.encode(), i)).digest() for i in range(1024))
    return b"".join(b"%08d" % i + seed[8:] for i in range(size // len(seed) + 1))[:size]


class SliceCase(CacheCase):
    """An app that gives what its files have, whole or a range."""

    options = ("--cache-bytes", str(32 * MIB))  # one answer may have 4 MiB

    def range_app(self, size, fields=FRESH, **rules):
        self.tag = "one"
        self.size = size
        self.fields = fields
        self.ranges = []  # that were asked for; None: the whole
        return self.cached_app(serving(self.answer), **rules)

    def whole(self, tag=None):
        return bytes_of(tag or self.tag, self.size)

    def answer(self, head, _body):
        wanted = head.get("range")
        self.ranges.append(wanted)
        fields = self.fields % self.tag if "%s" in self.fields else self.fields
        body = self.whole()
        if head.get("if-none-match") == '"%s"' % self.tag:
            return b"HTTP/1.1 304 Not Modified\r\n%s\r\n" % fields.encode()
        if not wanted:
            return ok(body, fields)
        first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted).groups()
        first, last = ((int(first), min(int(last or self.size), self.size - 1)) if first
                       else (self.size - int(last), self.size - 1))
        if first >= self.size:
            return (b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n"
                    b"Content-Range: bytes */%d\r\n\r\n" % self.size)
        part = body[first:last + 1]
        return (b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n"
                b"Content-Range: bytes %d-%d/%d\r\n%s\r\n" %
                (len(part), first, last, self.size, fields.encode())) + part

    def part(self, first, last, path="/a", fields="", status=206):
        head, body = self.get(path, fields="Range: bytes=%s-%s\r\n%s" % (first, last, fields))
        self.assertEqual(head.status, status)
        return head, body

    def check(self, first, last, path="/a"):
        """A range as it must be; was it a hit?"""
        head, body = self.part(first, last, path)
        if first == "":
            first, last = self.size - last, self.size - 1
        elif last == "":
            last = self.size - 1
        self.assertEqual(head.get("content-range"), "bytes %d-%d/%d" % (first, last, self.size))
        self.assertEqual(body, self.whole()[first:last + 1])
        self.assertEqual(head.get("etag"), '"%s"' % self.tag)
        return "; hit" in self.status_of(head)

    def purge(self, scope, name):
        self.daemon.purged = None
        self.daemon.send({"purge": {"scope": scope, "project": "", "name": name}})
        self.assertEqual(until(lambda: self.daemon.purged, "the purge"), [""])


SLICES = ["bytes=%d-%d" % (n * MIB, (n + 1) * MIB - 1) for n in range(40)]


class Ranges(SliceCase):
    def test_who_wants_only_what_is_cached_is_given_all_of_it_or_none(self):
        """Never a beginning without an end."""
        self.range_app(3 * MIB + 100)
        only = "Cache-Control: only-if-cached\r\n"
        self.part(0, 10, fields=only, status=504)
        self.check(0, 10)
        self.check(2 * MIB, 2 * MIB + 10)
        self.assertEqual(self.part(5, MIB - 1, fields=only)[1], self.whole()[5:MIB])
        asked = len(self.ranges)
        for first, last in ((5, MIB), (MIB - 1, MIB), (5, 2 * MIB + 5), (0, ""), (2 * MIB, ""),
                            (MIB + 1, MIB + 2)):
            self.part(first, last, fields=only, status=504)
        self.assertEqual(len(self.ranges), asked)
        self.check(0, "")
        asked = len(self.ranges)
        self.assertEqual(self.part(5, "", fields=only)[1], self.whole()[5:])
        self.assertEqual(len(self.ranges), asked)

    def test_a_range_is_fetched_by_slices_and_given_again(self):
        self.range_app(5 * MIB + 100)
        self.assertFalse(self.check(10, 19))
        self.assertEqual(self.ranges, SLICES[:1])
        self.assertTrue(self.check(0, MIB - 1))
        self.assertTrue(self.check(MIB - 5, MIB - 1))
        self.assertEqual(self.ranges, SLICES[:1])
        # Over the seams of three.
        self.assertTrue(self.check(MIB - 5, 2 * MIB + 5))
        self.assertEqual(self.ranges, SLICES[:3])
        self.assertTrue(self.check(MIB - 5, 2 * MIB + 5))
        self.assertFalse(self.check(5 * MIB + 90, ""))
        self.assertTrue(self.check("", 100))
        self.assertTrue(self.check("", 1))
        self.assertEqual(self.ranges, [*SLICES[:3], SLICES[5]])

    def test_the_last_bytes_are_found_by_the_first_slice(self):
        self.range_app(3 * MIB + 7)
        self.check("", 20)  # over the last seam
        self.assertEqual(self.ranges, [SLICES[0], SLICES[2], SLICES[3]])

    def test_all_of_it_in_every_way(self):
        self.range_app(3 * MIB + 1)
        self.check(0, "")
        self.assertEqual(self.ranges, SLICES[:4])
        for first, last in ((0, 3 * MIB), (1, ""), ("", 3 * MIB + 1), (2 * MIB, 3 * MIB)):
            self.assertTrue(self.check(first, last))
        self.assertEqual(self.ranges, SLICES[:4])

    def test_beyond_the_end(self):
        self.range_app(MIB + 10)
        head, _ = self.part(MIB + 10, "", status=416)
        self.assertEqual(head.get("content-range"), "bytes */%d" % self.size)
        head, _ = self.part(7 * MIB, "", status=416)
        self.assertEqual(head.get("content-range"), "bytes */%d" % self.size)
        # That says nothing of the others.
        self.check(0, 5)
        self.assertTrue(self.check(5, 9))

    def test_a_short_one_is_one_slice(self):
        self.range_app(1000)
        self.check(10, 20)
        self.assertTrue(self.check(0, 999))
        self.assertTrue(self.check("", 5))
        self.assertEqual(self.ranges, SLICES[:1])

    def test_conditions_are_answered_from_slices(self):
        self.range_app(2 * MIB)
        self.check(0, 9)
        head, _ = self.part(0, 9, fields='If-None-Match: "one"\r\n', status=304)
        self.assertIsNone(head.get("content-range"))
        _, body = self.part(3, 9, fields='If-Range: "one"\r\n')
        self.assertEqual(body, self.whole()[3:10])
        # It has something else: it is given all.
        head, body = self.part(MIB + 3, MIB + 9, fields='If-Range: "two"\r\n', status=200)
        self.assertEqual((head.get("content-range"), body), (None, self.whole()))

    def test_many_who_wait_for_a_slice_are_one_fetch(self):
        gate = Gate()
        self.range_app(3 * MIB)
        self.cached_app(gate.script(
            lambda stream, head, _number: stream.send(self.answer(head, b""))))
        clients = [self.client() for _ in range(20)]
        for number, client in enumerate(clients):
            client.send("GET /b HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=%d-%d\r\n\r\n" %
                        (number, 2 * MIB + number))
        until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] == 19, "all to wait")
        for _ in range(3):
            gate.allowed.release()
        for number, client in enumerate(clients):
            head = client.head()
            self.assertEqual(head.status, 206)
            self.assertEqual(client.body(head), self.whole()[number:2 * MIB + number + 1])
        self.assertEqual(self.ranges, SLICES[:3])

    def test_slices_are_sent_while_they_come(self):
        half = threading.Event()
        self.range_app(2 * MIB)

        def script(stream, _number):
            while stream.inbox or stream.more():
                answer = self.answer(stream.head(), b"")
                stream.send(answer[:-1000])
                half.wait(PATIENCE)
                stream.send(answer[-1000:])

        self.cached_app(script)
        client = self.client()
        client.send("GET /b HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=5-\r\n\r\n")
        head = client.head()
        self.assertEqual(head.get("content-length"), str(2 * MIB - 5))
        begin = client.exactly(MIB - 1005)
        half.set()
        self.assertEqual(begin + client.exactly(MIB + 1000), self.whole()[5:])

    def test_who_leaves_while_two_slices_come_for_him_is_forgotten_by_both(self):
        """The first tells the length, the second has the last bytes."""
        self.range_app(2 * MIB)
        first_may_end, second_is_asked, second_may_come = (threading.Event() for _ in range(3))

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                answer = self.answer(head, b"")
                if head.get("range") == SLICES[0]:
                    stream.send(answer[:-1000])
                    first_may_end.wait(PATIENCE)
                    stream.send(answer[-1000:])
                else:
                    second_is_asked.set()
                    second_may_come.wait(PATIENCE)
                    stream.send(answer)

        self.cached_app(script)
        for path, first_ends_before in (("/a", True), ("/b", False)):
            for event in (first_may_end, second_is_asked, second_may_come):
                event.clear()
            client = self.client()
            client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=-9\r\n\r\n" % path)
            self.assertTrue(second_is_asked.wait(PATIENCE))
            if first_ends_before:
                first_may_end.set()
                self.check(0, MIB - 1, path)
            lines = len(self.log_lines(0))
            client.reset()
            self.log_lines(lines + 1)
            first_may_end.set()
            second_may_come.set()
            self.check("", 9, path)

    def test_a_purge_takes_all_slices(self):
        self.range_app(2 * MIB)
        self.check(MIB - 1, MIB)
        self.purge("url", "shop.test/a")
        self.tag = "two"
        self.assertFalse(self.check(MIB - 1, MIB))
        self.assertEqual(self.ranges, SLICES[:2] * 2)

    def test_stale_slices_are_validated(self):
        self.range_app(2 * MIB, 'Cache-Control: max-age=0\r\nETag: "%s"\r\n')
        for _ in range(3):
            head, body = self.part(MIB - 1, MIB)
            self.assertEqual(body, self.whole()[MIB - 1:MIB + 1])
        self.assertIn("fwd=stale; fwd-status=304", self.status_of(head))
        self.assertEqual(self.daemon.fresh()["cache"]["revalidations_total"], 4)

    def test_an_app_that_does_not_know_ranges_is_asked_once_and_kept_whole(self):
        body = bytes_of("x", 2 * MIB)
        self.cached_app(serving(lambda head, _body: ok(body, FRESH % "x")))
        head, got = self.part(5, 9)
        self.assertEqual((head.get("content-range"), got),
                         ("bytes 5-9/%d" % len(body), body[5:10]))
        head, got = self.get("/a")
        self.assertIn("hit", self.status_of(head))
        self.assertEqual(got, body)
        self.assertEqual(self.part(MIB + 5, MIB + 9)[1], body[MIB + 5:MIB + 10])
        self.assertEqual(self.origins[0].count, 1)

    def test_what_may_not_be_kept_goes_to_who_asked(self):
        for path, fields in enumerate(('Cache-Control: private\r\nETag: "%s"\r\n',
                       "Cache-Control: max-age=600\r\n",  # nothing to tell its slices by
                       'Cache-Control: max-age=600\r\nETag: W/"%s"\r\n')):
            self.range_app(3 * MIB, fields)
            for first, last in ((10, 19), (2 * MIB, 2 * MIB + 9)):
                head, body = self.part(first, last, "/%d" % path)
                self.assertEqual(body, self.whole()[first:last + 1])
                self.assertNotIn("hit", self.status_of(head))
            # It was tried once, and not again for a while.
            self.assertEqual(self.ranges,
                             [SLICES[0], "bytes=10-19", "bytes=%d-%d" % (2 * MIB, 2 * MIB + 9)])

    def test_a_part_that_is_not_what_it_says_is_not_kept(self):
        """Longer than what it says to be a part of, as the public suite has it."""
        self.ranges = []

        def answer(head, _body):
            self.ranges.append(head.get("range"))
            return (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n"
                    b"Content-Range: bytes 0-9/10\r\n%s\r\n01234" % (FRESH % "x").encode())

        self.cached_app(serving(answer))
        for _ in range(2):
            head, body = self.part(0, 4)
            self.assertEqual(body, b"01234")
            self.assertNotIn("hit", self.status_of(head))
        self.assertEqual(self.ranges, [SLICES[0], "bytes=0-4", "bytes=0-4"])

    def test_an_error_is_told(self):
        self.cached_app(serving(lambda head, _body: b"HTTP/1.1 404 Not Found\r\n"
                                b"Content-Length: 4\r\n\r\nnone"))
        self.assertEqual(self.part(0, 4, status=404)[1], b"none")

    def test_vary_keeps_slices_apart(self):
        self.range_app(2 * MIB, FRESH + "Vary: X-Color\r\n")
        self.part(0, 9, fields="X-Color: red\r\n")
        self.tag = "two"
        head, body = self.part(0, 9, fields="X-Color: blue\r\n")
        self.assertEqual((head.get("etag"), body), ('"two"', self.whole()[:10]))
        head, body = self.part(0, 9, fields="X-Color: red\r\n")
        self.assertEqual((head.get("etag"), body), ('"one"', self.whole("one")[:10]))
        self.assertEqual(len(self.ranges), 2)


class Changes(SliceCase):
    """The app has another representation than the slices that are kept."""

    def test_a_slice_of_the_new_drops_all_of_the_old(self):
        self.range_app(3 * MIB)
        self.check(0, 9)
        self.tag = "two"
        # The head of the old one is out when the new one is seen: no byte of it is given.
        client = self.client()
        client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=0-\r\n\r\n")
        self.assertEqual(client.head().get("etag"), '"one"')
        self.assertEqual(client.exactly(MIB), self.whole("one")[:MIB])
        with self.assertRaises((EOFError, OSError)):
            client.exactly(1)
        self.assertFalse(self.check(0, 9))
        self.check(0, "")

    def test_old_slices_behind_a_new_one_are_asked_for_anew(self):
        self.range_app(3 * MIB)
        self.check(MIB, 3 * MIB - 1)
        self.tag = "two"
        self.check(0, "")
        self.assertEqual(self.ranges, [SLICES[1], SLICES[2], SLICES[0], SLICES[1], SLICES[2]])
        self.check(0, 9)

    def test_another_length_is_another_representation(self):
        self.range_app(2 * MIB)
        self.check("", 10)
        self.size = 3 * MIB
        self.tag = "two"
        self.purge("url", "shop.test/a")
        self.check("", 10)

    def test_an_app_that_fails_in_the_middle_cuts_the_client(self):
        self.range_app(3 * MIB)
        self.check(0, 9)
        # The first slice is whole before its app goes: else who asks waits for another instance.
        until(lambda: self.daemon.fresh()["cache"]["size"] >= MIB, "the first slice")
        self.origins[0].stop()
        client = self.client()
        client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=0-\r\n\r\n")
        client.head()
        self.assertEqual(client.exactly(MIB), self.whole()[:MIB])
        with self.assertRaises((EOFError, OSError)):
            client.exactly(1)


class Large(SliceCase):
    """Longer than one answer may be."""

    def get_whole(self):
        head, body = self.get("/a")
        self.assertEqual((head.status, head.get("content-length"), head.get("content-range")),
                         (200, str(self.size), None))
        self.assertEqual(body, self.whole())
        return "; hit" in self.status_of(head)

    def test_is_kept_in_slices_once_it_was_seen_to_be(self):
        self.range_app(6 * MIB + 10)
        self.assertFalse(self.get_whole())  # it goes through
        self.assertFalse(self.get_whole())
        self.assertTrue(self.get_whole())
        self.assertEqual(self.ranges, [None, *SLICES[:7]])
        self.assertTrue(self.check(5 * MIB, 6 * MIB))

    def test_many_at_once_are_one_fetch_for_each_slice(self):
        gate = Gate()
        self.range_app(5 * MIB)
        self.cached_app(gate.script(
            lambda stream, head, _number: stream.send(self.answer(head, b""))))
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.send("GET /b HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] == 9, "all to wait")
        for _ in range(6):
            gate.allowed.release()
        for client in clients:
            head = client.head()
            self.assertEqual((head.status, client.body(head)), (200, self.whole()))
        self.assertEqual(sorted(self.ranges, key=str), sorted([None, *SLICES[:5]], key=str))

    def test_one_that_becomes_short_is_right_at_once(self):
        self.range_app(5 * MIB)
        self.get_whole()
        self.size, self.tag = 10, "two"
        self.get_whole()
        self.size, self.tag = 5 * MIB, "three"
        self.purge("url", "shop.test/a")
        self.get_whole()

    def test_without_ranges_it_goes_through(self):
        body = bytes_of("x", 5 * MIB)
        asked = []

        def answer(head, _body):
            asked.append(head.get("range"))
            return ok(body, FRESH % "x")

        self.cached_app(serving(answer))
        for _ in range(3):
            head, got = self.get("/a")
            self.assertEqual(got, body)
            self.assertNotIn("hit", self.status_of(head))
        self.assertEqual(asked, [None, SLICES[0], None])

    def test_head_goes_to_the_app(self):
        self.range_app(5 * MIB)
        self.get_whole()
        self.get_whole()
        head, _ = self.get("/a", method="HEAD")
        self.assertEqual(head.status, 200)


class OnDisk(DiskCase, SliceCase):
    memory = 8 * MIB  # one answer may have 1 MiB: as much as a slice
    disk = 256 * MIB

    def get_whole(self):
        head, body = self.get("/a")
        self.assertEqual((head.status, len(body)), (200, self.size))
        self.assertEqual(hashlib.sha256(body).digest(), hashlib.sha256(self.whole()).digest())

    def test_what_is_far_too_long_for_memory_is_kept_on_the_disk(self):
        self.range_app(24 * MIB + 1)

        def all_are_written():
            # One that a slow disk had no time for is fetched and written again.
            self.get_whole()
            return self.stats()["disk_objects"] >= 24

        until(all_are_written, "24 slices on the disk")
        self.check(24 * MIB, "")
        self.restart()
        asked = len(self.ranges)
        self.check(20 * MIB - 5, 21 * MIB + 5)
        self.check(0, 24 * MIB - 1)
        self.assertEqual(len(self.ranges), asked)
        # That it is long was not known any more: once more it goes through.
        self.get_whole()
        self.get_whole()
        self.assertEqual([asked for asked in self.ranges[asked:] if asked != SLICES[24]], [None])
        self.assertEqual(self.stats()["disk_errors_total"], 0)


if __name__ == "__main__":
    unittest.main()
