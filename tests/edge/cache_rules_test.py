"""What one client, one error or one odd word of an app may not do to what the others are given."""

import socket
import time
import unittest

from cache_test import CacheCase, Gate
from cache_disk_test import DiskCase
from harness import PATIENCE, Stream, ok, serving, until

FRESH = "Cache-Control: max-age=600\r\n"


def answer_of(status, body, fields):
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" %
            (status, len(body), fields, body)).encode()


class Entrances(CacheCase):
    options = ("--listen", "127.0.0.1:0")  # one more

    def test_what_came_for_one_port_or_scheme_is_given_to_no_other(self):
        """The host may say nothing of it, as behind a router that leads one port to another."""
        self.certify(["shop.test"])
        self.cached_app(serving(lambda head, _: ok(
            "%s:%s" % (head.get("x-forwarded-proto"), head.get("x-forwarded-port")), FRESH)))
        report = self.daemon.report
        places = [("http", name) for name in report["listens"]]
        places += [("https", name) for name in report["tls_listens"]]
        self.assertEqual(len(places), 3)
        for turn in range(2):
            for scheme, name in places:
                self.address = self.tls_address = (name.split(":")[0], int(name.split(":")[1]))
                client = self.tls_client("shop.test") if scheme == "https" else self.plain()
                head, body = self.get("/a", stream=client)
                self.assertEqual(body.decode(), "%s:%d" % (scheme, self.address[1]))
                self.assertEqual("; hit" in self.status_of(head), turn > 0)
        self.daemon.purged = None
        self.daemon.send({"purge": {"scope": "url", "project": "default",
                                    "name": "https://shop.test/a"}})
        self.assertEqual(until(lambda: self.daemon.purged, "the purge"), [""])
        self.address = (report["listens"][0].split(":")[0], int(report["listens"][0].split(":")[1]))
        self.assertIn("uri-miss", self.status_of(self.get("/a", stream=self.plain())[0]))

    def plain(self):
        stream = Stream(socket.create_connection(self.address, timeout=PATIENCE))
        self.streams.append(stream)
        return stream


