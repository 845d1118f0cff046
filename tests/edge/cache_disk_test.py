"""The cache's disk: what does not fit into memory and what survives the edge, however it ends."""

import contextlib
import glob
import hashlib
import itertools
import os
import signal
import socket
import subprocess
import threading
import unittest

from cache_test import CACHE, CacheCase
from harness import endpoint, ok, serving, until

MIB = 1 << 20


def body_of(path, size):
    """The same bytes for the same path, unlike those of any other."""
    seed = hashlib.sha256(path.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


class DiskCase(CacheCase):
    memory = 8 * MIB
    disk = 64 * MIB
    size = 20_000

    @property
    def folder(self):
        return self.dir + "/cache"

    @property
    def options(self):
        return ("--cache-bytes", str(self.memory), "--cache-disk", self.folder,
                "--cache-disk-bytes", str(self.disk))

    def start(self):
        super().start()
        self.mine = threading.local()  # a connection that stays, for each thread
        until(lambda: "cache_disk_ready" in self.stderr(), "the disk")

    def app_of_paths(self, fields="Cache-Control: max-age=600\r\n", size=None, **rules):
        self.asked = []

        def answer(head, _body):
            path = head.first.split(" ")[1]
            self.asked.append(path)
            return ok(body_of(path, size or self.size), fields)

        return self.cached_app(serving(answer), **rules)

    def stats(self):
        return self.daemon.fresh()["cache"]

    def hit(self, path, size=None, fields=""):
        if not hasattr(self.mine, "stream"):
            self.mine.stream = self.client()
        head, body = self.get(path, fields=fields, stream=self.mine.stream)
        self.assertEqual(head.status, 200)
        self.assertEqual(body, body_of(path, size or self.size), path)
        return "; hit" in (self.status_of(head) or "")

    def fill(self, paths, size=None):
        """Each is asked for twice: once is no reason to write it."""
        for path in paths:
            self.hit(path, size)
            self.hit(path, size)

    def written(self, count):
        until(lambda: self.stats()["disk_writes_total"] >= count, "%d writes" % count)

    def restart(self, how=signal.SIGKILL, meanwhile=lambda: None):
        self.process.send_signal(how)
        self.process.wait()
        self.daemon.close()
        os.rename(self.dir + "/stderr", self.dir + "/stderr.before")
        meanwhile()
        self.start()

    def purge(self, scope, name, project=""):
        self.daemon.purged = None
        self.daemon.send({"purge": {"scope": scope, "project": project, "name": name}})
        self.assertEqual(until(lambda: self.daemon.purged, "the purge"), [""])

    def text(self, name):
        with open(self.dir + name) as file:
            return file.read()

    def segments(self):
        return sorted(glob.glob(self.folder + "/segment-*"))

    def lies_on_disk(self, path):
        for name in self.segments():
            with contextlib.suppress(FileNotFoundError), open(name, "rb") as file:
                if path.encode() in file.read():
                    return True
        return False


    def is_forgotten_on_disk(self, path):
        for name in self.segments():
            with open(name, "rb") as file:
                data = file.read()
            at = data.find(path.encode())
            if at >= 0:
                return data.rfind(b"MLF2", 0, at) > data.rfind(b"MLR2", 0, at)
        return False


class Disk(DiskCase):
    def paths(self, count):
        return ["/%d" % number for number in range(count)]

    def test_more_than_memory_is_kept_and_survives_a_kill(self):
        self.app_of_paths()
        paths = self.paths(1000)  # 20 MB

        def all_are_written():
            # One that left memory before it was whole is written when it is asked for again.
            self.fill(paths)
            return self.stats()["disk_objects"] == 1000

        until(all_are_written, "1000 objects on the disk")
        before = len(self.asked)
        self.assertEqual([path for path in paths if not self.hit(path)], [])
        self.assertEqual(len(self.asked), before)
        stats = self.stats()
        self.assertEqual(stats["disk_objects"], 1000)
        self.assertGreater(stats["disk_hits_total"], 500)
        self.assertGreater(stats["disk_size"], 20_000_000)
        self.restart()
        self.assertEqual([path for path in paths if not self.hit(path)], [])
        self.assertEqual(len(self.asked), before)
        self.assertEqual(self.stats()["disk_errors_total"], 0)

    def test_who_asks_while_it_still_comes_is_a_reason_to_keep_it(self):
        whole = threading.Event()

        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n"
                        "Content-Length: 40000\r\n\r\n" + "a" * 20_000)
            whole.wait(20)
            stream.send("b" * 20_000)

        self.cached_app(script)
        clients = []
        for _ in range(2):
            client = self.client()
            client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            clients.append((client, client.head()))
        whole.set()
        for client, head in clients:
            self.assertEqual(client.body(head), b"a" * 20_000 + b"b" * 20_000)
        self.written(1)

    def test_a_clean_end_leaves_a_table_that_says_the_same(self):
        self.app_of_paths()
        paths = self.paths(50)
        self.fill(paths)
        self.written(50)
        before = len(self.asked)
        for _ in range(3):
            self.restart(signal.SIGTERM)
            self.assertEqual(self.stats()["disk_objects"], 50)
        self.assertEqual([path for path in paths if not self.hit(path)], [])
        self.assertEqual(len(self.asked), before)

    def test_what_was_asked_for_once_is_not_written(self):
        self.app_of_paths()
        for path in self.paths(20):
            self.hit(path)
        self.fill(["/twice"])
        self.written(1)
        self.assertEqual(self.stats()["disk_objects"], 1)

    def test_a_large_answer_is_written_at_once(self):
        self.memory = 16 * MIB
        self.restart()
        self.app_of_paths(size=MIB)
        self.hit("/large", MIB)
        self.written(1)
        self.restart()
        self.assertTrue(self.hit("/large", MIB))
        self.assertEqual(len(self.asked), 1)

    def test_age_goes_on_over_a_restart(self):
        self.app_of_paths("Cache-Control: max-age=600\r\nAge: 100\r\n")
        self.fill(["/a"])
        self.written(1)
        self.restart()
        head, _ = self.get("/a")
        self.assertGreaterEqual(int(head.get("age")), 100)
        self.assertLess(int(head.get("age")), 300)

    def test_stale_from_disk_is_validated(self):
        def answer(head, _body):
            if head.get("if-none-match") == '"e"':
                return b"HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\n\r\n"
            return ok(b"body", 'Cache-Control: no-cache\r\nETag: "e"\r\n')

        self.cached_app(serving(answer))
        self.get("/a")
        self.get("/a")
        self.written(1)
        self.restart()
        head, body = self.get("/a")
        self.assertEqual(body, b"body")
        self.assertIn("fwd=stale; fwd-status=304", self.status_of(head))

    def test_large_and_stale_from_disk_is_validated(self):
        def answer(head, _body):
            if head.get("if-none-match") == '"e"':
                return b"HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n"
            return ok(bytes(MIB), 'Cache-Control: no-cache\r\nETag: "e"\r\n')

        self.cached_app(serving(answer))
        self.get("/a")
        self.written(1)
        self.restart()
        head, body = self.get("/a")
        self.assertEqual(len(body), MIB)
        self.assertIn("fwd=stale; fwd-status=304", self.status_of(head))
        head, body = self.get("/a")
        self.assertIn("; hit", self.status_of(head))

    def test_large_and_fresh_is_validated_when_its_client_says_so(self):
        def answer(head, _body):
            if head.get("if-none-match") == '"e"':
                return b"HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n"
            return ok(bytes(MIB), 'Cache-Control: max-age=60\r\nETag: "e"\r\n')

        self.cached_app(serving(answer))
        self.get("/a")
        self.written(1)
        self.restart()
        for _ in range(2):
            head, _ = self.get("/a", fields="Cache-Control: no-cache\r\n")
            self.assertIn("fwd-status=304", self.status_of(head))
        head, _ = self.get("/a", fields="Range: bytes=5-9\r\n")
        self.assertEqual((head.status, head.get("content-length")), (206, "5"))

    def test_variants_ranges_and_conditions_are_answered_from_disk(self):
        def answer(head, _body):
            color = head.get("x-color", "none")
            return ok(color.encode() * 10, "Cache-Control: max-age=600\r\nVary: X-Color\r\n"
                                           'ETag: "%s"\r\n' % color)

        origin = self.cached_app(serving(answer))
        for color in ("red", "blue"):
            for _ in range(2):
                self.get("/a", fields="X-Color: %s\r\n" % color)
        self.written(2)
        count = origin.count
        self.restart()
        for color in ("blue", "red"):
            fields = "X-Color: %s\r\n" % color
            head, body = self.get("/a", fields=fields + "Range: bytes=1-4\r\n")
            self.assertEqual((head.status, body), (206, (color * 10).encode()[1:5]))
            head, body = self.get("/a", fields=fields)
            self.assertEqual(body, color.encode() * 10)
            head, _ = self.get("/a", fields=fields + 'If-None-Match: "%s"\r\n' % color)
            self.assertEqual(head.status, 304)
        self.assertEqual(origin.count, count)
        head, body = self.get("/a", fields="X-Color: green\r\n")
        self.assertEqual(body, b"green" * 10)

    def test_purges_hold_over_a_kill(self):
        self.app_of_paths("Cache-Control: max-age=600\r\nCache-Tag: t\r\n")
        paths = ["/url", "/below/a", "/below/b", "/kept"]
        self.fill(paths)
        self.written(4)
        self.purge("url", "shop.test/url")
        self.purge("path", "shop.test/below")
        self.restart()
        self.assertTrue(self.hit("/kept"))
        for path in paths[:3]:
            self.assertFalse(self.hit(path), path)
        self.fill(paths)
        self.written(3)
        self.purge("tag", "t", project="default")
        self.restart()
        for path in paths:
            self.assertFalse(self.hit(path), path)
        self.fill(paths)
        self.written(4)
        self.purge("app", "default/shop")
        self.restart(signal.SIGTERM)
        self.restart()
        for path in paths:
            self.assertFalse(self.hit(path), path)

    def test_what_comes_after_a_purge_is_kept(self):
        self.app_of_paths()
        self.fill(["/a"])
        self.written(1)
        self.purge("url", "shop.test/a")
        self.fill(["/a"])
        self.written(2)
        self.restart()
        self.assertTrue(self.hit("/a"))

    def test_an_unsafe_request_holds_over_a_restart(self):
        self.app_of_paths()
        self.fill(["/a"])
        self.written(1)
        size = os.path.getsize(self.folder + "/purges")
        client = self.client()
        client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n\r\n")
        head = client.head()
        client.body(head)
        until(lambda: os.path.getsize(self.folder + "/purges") > size, "the purge")
        self.restart()
        self.assertFalse(self.hit("/a"))

    def test_what_its_app_no_longer_shares_does_not_come_back_with_a_restart(self):
        said = ["max-age=600"]
        self.cached_app(serving(lambda head, body: ok(
            said[0].encode(), "Cache-Control: %s\r\n" % said[0])))
        for path in ("/private", "/kept"):
            for _ in range(2):
                self.get(path)
        self.written(2)
        said[0] = "private"
        _, body = self.get("/private", fields="Cache-Control: no-cache\r\n")
        self.assertEqual(body, b"private")
        until(lambda: self.stats()["disk_objects"] == 1, "the disk to forget it")
        until(lambda: self.is_forgotten_on_disk("/private"), "the mark")
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGTERM):
            self.restart(how)
            self.assertEqual(self.get("/private")[1], b"private")
            self.assertEqual(self.get("/kept")[1], b"max-age=600")

    def test_a_corrupted_byte_is_never_served(self):
        self.app_of_paths()
        paths = self.paths(60)
        self.fill(paths)
        self.written(60)

        def corrupt():
            for name in self.segments():
                with open(name, "r+b") as file:
                    data = bytearray(file.read())
                    for at in range(50, len(data), 9001):
                        data[at] ^= 1
                    file.seek(0)
                    file.write(data)

        self.restart(meanwhile=corrupt)
        for path in paths:
            self.hit(path)  # the body is checked, wherever it comes from
        # And while it runs, what is in memory or on the disk.
        self.fill(paths)
        until(lambda: self.stats()["disk_objects"] >= 50, "writes")
        corrupt()
        for _ in range(2):
            for path in paths:
                self.hit(path)

    def test_a_log_that_is_cut_gives_what_is_whole(self):
        self.app_of_paths()
        paths = self.paths(10)
        self.fill(paths)
        self.written(10)

        def cut():
            name = self.segments()[-1]
            os.truncate(name, os.path.getsize(name) - 30_000)

        self.restart(meanwhile=cut)
        hits = [path for path in paths if self.hit(path)]
        self.assertGreaterEqual(len(hits), 7)
        self.assertLess(len(hits), 10)

    def test_damaged_purges_are_no_purges_lost(self):
        self.app_of_paths()
        self.fill(["/a", "/b"])
        self.written(2)
        self.purge("url", "shop.test/a")

        def damage():
            with open(self.folder + "/purges", "r+b") as file:
                file.seek(-1, 2)
                last = file.read(1)
                file.seek(-1, 2)
                file.write(bytes([last[0] ^ 1]))

        self.restart(meanwhile=damage)
        self.assertFalse(self.hit("/a"))
        self.assertFalse(self.hit("/b"))
        self.fill(["/a"])
        self.restart()

    def test_another_app_does_not_get_what_the_one_before_had(self):
        self.app_of_paths()
        self.fill(["/a"])
        self.written(1)
        self.restart()
        origin = self.origin(serving(lambda h, b: ok(b"other", "Cache-Control: max-age=60\r\n")))
        self.publish_snapshot(
            [{"host": "*", "path": "/", "app": "default/other", "process": "web", "cache": CACHE}],
            [{"app": "default/other", "process": "web", "health": {"kind": "tcp"},
              "endpoints": [endpoint("web-9", origin.port)]}])
        _, body = self.get("/a")
        self.assertEqual(body, b"other")

    def test_many_who_ask_at_once_are_answered_alike(self):
        self.app_of_paths()
        paths = self.paths(100)
        self.fill(paths)
        self.written(100)
        before = len(self.asked)
        self.restart()
        misses = []

        def ask(offset):
            for number in range(len(paths)):
                path = paths[(number + offset) % len(paths)]
                if not self.hit(path):
                    misses.append(path)

        threads = [threading.Thread(target=ask, args=(10 * i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(misses, [])
        self.assertEqual(len(self.asked), before)

    def test_two_edges_do_not_share_a_folder(self):
        self.app_of_paths()
        self.fill(["/a"])
        self.written(1)
        os.mkdir(self.dir + "/state2")
        command = self.command()
        for name, value in (("--control", "/control2"), ("--state", "/state2"),
                            ("--access-log", "/access2.log")):
            command[command.index(name) + 1] = self.dir + value
        other = self.spawn(command, log="/stderr2")
        try:
            until(lambda: "started" in self.text("/stderr2"), "the other edge")
            self.assertNotIn("cache_disk_ready", self.text("/stderr2"))
            # The first leaves: the other takes over.
            self.process.send_signal(signal.SIGTERM)
            until(lambda: "cache_disk_ready" in self.text("/stderr2"), "its turn")
            self.assertIn("objects=1", self.text("/stderr2"))
        finally:
            other.send_signal(signal.SIGTERM)
            other.wait()


class SmallDisk(DiskCase):
    disk = 8 * MIB
    memory = 8 * MIB

    def test_the_oldest_goes_and_what_is_used_stays(self):
        self.app_of_paths()
        self.fill(["/used"])
        self.written(1)
        for number in range(800):  # 16 MB
            self.fill(["/%d" % number])
            if number % 20 == 0:
                self.hit("/used")
        self.fill(["/last"])
        until(lambda: self.lies_on_disk("/last"), "the last, and all before it, to be written")
        until(lambda: self.stats()["disk_drops_total"] > 100, "drops")
        stats = self.stats()
        self.assertLessEqual(stats["disk_size"], self.disk)
        self.assertLessEqual(sum(os.path.getsize(name) for name in self.segments()), self.disk)
        self.assertTrue(self.hit("/used"))
        before = self.asked.count("/used")
        self.assertEqual(before, 1)
        self.restart()
        self.assertTrue(self.hit("/used"))
        self.assertTrue(self.hit("/799"))
        self.assertFalse(self.hit("/0"))


class Dropped(DiskCase):
    """Who is being sent what lies in a segment that goes: over plain HTTP/1.1 with sendfile."""

    size = 5 * MIB  # more than the sockets between take
    memory = 8 * size + 8 * MIB  # one answer may have 6 MiB
    disk = 32 * (size + MIB)  # segments of 12 MiB: two answers each; four dropped ones may be held

    def slow_client(self, path):
        """The head of a hit, and no more for now."""
        client = self.client()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        head = client.head()
        self.assertIn("; hit", self.status_of(head))
        self.assertEqual(head.get("content-length"), str(self.size))
        return client

    def write(self, path, number):
        """One after the other: what comes too fast for the disk is not written."""
        self.hit(path)
        self.written(number)

    def test_who_reads_slowly_gets_it_to_the_end_unless_too_much_is_held(self):
        self.app_of_paths()
        begun = ["/begun-%d" % number for number in range(12)]
        for number, path in enumerate(begun, 1):
            self.write(path, number)
        self.restart(signal.SIGTERM)  # memory begins empty: they are sent from the disk
        clients = {path: self.slow_client(path) for path in begun}
        segments = set(self.segments())
        self.assertEqual(len(segments), 6)
        for number in itertools.count(1):
            if not segments.intersection(self.segments()):
                break
            self.write("/%d" % number, number)
        cut = []
        for path, client in clients.items():
            try:
                self.assertEqual(client.exactly(self.size), body_of(path, self.size), path)
            except (EOFError, OSError):
                cut.append(path)
                self.assertTrue(body_of(path, self.size).startswith(client.inbox), path)
        self.assertEqual(cut, begun[:4])  # of the oldest two segments
        self.assertTrue(all(not self.hit(path) for path in cut))
        self.assertEqual(self.stats()["disk_errors_total"], 0)


class FullDisk(DiskCase):
    """A file system that has far less room than the cache was promised."""

    def setUp(self):
        self.mounted = None
        super().setUp()

    def start(self):
        if self.mounted is None:
            os.makedirs(self.folder, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", self.folder],
                           check=True)
            self.mounted = self.folder
        super().start()

    def leave(self):
        if self.mounted is not None:
            subprocess.run(["umount", "--lazy", self.mounted], check=True)
            self.mounted = None
        super().leave()

    def test_nobody_but_the_log_hears_of_it(self):
        self.app_of_paths()
        for number in range(300):
            self.fill(["/%d" % number])
        with open(self.folder + "/fill", "wb") as file:
            try:
                while True:
                    file.write(bytes(4096))
                    file.flush()
            except OSError:
                pass
            try:
                file.close()
            except OSError:
                pass
        for number in range(300, 600):
            self.fill(["/%d" % number])

        def told():
            return self.stderr().count("cache_disk_full") + self.stderr().count("cache_disk_off")

        until(told, "the log to hear of it")
        self.assertEqual(told(), 1, self.stderr())


if __name__ == "__main__":
    unittest.main()
