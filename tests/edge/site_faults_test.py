"""Sites whose files cannot be read any more: the disk gives errors, or somebody cut or removed what
was published."""

import errno
import os
import socket
import unittest

from disk_faults import LIBRARY, Disk
from harness import SANITIZED, until
from site_test import SiteCase

LARGE = os.urandom(6 << 20)
MIDDLE = os.urandom(100_000)
SMALL = os.urandom(1000)
FILES = {"large.bin": LARGE, "middle.bin": MIDDLE, "small.bin": SMALL}


class Content(SiteCase):
    def content(self):
        name = self.published[1][0]["site"]["name"]
        return "%s/%s/content" % (self.sites, name)

    def slow_client(self):
        """Part of a file, and no more for now."""
        client = self.client()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send("GET /large.bin HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        self.assertEqual(client.head().status, 200)
        return client

    def test_what_is_cut_to_nothing_is_answered_with_an_error_and_told_once(self):
        self.serve(FILES)
        os.truncate(self.content(), 0)
        client = self.client()
        for _ in range(5):
            for path in FILES:
                head, body = self.get("/" + path, stream=client)
                self.assertEqual(head.status, 503)
                self.assertIn(b"cannot be read", body)
        told = self.stderr().count("site_file_unreadable app=default/shop path=/")
        self.assertIn(told, range(1, self.threads + 1))

    def test_what_is_cut_while_it_is_sent_is_no_whole_answer(self):
        self.serve(FILES)
        client = self.slow_client()
        os.truncate(self.content(), 1 << 20)
        # What was in the kernel's hands by then may have become zeros.
        with self.assertRaises((EOFError, OSError)):
            client.exactly(len(LARGE))

    def test_what_is_removed_while_it_is_sent_goes_on(self):
        self.serve(FILES)
        client = self.slow_client()
        os.remove(self.content())
        self.assertEqual(client.exactly(len(LARGE)), LARGE)
        self.assertEqual(self.get("/middle.bin")[1], MIDDLE, "its edge holds it open")

    def test_a_deploy_in_the_middle_of_a_download_changes_nothing_of_it(self):
        self.serve(FILES)
        client = self.slow_client()
        before = self.content()
        self.serve({"large.bin": LARGE[::-1]})
        os.remove(before)
        self.assertEqual(self.get("/large.bin")[1], LARGE[::-1])
        self.assertEqual(client.exactly(len(LARGE)), LARGE)


    def test_what_was_damaged_and_published_anew_is_served_to_who_asks_then(self):
        self.serve(FILES)
        os.truncate(self.content(), 0)
        self.assertEqual(self.get("/middle.bin")[0].status, 503)
        before = self.content()
        os.rename(before, before + ".damaged")
        anew = {**self.site(FILES), "release": 2}
        self.publish_snapshot([self.route(process="site")],
                              [self.app([], process="site", site=anew)])
        self.assertEqual(self.content(), before)
        for path, data in FILES.items():
            self.assertEqual(self.get("/" + path)[1], data)


@unittest.skipIf(SANITIZED or not LIBRARY, "a sanitizer must be the first that is loaded")
class Faults(SiteCase):
    def spawn(self, words, log="/stderr", **how):
        # The filter knows no call by which to find out what a file is called.
        self.faults = Disk(self.dir + "/orders", self.sites)
        return super().spawn([*words, "--seccomp", "off"], log, env=self.faults.environment, **how)

    def test_a_disk_that_gives_errors_is_an_error_and_no_silence(self):
        self.serve(FILES)
        self.faults.set("read", errno.EIO)
        self.faults.set("send", errno.EIO)
        client = self.client()
        for path in FILES:
            head, _ = self.get("/" + path, stream=client)
            self.assertEqual(head.status, 503)
            self.assertIsNotNone(head.get("retry-after"))
        self.assertIn("site_file_unreadable", self.stderr())
        self.faults.mend()
        for path, data in FILES.items():
            self.assertEqual(self.get("/" + path, stream=client)[1], data)

    def test_a_file_system_without_sendfile_serves_all_the_same(self):
        self.serve(FILES)
        for error in (errno.EINVAL, errno.ENOSYS, errno.EIO):
            for period in (1, 3):
                self.faults.set("send", error, period)
                client = self.client()
                for path, data in FILES.items():
                    self.assertEqual(self.get("/" + path, stream=client)[1], data)

    def test_parts_of_reads_are_put_together(self):
        self.serve(FILES)
        for call in ("read", "send"):
            self.faults.set(call, -2)
            for path, data in FILES.items():
                self.assertEqual(self.get("/" + path)[1], data)
            self.faults.mend()

    def test_who_waits_for_a_disk_that_hangs_holds_up_nobody(self):
        self.serve(FILES)
        self.faults.set("read", -1)
        waiting = []
        for path in FILES:
            waiting.append((path, self.client()))
            waiting[-1][1].send("GET /%s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        self.faults.wait_for_held("read")
        for _ in range(20):
            self.assertEqual(self.get("/none.bin")[0].status, 404)
        self.faults.mend()
        for path, client in waiting:
            self.assertEqual(client.body(client.head()), FILES[path])
        until(lambda: self.faults.held("read") == 0, "the reads to end")


if __name__ == "__main__":
    unittest.main()