class Rules(CacheCase):
    def test_an_error_while_one_client_validates_takes_what_is_fresh_from_nobody(self):
        failing = []

        def answer(_head, _body):
            if failing:
                return answer_of("500 Oh", "failed", "")
            return ok("good", FRESH + 'ETag: "e"\r\n')

        origin = self.cached_app(serving(answer))
        self.get("/a")
        failing.append(True)
        head, body = self.get("/a", fields="Cache-Control: no-cache\r\n")
        self.assertEqual((head.status, body), (500, b"failed"))
        count = origin.count
        head, body = self.get("/a")
        self.assertEqual((head.status, body), (200, b"good"))
        self.assertIn("; hit", self.status_of(head))
        self.assertEqual(origin.count, count)

    def test_who_has_credentials_takes_what_is_for_all_from_nobody(self):
        def answer(head, _body):
            return ok("of %s" % head.get("authorization", "all"), FRESH + 'ETag: "e"\r\n')

        self.cached_app(serving(answer))
        self.assertEqual(self.get("/a")[1], b"of all")
        mine = "Authorization: me\r\n"
        head, body = self.get("/a", fields=mine + "Cache-Control: no-cache\r\n")
        self.assertEqual(body, b"of me")
        self.assertIn("detail=authorization", self.status_of(head))
        head, body = self.get("/a")
        self.assertEqual(body, b"of all")
        self.assertIn("; hit", self.status_of(head))
        # Nor does it keep what is not here yet from being kept, or fetched once for many.
        self.assertEqual(self.get("/b", fields=mine)[1], b"of me")
        self.assertEqual(self.get("/b")[1], b"of all")
        head, body = self.get("/b")
        self.assertEqual(body, b"of all")
        self.assertIn("; hit", self.status_of(head))

    def test_who_waits_for_an_answer_to_credentials_is_given_one_for_all(self):
        gate = Gate()

        def answer(stream, head, _number):
            stream.send(ok("of %s" % head.get("authorization", "all"), FRESH))

        self.cached_app(gate.script(answer))
        clients = [self.client() for _ in range(9)]
        for number, client in enumerate(clients):
            client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n%s\r\n" %
                        ("Authorization: me\r\n" if number in (0, 8) else ""))
            if number == 0:
                gate.arrived.acquire()
        until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] == 8, "all to wait")
        gate.allowed.release(20)
        bodies = []
        for client in clients:
            head = client.head()
            bodies.append(client.body(head))
        self.assertEqual(bodies, [b"of me", *[b"of all"] * 7, b"of me"])
        self.assertEqual(sorted(head.get("authorization", "-") for head in gate.seen),
                         ["-", "me", "me"])

    def test_who_waits_for_an_app_that_is_slower_than_its_answer_is_fresh_does_not_ask_too(self):
        gate = Gate()
        self.cached_app(gate.script(lambda stream, _head, number: stream.send(
            ok(b"%d" % number, "Cache-Control: max-age=1\r\n"))))
        clients = [self.client() for _ in range(8)]
        for client in clients:
            client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] == 7, "all to wait")
        asked = time.monotonic()
        until(lambda: time.monotonic() - asked > 1.5, "it to be stale when it comes")
        gate.allowed.release(8)
        bodies = []
        for client in clients:
            head = client.head()
            bodies.append(client.body(head))
        self.assertEqual(bodies, [b"1"] * 8)

    def test_a_304_of_another_representation_validates_nothing(self):
        def answer(head, _body):
            if head.get("if-modified-since"):  # it knows nothing of tags
                return b'HTTP/1.1 304 Not Modified\r\nETag: "new"\r\n' + FRESH.encode() + b"\r\n"
            word = "old" if self.first else "new"
            return ok(word, "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
                            'Cache-Control: no-cache\r\nETag: "%s"\r\n' % word)

        self.first = True
        self.cached_app(serving(answer))
        self.assertEqual(self.get("/a")[1], b"old")
        self.first = False
        for _ in range(2):
            head, body = self.get("/a")
            self.assertEqual((head.status, body, head.get("etag")), (200, b"new", '"new"'))

    def test_the_cookie_of_an_answer_that_says_nothing_is_nobody_elses(self):
        def answer(head, _body):
            if head.get("if-none-match"):
                return b"HTTP/1.1 304 Not Modified\r\n\r\n"
            cookie = "" if head.get("cookie") else "Set-Cookie: user=first\r\n"
            return ok(b"body", 'ETag: "e"\r\n' + cookie)

        self.cached_app(serving(answer))
        self.assertEqual(self.get("/a")[0].get("set-cookie"), "user=first")
        head, body = self.get("/a", fields="Cookie: user=second\r\n")
        self.assertEqual((head.status, body), (200, b"body"))
        self.assertIsNone(head.get("set-cookie"))

    def test_nor_is_what_its_cookie_chose_when_only_a_date_tells_it_apart(self):
        def answer(head, _body):
            if head.get("if-modified-since"):
                return b"HTTP/1.1 304 Not Modified\r\n\r\n"
            return ok("of " + head.get("cookie", "all"),
                      "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n" + said[0])

        said = [""]
        self.cached_app(serving(answer))
        for path, said[0] in (("/a", ""), ("/b", "Cache-Control: no-cache\r\n"),
                              ("/c", "Cache-Control: max-age=0\r\n")):
            for user in ("first", "second"):
                self.assertEqual(self.get(path, fields="Cookie: %s\r\n" % user)[1].decode(),
                                 "of " + user, path)

    def test_nor_is_it_given_stale_because_the_route_would_have_it_so(self):
        self.failing = False

        def answer(head, _body):
            if self.failing:
                return answer_of("503 Oh", "failed", "")
            return ok("of " + head.get("cookie", "all"))

        self.cached_app(serving(answer), stale_while_revalidate=60_000, stale_if_error=60_000)
        for path in ("/a", "/b"):
            self.assertEqual(self.get(path, fields="Cookie: first\r\n")[1], b"of first")
        self.assertEqual(self.get("/a", fields="Cookie: second\r\n")[1], b"of second")
        self.failing = True
        self.assertEqual(self.get("/b", fields="Cookie: second\r\n")[1], b"failed")

    def test_a_cookie_takes_from_nobody_what_came_without_one(self):
        def answer(head, _body):
            if head.get("if-modified-since"):
                return b"HTTP/1.1 304 Not Modified\r\n\r\n"
            return ok(b"body", "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n")

        self.cached_app(serving(answer))
        self.get("/a")
        head, body = self.get("/a", fields="Cookie: me\r\nCache-Control: no-cache\r\n")
        self.assertEqual(body, b"body")
        self.assertIn("fwd-status=304", self.status_of(head))
        self.assertIn("fwd-status=304", self.status_of(
            self.get("/a", fields="Cache-Control: no-cache\r\n")[0]))

    def test_the_age_of_a_304_counts(self):
        def answer(head, _body):
            if head.get("if-none-match"):
                return ("HTTP/1.1 304 Not Modified\r\nAge: 700\r\n%s\r\n" % FRESH).encode()
            return ok(b"body", 'ETag: "e"\r\nCache-Control: no-cache\r\n')

        self.cached_app(serving(answer))
        self.get("/a")
        for _ in range(2):
            head, body = self.get("/a")
            self.assertEqual(body, b"body")
            self.assertIn("fwd=stale; fwd-status=304", self.status_of(head))
            self.assertGreaterEqual(int(head.get("age")), 700)

    def test_surrogate_control_holds_after_a_304_whether_that_says_it_again_or_not(self):
        for again in ("Surrogate-Control: max-age=0\r\n", ""):
            path = "/again" if again else "/once"

            def answer(head, _body, again=again):
                if head.get("if-none-match"):
                    return ("HTTP/1.1 304 Not Modified\r\n%s\r\n" % (FRESH + again)).encode()
                return ok(b"body", 'ETag: "e"\r\nSurrogate-Control: max-age=0\r\n' + FRESH)

            self.cached_app(serving(answer))
            self.get(path)
            for _ in range(3):
                head, body = self.get(path)
                self.assertEqual(body, b"body")
                self.assertIn("fwd=stale; fwd-status=304", self.status_of(head), path)
                self.assertIsNone(head.get("surrogate-control"))

    def test_a_sum_of_what_is_sent_is_not_said_of_a_part_of_it(self):
        sums = 'Content-Digest: sha-256=:AAAA:\r\nContent-MD5: AAAA\r\nRepr-Digest: a=:AAAA:\r\n'
        self.cached_app(serving(lambda head, body: ok(
            b"0123456789", FRESH + 'ETag: "e"\r\n' + sums)))
        head, _ = self.get("/a")
        self.assertEqual(head.get("content-digest"), "sha-256=:AAAA:")
        head, body = self.get("/a", fields="Range: bytes=2-4\r\n")
        self.assertEqual((head.status, body), (206, b"234"))
        self.assertIsNone(head.get("content-digest"))
        self.assertIsNone(head.get("content-md5"))
        self.assertEqual(head.get("repr-digest"), "a=:AAAA:")

    def test_nor_of_what_is_put_together_of_slices(self):
        whole = bytes(range(256)) * 8192  # two slices of 1 MiB

        def answer(head, _body):
            first, last = head.get("range").partition("=")[2].split("-")
            part = whole[int(first):int(last) + 1]
            return (b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n"
                    b"Content-Range: bytes %d-%d/%d\r\nETag: \"e\"\r\nContent-Digest: a=:AAAA:\r\n"
                    b"%s\r\n" % (len(part), int(first), int(first) + len(part) - 1, len(whole),
                                 FRESH.encode())) + part

        self.cached_app(serving(answer))
        for asked, size in (("bytes=5-9", 5), ("bytes=0-", len(whole)), ("bytes=5-9", 5)):
            head, body = self.get("/a", fields="Range: %s\r\n" % asked)
            self.assertEqual((head.status, len(body)), (206, size))
            self.assertIsNone(head.get("content-digest"), asked)


    def test_a_part_that_nobody_asked_for_goes_to_who_asked(self):
        self.cached_app(serving(lambda head, body: (
            b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nContent-Range: bytes 0-1/9\r\n"
            b"ETag: \"e\"\r\n" + FRESH.encode() + b"\r\nab")))
        for _ in range(2):
            head, body = self.get("/a")
            self.assertEqual((head.status, body), (206, b"ab"))
        self.assertIsNone(self.process.poll())

    def test_a_coding_that_only_one_client_knows_is_given_to_no_other(self):
        def answer(head, _body):
            if head.get("accept-encoding") == "compress":
                return ok(b"compressed", FRESH + "Vary: Accept-Encoding\r\n"
                                                 "Content-Encoding: compress\r\n")
            return ok(b"plain", FRESH + "Vary: Accept-Encoding\r\n")

        self.cached_app(serving(answer))
        self.assertEqual(self.get("/a", fields="Accept-Encoding: compress\r\n")[1], b"compressed")
        for other in ("Accept-Encoding: identity\r\n", "Accept-Encoding: x-own\r\n", ""):
            self.assertEqual(self.get("/a", fields=other)[1], b"plain")
        self.assertEqual(self.get("/a", fields="Accept-Encoding: compress\r\n")[1], b"compressed")

    def test_who_asked_is_given_what_is_not_to_be_given_again(self):
        self.cached_app(serving(lambda head, body: ok(
            b"body", 'Cache-Control: max-age=600, no-cache="Set-Cookie, X-Mine"\r\n'
                     "Set-Cookie: a=b\r\nX-Mine: 1\r\nX-All: 2\r\n")))
        said = [tuple(head.get(name) for name in ("set-cookie", "x-mine", "x-all"))
                for head, _ in (self.get("/a"), self.get("/a"))]
        self.assertEqual(said, [("a=b", "1", "2"), (None, None, "2")])
        self.assertEqual(self.origins[0].count, 1)


