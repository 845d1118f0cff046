"""Content delivery: what is answered from the cache, one fetch for many, revalidation, errors,
purges by unsafe methods. What the public suite asks is in tests/cache_suite."""

import resource
import socket
import threading
import unittest

from harness import PATIENCE, SANITIZED, EdgeCase, Stream, endpoint, ok, serving, until

CACHE = {"ttl": 0, "stale_while_revalidate": 0, "stale_if_error": 0}


def not_modified(extra=""):
    return ("HTTP/1.1 304 Not Modified\r\n%s\r\n" % extra).encode()


class Gate:
    """An origin whose answers go out when the test lets them."""

    def __init__(self):
        self.seen = []
        self.arrived = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)

    def script(self, answer):
        def run(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                self.seen.append(head)
                self.arrived.release()
                self.allowed.acquire(timeout=PATIENCE)
                answer(stream, head, len(self.seen))

        return run


class CacheCase(EdgeCase):
    def cached_app(self, script, **rules):
        origin = self.origin(script)
        self.publish_snapshot([self.route(cache={**CACHE, **rules})],
                              [self.app([endpoint("web-1", origin.port)])])
        return origin

    def counting(self, fields, status="200 OK", **rules):
        """An app that counts: every answer has its number as the body."""
        self.count = 0
        self.asked = []

        def answer(head, _body):
            self.count += 1
            self.asked.append(head)
            body = b"%d" % self.count
            return (b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" %
                    (status.encode(), len(body), fields.encode())) + body

        return self.cached_app(serving(answer), **rules)

    def status_of(self, head):
        return head.get("cache-status")


class Caching(CacheCase):
    def test_a_fresh_answer_is_given_again_on_every_thread_and_says_so(self):
        self.counting("Cache-Control: max-age=60\r\n")
        head, body = self.get("/a")
        self.assertEqual(body, b"1")
        self.assertIn("fwd=uri-miss", self.status_of(head))
        self.assertIn("stored", self.status_of(head))
        for _ in range(20):  # new connections: the kernel spreads them over the threads
            head, body = self.get("/a")
            self.assertEqual((head.status, body), (200, b"1"))
            self.assertTrue(self.status_of(head).startswith("moln; hit; ttl="))
            self.assertIsNotNone(head.get("age"))
        self.assertEqual(self.count, 1)
        _, body = self.get("/b")
        self.assertEqual(body, b"2")

    def test_a_route_without_a_cache_has_none(self):
        self.counting("Cache-Control: max-age=60\r\n")
        self.publish_snapshot([self.route()],
                              [self.app([endpoint("web-1", self.origins[0].port)])])
        for number in (1, 2):
            head, body = self.get("/a")
            self.assertEqual(body, b"%d" % number)
            self.assertIsNone(self.status_of(head))

    def test_head_and_ranges_are_answered_from_the_whole(self):
        self.cached_app(serving(lambda h, b: ok(b"0123456789", "Cache-Control: max-age=60\r\n"
                                                               'ETag: "e"\r\n')))
        self.get("/a")
        head, _ = self.get("/a", method="HEAD")
        self.assertEqual(head.get("content-length"), "10")
        for asked, status, content_range, wanted in (
                ("bytes=2-4", 206, "bytes 2-4/10", b"234"),
                ("bytes=-3", 206, "bytes 7-9/10", b"789"),
                ("bytes=8-", 206, "bytes 8-9/10", b"89"),
                ("bytes=10-", 416, "bytes */10", b""),
                ("bytes=0-1,3-4", 200, None, b"0123456789")):
            head, body = self.get("/a", fields="Range: %s\r\n" % asked)
            self.assertEqual((head.status, head.get("content-range"), body),
                             (status, content_range, wanted), asked)
        head, body = self.get("/a", fields='Range: bytes=0-1\r\nIf-Range: "other"\r\n')
        self.assertEqual((head.status, body), (200, b"0123456789"))
        self.assertEqual(self.origins[0].count, 1)

    def test_conditions_of_the_client_are_answered_here(self):
        self.counting('Cache-Control: max-age=60\r\nETag: "e"\r\nContent-Type: text/x\r\n')
        self.get("/a")
        head, body = self.get("/a", fields='If-None-Match: "x", "e"\r\n')
        self.assertEqual((head.status, head.get("etag"), body), (304, '"e"', b""))
        self.assertIsNone(head.get("content-type"))
        head, body = self.get("/a", fields='If-None-Match: "x"\r\n')
        self.assertEqual((head.status, body), (200, b"1"))

    def test_stale_is_validated_and_a_304_brings_it_up_to_date(self):
        def answer(head, _body):
            if head.get("if-none-match") == '"e"':
                return not_modified('Cache-Control: max-age=60\r\nX-New: 2\r\n')
            return ok(b"body", 'Cache-Control: no-cache\r\nETag: "e"\r\nX-Old: 1\r\n')

        self.cached_app(serving(answer))
        self.get("/a")
        head, body = self.get("/a")
        self.assertEqual((head.status, body, head.get("x-old"), head.get("x-new")),
                         (200, b"body", "1", "2"))
        self.assertIn("fwd=stale; fwd-status=304", self.status_of(head))
        head, body = self.get("/a")
        self.assertIn("hit", self.status_of(head))
        self.assertEqual(body, b"body")

    def test_vary_keeps_variants_apart(self):
        self.counting("Cache-Control: max-age=60\r\nVary: X-Color\r\n")
        _, red = self.get("/a", fields="X-Color: red\r\n")
        head, blue = self.get("/a", fields="X-Color: blue\r\n")
        self.assertIn("fwd=vary-miss", self.status_of(head))
        self.assertNotEqual(red, blue)
        self.assertEqual(self.get("/a", fields="X-Color: red\r\n")[1], red)
        self.assertEqual(self.get("/a", fields="X-Color: blue\r\n")[1], blue)
        self.assertEqual(self.count, 2)

    def test_what_a_client_keeps_from_the_app_does_not_become_what_others_get(self):
        """Fields that Connection lists go no further: its answer is not that to a request with
        them."""
        def answer(head, _body):
            word = head.get("x-lang", "none")
            return ok(word, "Cache-Control: max-age=60\r\nVary: X-Lang\r\n")

        self.cached_app(serving(answer))
        for fields, word, hit in (("Connection: X-Lang\r\nX-Lang: sv\r\n", b"none", False),
                                  ("X-Lang: sv\r\n", b"sv", False),
                                  ("X-Lang: sv\r\n", b"sv", True),
                                  ("Connection: X-Lang\r\nX-Lang: sv\r\n", b"none", False),
                                  # As Java's and curl's clients say it, to ask for HTTP/2.
                                  ("Connection: HTTP2-Settings\r\nHTTP2-Settings: a\r\n"
                                   "X-Lang: sv\r\n", b"sv", True),
                                  ("Connection: X-None\r\nX-Lang: sv\r\n", b"sv", True)):
            head, body = self.get(fields=fields)
            self.assertEqual((body, "hit" in (head.get("cache-status") or "")), (word, hit))

    def test_what_varies_by_who_asks_is_not_shared(self):
        self.cached_app(serving(lambda head, _body: ok(
            head.get("x-forwarded-for"), "Cache-Control: max-age=60\r\nVary: X-Forwarded-For\r\n")))
        for address in ("127.0.0.2", "127.0.0.3"):
            stream = Stream(socket.create_connection(self.address, PATIENCE, (address, 0)))
            self.streams.append(stream)
            head, body = self.get("/a", stream=stream)
            self.assertEqual(body, address.encode())

    def test_what_is_private_is_never_shared(self):
        self.counting("Cache-Control: private, max-age=60\r\n")
        for number in range(1, 6):
            head, body = self.get("/a")
            self.assertEqual(body, b"%d" % number)
            self.assertNotIn("hit", self.status_of(head))

    def test_many_waiters_are_one_fetch_and_stream_with_it(self):
        gate = Gate()
        half = threading.Event()

        def answer(stream, _head, _number):
            stream.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            half.wait(PATIENCE)
            stream.send("6\r\nsecond\r\n0\r\n\r\n")

        self.cached_app(gate.script(answer))
        clients = [self.client() for _ in range(40)]
        for client in clients:
            client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        gate.arrived.acquire(timeout=PATIENCE)
        gate.allowed.release()
        for client in clients:
            head = client.head()
            self.assertEqual(head.status, 200)
            self.assertEqual(client.upto(b"first\r\n"), b"5\r\nfirst\r\n")
        half.set()
        for client in clients:
            self.assertEqual(client.chunked(), b"second")
        self.assertEqual(len(gate.seen), 1)
        head, body = self.get("/a")
        self.assertEqual((head.get("content-length"), body), ("11", b"firstsecond"))
        self.assertEqual(len(gate.seen), 1)

    @unittest.skipIf(SANITIZED, "ten thousand connections take their time")
    def test_ten_thousand_cold_requests_at_once_are_one_fetch(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The edge gives four fifths of its descriptors to clients, shared out over its threads.
        count = 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard * 2 // 5)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 500), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        gate = Gate()
        self.cached_app(gate.script(lambda stream, head, number: stream.send(
            ok(b"the one", "Cache-Control: max-age=60\r\n"))))
        sockets = []
        try:
            for _ in range(count):
                sockets.append(socket.create_connection(self.address, timeout=PATIENCE))
            for sock in sockets:
                sock.sendall(b"GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            cache = lambda: self.daemon.fresh()["cache"]
            until(lambda: cache()["collapsed_total"] == count - 1, "all to wait")
            gate.allowed.release()
            for sock in sockets:
                self.assertTrue(Stream(sock).upto(b"the one").endswith(b"the one"))
        finally:
            for sock in sockets:
                sock.close()
        self.assertEqual(len(gate.seen), 1)
        self.assertEqual(cache()["misses_total"], 1)

    def test_a_fetch_goes_on_when_who_asked_first_has_left(self):
        gate = Gate()
        self.cached_app(gate.script(lambda stream, head, number: stream.send(
            ok(b"%d" % number, "Cache-Control: max-age=60\r\n"))))
        first = self.client()
        first.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        gate.arrived.acquire(timeout=PATIENCE)
        second = self.client()
        second.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] == 1, "the second to wait")
        first.reset()
        gate.allowed.release()
        self.assertEqual(second.body(second.head()), b"1")
        self.assertEqual(self.get("/a")[1], b"1")
        self.assertEqual(len(gate.seen), 1)

    def test_waiters_of_what_may_not_be_shared_ask_for_themselves(self):
        gate = Gate()
        self.cached_app(gate.script(lambda stream, head, number: stream.send(
            ok(b"for " + head.get("x-who").encode(), "Cache-Control: private\r\n"))))
        clients = {who: self.client() for who in ("ann", "bob", "cem")}
        for who, client in clients.items():
            client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nX-Who: %s\r\n\r\n" % who)
        for _ in clients:
            gate.allowed.release()
        for who, client in clients.items():
            self.assertEqual(client.body(client.head()), b"for " + who.encode())
        self.assertEqual(len(gate.seen), 3)

    def test_a_304_that_is_not_for_all_is_nobodys(self):
        """Its fields are of who led, a cookie say. Nor does it answer who had no condition."""
        for path, fields in (("/a", "Cache-Control: private, max-age=60\r\n"),
                             ("/b", "Cache-Control: no-store\r\n"), ("/c", "Vary: *\r\n")):
            gate = Gate()

            def answer(stream, head, number):
                who = head.get("x-who")
                said = "Set-Cookie: %s\r\n%s" % (who, fields)
                stream.send(not_modified(said) if head.get("if-none-match") else
                            ok(b"for " + who.encode(), said) if number > 1 else
                            ok(b"for all", 'Cache-Control: max-age=0\r\nETag: "e"\r\n'))

            self.cached_app(gate.script(answer))
            gate.allowed.release()
            self.assertEqual(self.get(path, fields="X-Who: -\r\n")[1], b"for all")
            clients = {who: self.client() for who in ("ann", "bob", "cem")}
            collapsed = self.daemon.fresh()["cache"]["collapsed_total"]
            for who, client in clients.items():
                client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\nX-Who: %s\r\n\r\n" % (path, who))
            until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] == collapsed + 2,
                  "two to wait")
            for _ in range(4):
                gate.allowed.release()
            for who, client in clients.items():
                head = client.head()
                self.assertEqual((head.status, head.all("set-cookie")), (200, [who]))
                self.assertEqual(client.body(head), b"for " + who.encode())

    def test_a_slow_reader_does_not_slow_the_others(self):
        size = 3 << 20
        self.cached_app(serving(lambda h, b: ok(b"x" * size, "Cache-Control: max-age=60\r\n")))
        slow = self.client()
        slow.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        slow.head()
        for _ in range(3):
            self.assertEqual(len(self.get("/a")[1]), size)
        self.assertEqual(len(slow.exactly(size)), size)
        self.assertEqual(self.origins[0].count, 1)

    def test_stale_while_revalidate_answers_at_once_and_asks_behind(self):
        gate = Gate()
        self.cached_app(gate.script(lambda stream, head, number: stream.send(
            ok(b"%d" % number, "Cache-Control: max-age=0, stale-while-revalidate=60\r\n"))))
        gate.allowed.release()
        self.assertEqual(self.get("/a")[1], b"1")
        head, body = self.get("/a")  # the app does not answer now
        self.assertEqual(body, b"1")
        self.assertIn("hit; ttl=-", self.status_of(head).replace("ttl=0", "ttl=-0"))
        gate.arrived.acquire(timeout=PATIENCE)
        gate.arrived.acquire(timeout=PATIENCE)
        gate.allowed.release()
        until(lambda: gate.allowed.release() or self.get("/a")[1] != b"1", "the new answer")

    def test_stale_if_error_hides_an_app_that_fails(self):
        answers = [ok(b"good", "Cache-Control: max-age=0, stale-if-error=60\r\nETag: \"e\"\r\n"),
                   b"HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\noops"]
        self.cached_app(serving(lambda h, b: answers.pop(0) if len(answers) > 1 else answers[0]))
        self.assertEqual(self.get("/a")[1], b"good")
        head, body = self.get("/a")
        self.assertEqual((head.status, body), (200, b"good"))
        self.assertIn("stale-if-error", self.status_of(head))

    def test_without_a_word_an_error_is_told(self):
        answers = [ok(b"good", "Cache-Control: max-age=0\r\nETag: \"e\"\r\n"),
                   b"HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\noops"]
        self.cached_app(serving(lambda h, b: answers.pop(0) if len(answers) > 1 else answers[0]))
        self.assertEqual(self.get("/a")[1], b"good")
        head, body = self.get("/a")
        self.assertEqual((head.status, body), (503, b"oops"))

    def test_must_revalidate_is_never_served_stale(self):
        def script(stream, number):
            stream.head()
            if number == 1:
                stream.send(ok(b"good", "Cache-Control: max-age=0, must-revalidate\r\n"
                                        "ETag: \"e\"\r\nConnection: close\r\n"))

        # One attempt: several that take more than a second together are answered with 503.
        origin = self.origin(script)
        self.publish_snapshot([self.route(cache={**CACHE, "stale_if_error": 3_600_000})],
                              [self.app([endpoint("web-1", origin.port)], retry="none")])
        self.assertEqual(self.get("/a")[1], b"good")
        head, _ = self.get("/a")
        self.assertEqual(head.status, 502)

    def test_an_unsafe_request_that_succeeds_makes_what_is_stored_untrue(self):
        def answer(head, _body):
            if head.first.startswith("POST"):
                return ok(b"done", "Location: /b\r\n")
            self.count += 1
            return ok(b"%d" % self.count, "Cache-Control: max-age=60\r\n")

        self.count = 0
        self.cached_app(serving(answer))
        a, b, c = (self.get(path)[1] for path in ("/a", "/b", "/c"))
        self.get("/a", method="POST", body=b"x")
        self.assertNotEqual(self.get("/a")[1], a)
        self.assertNotEqual(self.get("/b")[1], b)
        self.assertEqual(self.get("/c")[1], c)

    def test_an_unsafe_request_that_the_canary_answers_makes_it_untrue_too(self):
        self.counting("Cache-Control: max-age=60\r\n")
        old = endpoint("old-1", self.origins[0].port)
        new = {**endpoint("new-1", self.origin(serving(lambda head, body: ok(b"done"))).port),
               "release": 2}
        self.publish_snapshot([self.route(cache=CACHE)], [self.app(
            [old, new], canary_release=2,
            canary={"share": 0, "header": "X-Canary", "cookie": ""})])
        before = self.get("/a")[1]
        self.assertEqual(self.get("/a")[1], before)
        head, body = self.get("/a", method="POST", body=b"x", fields="X-Canary: yes\r\n")
        self.assertEqual((head.status, body), (200, b"done"))
        self.assertNotEqual(self.get("/a")[1], before)

    def test_only_if_cached_never_asks(self):
        self.counting("Cache-Control: max-age=60\r\n")
        head, _ = self.get("/a", fields="Cache-Control: only-if-cached\r\n")
        self.assertEqual((head.status, self.count), (504, 0))

    def test_who_wants_only_what_is_cached_is_not_led_to_the_app_by_a_wait_in_vain(self):
        gate = Gate()
        self.cached_app(gate.script(
            lambda stream, _head, _number: stream.send(ok(b"own", "Cache-Control: private\r\n"))))
        first, second = self.client(), self.client()
        first.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        gate.arrived.acquire()
        second.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n"
                    "Cache-Control: only-if-cached\r\n\r\n")
        until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] == 1, "the second to wait")
        gate.allowed.release()
        self.assertEqual(first.body(first.head()), b"own")
        self.assertEqual(second.head().status, 504)
        self.assertEqual(len(gate.seen), 1)

    def test_a_broken_answer_is_not_kept_and_its_readers_are_cut(self):
        def script(stream, number):
            stream.head()
            whole = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nCache-Control: max-age=60\r\n\r\n"
            stream.send(whole + (b"half" if number == 1 else b"complete"))

        self.cached_app(script)
        client = self.client()
        client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        client.head()
        with self.assertRaises((EOFError, OSError)):
            client.exactly(8)
        self.assertEqual(self.get("/a")[1], b"complete")

    def test_what_breaks_off_is_not_kept_though_its_head_was_validated_meanwhile(self):
        """Its tag is weak: it cannot be gone on with."""
        go = threading.Event()
        asked = []

        def script(stream, number):
            while stream.inbox or stream.more():
                head = stream.head()
                asked.append(head.get("if-none-match"))
                if head.get("if-none-match") == 'W/"e"':
                    stream.send(not_modified('ETag: W/"e"\r\n'))
                    continue
                start = ok(b"whole", 'Cache-Control: no-cache\r\nETag: W/"e"\r\n')
                if number > 1:
                    stream.send(start)
                    continue
                stream.send(start[:-2])
                go.wait(PATIENCE)
                return

        self.cached_app(script)
        clients = [self.client() for _ in range(2)]
        for client in clients:
            client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            self.assertEqual(client.head().status, 200)
            self.assertEqual(client.exactly(3), b"who")
        self.assertEqual(asked, [None, 'W/"e"'])
        go.set()
        for client in clients:
            self.assertTrue(client.closed())
        self.assertEqual(self.get("/a")[1], b"whole")
        self.assertEqual(self.get("/a")[1], b"whole")
        self.assertEqual(asked, [None, 'W/"e"', None, 'W/"e"'])

    def test_what_breaks_off_before_it_is_found_to_be_good_is_asked_for_anew(self):
        broken, validated = threading.Event(), threading.Event()
        asked = []

        def script(stream, number):
            while stream.inbox or stream.more():
                asked.append(stream.head().get("if-none-match"))
                if asked[-1] == 'W/"e"':
                    validated.wait(PATIENCE)
                    stream.send(not_modified('ETag: W/"e"\r\n'))
                    continue
                start = ok(b"whole", 'Cache-Control: no-cache\r\nETag: W/"e"\r\n')
                if number > 1:
                    stream.send(start)
                    continue
                stream.send(start[:-2])
                broken.wait(PATIENCE)
                return

        self.cached_app(script)
        first, second = self.client(), self.client()
        first.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        first.head()
        self.assertEqual(first.exactly(3), b"who")
        second.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: len(asked) == 2, "the question whether it is still good")
        broken.set()
        self.assertTrue(first.closed())
        validated.set()
        self.assertEqual(second.body(second.head()), b"whole")
        self.assertEqual(asked, [None, 'W/"e"', None])

    def test_another_app_is_never_given_what_was_stored_for_one(self):
        self.counting("Cache-Control: max-age=60\r\n")
        self.get("/a")
        self.get("/a")
        other = self.origin(serving(lambda h, b: ok(b"other", "Cache-Control: max-age=60\r\n")))
        app = self.app([endpoint("web-2", other.port)])
        app["app"] = "default/other"
        route = {**self.route(cache=CACHE), "app": "default/other"}
        self.publish_snapshot([route], [app])
        self.assertEqual(self.get("/a")[1], b"other")


