"""Other edges that hang, lie, or break off midway: no client is given what is wrong, or waits for
long. Between the edge and its real peer stands one that spoils what the peer says."""

import socket
import threading
import unittest

from cache_peers_test import CACHE, Edge, PeersCase, peer
from harness import PATIENCE, Stream, endpoint, ok, serving, until


class Between:
    """Takes questions for a peer, hands each to it, and says what `spoil(stream, answer, number)`
    makes of its answer: the head's bytes and the body."""

    def __init__(self, case, edge, spoil):
        self.edge = edge
        self.spoil = spoil
        self.lock = threading.Lock()
        self.asked = 0
        self.open = 0
        self.most = 0  # at a time
        self.origin = case.edges[0].origin(self.run)

    def run(self, stream, _number):
        while stream.inbox or stream.more():
            head = stream.head()
            with self.lock:
                self.asked += 1
                number = self.asked
                self.open += 1
                self.most = max(self.most, self.open)
            try:
                self.spoil(stream, lambda head=head: self.ask(head), number)
            finally:
                with self.lock:
                    self.open -= 1

    def ask(self, head):
        behind = Stream(socket.create_connection(self.edge.address, timeout=PATIENCE))
        try:
            behind.send(head.raw)
            said = behind.head()
            return said, behind.body(said)
        finally:
            behind.close()

    def peer(self, name, kind="parent"):
        return {"name": name, "kind": kind, "address": "127.0.0.1", "port": self.origin.port,
                "host": ""}


class OneThread(Edge):
    """Each thread learns for itself what its peers are like."""

    threads = 1