class OnDisk(DiskCase):
    def test_an_answer_for_one_leaves_the_other_variants_there(self):
        def answer(head, _body):
            if head.get("cookie"):
                return ok("of " + head.get("cookie"), "Cache-Control: private\r\nVary: Cookie\r\n")
            return ok("of all", FRESH + "Vary: Cookie\r\n")

        self.cached_app(serving(answer))
        for _ in range(2):
            self.get("/a")
        self.written(1)
        self.assertEqual(self.get("/a", fields="Cookie: me\r\n")[1], b"of me")
        self.assertEqual(self.stats()["disk_objects"], 1)
        self.restart()
        head, body = self.get("/a")
        self.assertEqual(body, b"of all")
        self.assertIn("; hit", self.status_of(head))


    def validated(self, fields_before, fields_after):
        """What lies on the disk is validated because its client says so; then it is another."""
        self.changed = False

        def answer(head, _body):
            if head.get("if-none-match") == '"e"' and not self.changed:
                return ('HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n%s\r\n' % fields_after).encode()
            return ok(b"new" if self.changed else b"old", 'ETag: "e"\r\n' + fields_before)

        self.cached_app(serving(answer))
        for _ in range(2):
            self.get("/a")
        self.written(1)
        head, _ = self.get("/a", fields="Cache-Control: no-cache\r\n")
        self.assertIn("fwd-status=304", self.status_of(head))

    def test_a_tag_that_a_304_brings_purges_what_lies_there_too(self):
        self.validated(FRESH + "Cache-Tag: a\r\n", FRESH + "Cache-Tag: b\r\n")
        self.changed = True
        self.purge("tag", "b", project="default")
        self.assertEqual(self.get("/a")[1], b"new")

    def test_a_lifetime_that_a_304_makes_shorter_holds_after_a_restart_too(self):
        self.validated(FRESH, "Cache-Control: no-cache\r\n")
        self.written(2)
        self.restart()
        self.changed = True
        self.assertEqual(self.get("/a")[1], b"new")

    def test_a_304_that_says_the_same_writes_nothing(self):
        self.validated(FRESH + "Cache-Tag: a\r\n", FRESH + "Cache-Tag: a\r\n")
        for _ in range(3):
            self.get("/a")
        self.assertEqual(self.stats()["disk_writes_total"], 1)
        self.restart()
        self.assertIn("; hit", self.status_of(self.get("/a")[0]))