class Purging(CacheCase):
    """What is purged is not given again; nothing else goes."""

    def purge(self, scope, name, project="default"):
        self.daemon.purged = None
        self.daemon.send({"purge": {"scope": scope, "project": project, "name": name}})
        return until(lambda: self.daemon.purged, "the purge")[0]

    def bodies(self):
        return [self.get(path)[1] for path in ("/a", "/a/b", "/a/b?q", "/c")]

    def check(self, scope, name, gone):
        before = self.bodies()
        self.assertEqual(self.bodies(), before)
        self.assertEqual(self.purge(scope, name), "")
        after = self.bodies()
        self.assertEqual([b != a for b, a in zip(before, after)], gone, (scope, name))

    def test_by_url_path_tag_app_and_project(self):
        self.counting("Cache-Control: max-age=60\r\nCache-Tag: all, x\r\n")
        self.check("url", "https://shop.test/a/b", [False, True, False, False])
        self.check("url", "shop.test/a/b?q", [False, False, True, False])
        self.check("path", "shop.test/a", [True, True, True, False])
        self.check("path", "shop.test/a/b/", [False, True, True, False])
        self.check("path", "shop.test", [True] * 4)
        self.check("tag", "x", [True] * 4)
        self.check("tag", "y", [False] * 4)
        self.check("app", "default/shop", [True] * 4)
        self.check("app", "default/other", [False] * 4)
        self.check("project", "default", [True] * 4)

    def test_of_what_is_no_url_is_refused_with_a_reason(self):
        self.assertIn("expected a URL", self.purge("url", "a b"))

    def test_holds_for_what_is_being_fetched(self):
        gate = Gate()
        self.cached_app(gate.script(lambda stream, head, number: stream.send(
            ok(b"%d" % number, "Cache-Control: max-age=60\r\n"))))
        client = self.client()
        client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        gate.arrived.acquire(timeout=PATIENCE)
        self.purge("url", "shop.test/a")
        gate.allowed.release()
        gate.allowed.release()
        self.assertEqual(client.body(client.head()), b"1")  # it had asked before
        self.assertEqual(self.get("/a")[1], b"2")

    def test_the_report_counts(self):
        self.counting("Cache-Control: max-age=60\r\n")
        self.get("/a")
        self.get("/a")
        report = self.daemon.fresh()["cache"]
        self.assertEqual((report["objects"], report["hits_total"], report["misses_total"]),
                         (1, 1, 1))
        self.assertGreater(report["size"], 0)
        self.assertLess(report["size"], 2000)