class Faults(PeersCase):
    def spoilt_parent(self, spoil, kind=Edge):
        """The child asks the parent through one that spoils."""
        parent, child = self.edge(), self.edge(kind)
        between = Between(self, parent, spoil)
        parent.join("parent", [])
        child.join("child", [between.peer("parent")])
        self.serve([parent, child])
        return parent, child, between

    def test_half_a_body_is_a_failure_and_the_next_asks_the_app(self):
        def half(stream, ask, _number):
            head, body = ask()
            stream.send(head.raw + body[:1])
            stream.sock.shutdown(socket.SHUT_RDWR)

        _, child, between = self.spoilt_parent(half)

        def served(i):
            """Told of half a body, or served."""
            client = child.client()
            client.send("GET /%d HTTP/1.1\r\nHost: shop.test\r\n\r\n" % i)
            head = client.head()
            try:
                body = client.body(head)
            except (EOFError, OSError):
                return False
            self.assertTrue(body.startswith(b"/%d " % i), body)
            return True

        results = [served(i) for i in range(20)]
        self.assertTrue(any(results), "it is left alone for a while")
        self.assertGreater(child.metric("moln_cache_peer_failures_total"), 0)
        self.assertLess(between.asked, 20)

    def test_half_a_body_with_a_strong_tag_is_gone_on_with_by_the_app(self):
        whole = bytes(i % 251 for i in range(100_000))
        ranges = []

        def tagged(head, _body):
            ranges.append(head.get("range"))
            first = int(head.get("range")[6:-1]) if head.get("range") else 0
            line = b"206 Partial Content" if first else b"200 OK"
            part = b"Content-Range: bytes %d-99999/100000\r\n" % first if first else b""
            return (b"HTTP/1.1 %s\r\nETag: \"a\"\r\nCache-Control: max-age=60\r\n%s"
                    b"Content-Length: %d\r\n\r\n"
                    % (line, part, len(whole) - first)) + whole[first:]

        def half(stream, ask, _number):
            head, body = ask()
            stream.send(head.raw + body[:40_000])
            stream.sock.shutdown(socket.SHUT_RDWR)

        parent, child, _ = self.spoilt_parent(half)
        self.serve([parent, child], parent.origin(serving(tagged)))
        for _ in range(2):
            head, body = child.get("/a")
            self.assertEqual((head.status, body == whole), (200, True))
        self.assertIn("hit", head.get("cache-status"))
        self.assertEqual(ranges, [None, "bytes=40000-"])
        self.assertEqual(child.metric("moln_cache_peer_failures_total"), 1)

    def test_a_body_that_stands_still_is_cut_whoever_it_is_for(self):
        """After half a minute. A stream of events may be silent for as long as it likes."""
        done = threading.Event()
        self.addCleanup(done.set)
        whole = b"x" * 100_000

        def answer(head, _body):
            path = head.first.split(" ")[1]
            if path == "/stream":
                return (b"HTTP/1.1 200 OK\r\nCache-Control: private\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")
            kept = "max-age=60" if path == "/public" else "private"
            return ok(whole, "Cache-Control: %s\r\n" % kept)

        def hangs(stream, ask, _number):
            head, body = ask()
            if head.get("transfer-encoding"):
                stream.send(head.raw + b"2\r\nab\r\n")
                done.wait(2 * PATIENCE)
                stream.send(b"2\r\ncd\r\n0\r\n\r\n")
            else:
                stream.send(head.raw + body[:50_000])
                stream.more()

        parent, child, between = self.spoilt_parent(hangs)
        self.serve([parent, child], parent.origin(serving(answer)))
        clients = {}
        for path in ("/public", "/private", "/stream"):
            clients[path] = child.client()
            clients[path].sock.settimeout(2 * PATIENCE)
            clients[path].send("GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % path)
        for client in clients.values():
            self.assertEqual(client.head().status, 200)
        self.assertEqual((between.asked, between.open), (3, 3))
        for path in ("/public", "/private"):
            self.assertEqual(clients[path].exactly(50_000), whole[:50_000])
            with self.assertRaises((EOFError, OSError)) as told:
                clients[path].exactly(1)
            self.assertNotIsInstance(told.exception, TimeoutError)
        done.set()
        self.assertEqual(clients["/stream"].chunked(), b"abcd")

    def test_the_answer_to_another_question_is_given_to_nobody(self):
        first = []

        def mixed_up(stream, ask, _number):
            head, body = ask()
            first.append(head.raw + body)
            stream.send(first[0])

        _, child, _ = self.spoilt_parent(mixed_up)
        for i in range(5):
            self.assertTrue(child.get("/%d" % i)[1].startswith(b"/%d " % i))
        self.assertGreater(child.metric("moln_cache_peer_failures_total"), 0)

    def test_one_that_says_nothing_is_asked_by_one_request_at_a_time(self):
        _, child, between = self.spoilt_parent(lambda stream, ask, number: stream.more(),
                                               kind=OneThread)
        self.assertEqual(child.get("/first")[0].status, 200)
        self.assertEqual(child.metric("moln_cache_peer_failures_total"), 1)
        clients = []

        def is_tried_again():
            clients.append(child.client())
            clients[-1].send("GET /%d HTTP/1.1\r\nHost: shop.test\r\n\r\n" % len(clients))
            return between.asked == 2

        until(is_tried_again, "the peer to be asked again")
        for i in range(30):
            self.assertEqual(child.get("/many-%d" % i)[0].status, 200)
        self.assertEqual(between.open, 1, "it is being tried still")
        for client in clients:
            self.assertEqual(client.head().status, 200)
        self.assertEqual(between.most, 1)

    def test_what_a_peer_gives_stale_as_its_app_fails_is_no_answer_where_the_app_is_there(self):
        parent, child = self.parent_and_child()
        down = []

        def failing(head, body):
            if down:
                return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
            return ok(b"old", "Cache-Control: max-age=1, stale-if-error=600\r\n")

        behind_parent = parent.origin(serving(failing))
        behind_child = parent.origin(serving(self.answer))
        for edge, origin in ((parent, behind_parent), (child, behind_child)):
            edge.publish_snapshot([edge.route(cache=CACHE)],
                                  [edge.app([endpoint("web-1", origin.port)])])
        self.assertEqual(parent.get("/a")[1], b"old")
        down.append(True)

        def stale():
            head, body = parent.get("/a")
            self.assertEqual((head.status, body), (200, b"old"))
            return "stale-if-error" in head.get("cache-status")

        until(stale, "the parent to give what is stale")
        head, body = child.get("/a")
        self.assertEqual((head.status, body), (200, b"/a 1"))
        self.assertNotIn("detail=parent", head.get("cache-status"))
        # With its own app gone too it is better than nothing.
        behind_child.stop()
        for _ in range(2):
            head, body = child.get("/b", fields="X-Other: 1\r\n")
            self.assertIn(head.status, (502, 503))
        parent_only = self.edge()
        parent_only.join("other", [peer("parent", parent, "parent")])
        for origin in (behind_child.port, None):
            endpoints = [endpoint("web-1", origin)] if origin else []
            parent_only.publish_snapshot([parent_only.route(cache=CACHE)],
                                         [parent_only.app(endpoints)])
            head, body = parent_only.get("/a")
            self.assertEqual((head.status, body), (200, b"old"))

    def test_who_asks_after_a_purge_is_not_given_what_a_peer_held_back(self):
        held = threading.Event()
        self.addCleanup(held.set)
        arrived = threading.Event()

        def slow(stream, ask, number):
            head, body = ask()
            arrived.set()
            if number == 1:
                held.wait(PATIENCE)
            stream.send(head.raw + body)

        _, child, between = self.spoilt_parent(slow)
        before = child.client()
        before.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        self.assertTrue(arrived.wait(PATIENCE))
        child.daemon.purged = None
        child.daemon.send({"purge": {"scope": "url", "project": "", "name": "shop.test/a"}})
        until(lambda: child.daemon.purged, "the purge")
        after = child.client()
        after.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        self.assertEqual(after.body(after.head()), b"/a 2")
        held.set()
        # It had asked before: each is an answer.
        self.assertIn(before.body(before.head()), (b"/a 1", b"/a 2", b"/a 3"))
        for _ in range(3):
            self.assertIn(child.get("/a")[1], (b"/a 2", b"/a 3"))

    def test_one_that_is_no_peer_any_more_ends_what_it_had_begun(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def slow(stream, ask, _number):
            head, body = ask()
            stream.send(head.raw + body[:1])
            go.wait(PATIENCE)
            stream.send(body[1:])

        _, child, between = self.spoilt_parent(slow)
        client = child.client()
        client.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        client.head()
        client.exactly(1)
        child.join("child", [])
        child.workers_have_heard()
        self.assertEqual(child.get("/b")[1], b"/b 2")
        self.assertEqual(between.asked, 1)
        go.set()
        self.assertEqual(client.exactly(3), b"a 1")
        self.assertIn("hit", child.get("/a")[0].get("cache-status"))

    def test_an_enormous_age_is_not_fresh(self):
        for age in (b"1000000000000000", b"9223372036854775807", b"-1", b"1e9"):
            with self.subTest(age=age):
                def old(stream, ask, _number, age=age):
                    head, body = ask()
                    begin = head.raw.index(b"age=", head.raw.index(b"Moln-Peer")) + 4
                    end = head.raw.index(b" ", begin)
                    stream.send(head.raw[:begin] + age + head.raw[end:] + body)

                _, child, _ = self.spoilt_parent(old)
                for _ in range(2):
                    head, _ = child.get("/a")
                    self.assertEqual(head.status, 200)
                    if age.startswith(b"1000"):
                        self.assertNotIn("hit", head.get("cache-status"))

    def test_a_handshake_that_hangs_costs_seconds(self):
        child = self.edge()
        silent = child.origin(lambda stream, number: stream.more(), greets=True)
        made = child.certify(["parent.edges.internal"])
        child.join("child", [{"name": "parent", "kind": "parent", "address": "127.0.0.1",
                              "port": silent.port, "host": "parent.edges.internal"}], made.chain)
        self.serve([child])
        self.assertEqual(child.get("/a")[0].status, 200)
        self.assertEqual(child.metric("moln_cache_peer_failures_total"), 1)


if __name__ == "__main__":
    unittest.main()