class Status(CacheCase):
    """Cache-Status, as RFC 9211 has it."""
    WORDS = {"bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"}

    def of(self, path="/a", **more):
        """What our member says, behind what others said."""
        head, _ = self.get(path, **more)
        members = [one.strip() for line in head.all("cache-status") for one in line.split(",")]
        self.assertEqual(members[:-1], ["origin; hit; ttl=5", "middle; fwd=stale"])
        name, *said = members[-1].split("; ")
        self.assertEqual(name, "moln")
        said = dict(one.split("=") if "=" in one else (one, True) for one in said)
        self.assertNotEqual("hit" in said, "fwd" in said)
        if "fwd" in said:
            self.assertIn(said["fwd"], self.WORDS)
        else:
            self.assertLessEqual(set(said), {"hit", "ttl", "key", "detail"})
        return said

    def test_each_answer_says_how_it_came(self):
        self.counting(FRESH + "Vary: X-Kind\r\nCache-Status: origin; hit; ttl=5\r\n"
                      "Cache-Status: middle; fwd=stale\r\n")
        told = lambda **more: self.of(**more).get("fwd", "hit")
        self.assertEqual(told(), "uri-miss")
        self.assertEqual(told(), "hit")
        self.assertEqual(told(fields="X-Kind: other\r\n"), "vary-miss")
        self.assertEqual(told(fields="X-Kind: other\r\n"), "hit")
        self.assertEqual(told(fields="Cache-Control: no-cache\r\n"), "request")
        self.assertEqual(told(fields="Cache-Control: no-store\r\n"), "request")
        self.assertEqual(told(method="POST", body=b"x"), "method")
        self.assertEqual(told(), "uri-miss")

    def test_that_something_is_not_kept_is_no_variant_of_it(self):
        self.counting(FRESH + "Cache-Status: origin; hit; ttl=5\r\n"
                      "Cache-Status: middle; fwd=stale\r\n")
        secret = "Authorization: x\r\n"
        self.assertEqual(self.of(fields=secret), {"fwd": "uri-miss", "detail": "authorization"})
        self.assertEqual(self.of()["fwd"], "uri-miss")
        self.assertIn("hit", self.of())


del CacheCase, DiskCase

if __name__ == "__main__":
    unittest.main()