class SmallCache(Caching):
    """The same with a memory of 2 MiB: every limit is near."""

    options = ("--cache-bytes", str(2 << 20))

    # Larger than one answer may be here; and once is enough.
    test_a_slow_reader_does_not_slow_the_others = None
    test_ten_thousand_cold_requests_at_once_are_one_fetch = None

    def test_of_unknown_length_and_too_long_goes_through_whole_and_is_not_kept(self):
        parts = [b"%06d" % i * 1000 for i in range(100)]  # 600 kB; one may have 256 KiB here

        def script(stream, _number):
            while stream.inbox or stream.more():
                stream.head()
                stream.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n")
                for part in parts:
                    stream.send(b"%x\r\n%s\r\n" % (len(part), part))
                stream.send("0\r\n\r\n")

        self.cached_app(script)
        for _ in range(3):
            head, body = self.get("/a")
            self.assertEqual(body, b"".join(parts))
            self.assertNotIn("hit", self.status_of(head))
        self.assertLess(self.daemon.fresh()["cache"]["size"], 10_000)

    def test_the_cache_keeps_to_its_memory(self):
        size = 100_000
        self.cached_app(serving(lambda h, b: ok(b"x" * size, "Cache-Control: max-age=60\r\n")))
        before = self.memory_kib()
        for number in range(200):
            self.assertEqual(len(self.get("/%d" % number)[1]), size)
        cache = self.daemon.fresh()["cache"]
        self.assertLessEqual(cache["size"], cache["size_max"])
        if not SANITIZED:  # what is free stays with a sanitizer for a while
            self.assertLess(self.memory_kib() - before, 8 * 1024)

    def test_an_answer_longer_than_one_may_be_goes_through_whole(self):
        size = 1 << 20  # of a cache of 2 MiB
        self.cached_app(serving(lambda h, b: ok(b"x" * size, "Cache-Control: max-age=60\r\n")))
        for _ in range(2):
            head, body = self.get("/a")
            self.assertEqual(len(body), size)
            self.assertNotIn("hit", self.status_of(head))


if __name__ == "__main__":
    unittest.main()
