"""Edges that fill their caches from one another: siblings of a place, among which URLs are spread,
and parents nearer to the app."""

import signal
import subprocess
import threading
import unittest

from harness import EdgeCase, PROGRAM, endpoint, serving, until

CACHE = {"ttl": 0, "stale_while_revalidate": 0, "stale_if_error": 0}
KEY = "0123456789abcdef" * 4


class Edge(EdgeCase):
    """One of several, not a test."""

    def runTest(self):
        pass

    def join(self, name, peers, authorities="", key=KEY):
        sealed = subprocess.run([PROGRAM, "seal-peer-key", self.dir + "/seal.key"], input=key,
                                check=True, capture_output=True, text=True).stdout
        self.daemon.send({"cache_peers": {"name": name, "sealed_key": sealed,
                                          "authorities": authorities, "peers": peers}})
        self.daemon.fresh()  # it is read before the question

    def metric(self, name):
        for line in self.daemon.metrics_text().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
        return None


class EdgeWithDisk(Edge):
    @property
    def options(self):
        return ("--cache-disk", self.dir + "/cache", "--cache-disk-bytes", str(64 << 20))

    def wait_for_disk(self):
        until(lambda: "cache_disk_ready" in self.stderr(), "the disk")


def peer(name, edge, kind="sibling", host=""):
    address, port = edge.tls_address if host else edge.address
    return {"name": name, "kind": kind, "address": address, "port": port, "host": host}


class PeersCase(unittest.TestCase):
    def setUp(self):
        self.edges = []
        self.answer_fields = "Cache-Control: max-age=60\r\n"
        self.asked = []
        self.lock = threading.Lock()

    def edge(self, kind=Edge):
        edge = kind()
        self.addCleanup(edge.leave)
        edge.setUp()
        self.edges.append(edge)
        self.addCleanup(edge.tearDown)
        return edge

    def answer(self, head, _body):
        with self.lock:
            self.asked.append(head)
            number = len(self.asked)
        body = b"%s %d" % (head.first.split()[1].encode(), number)
        return (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n"
                % (len(body), self.answer_fields.encode())) + body

    def serve(self, edges, origin=None, **rules):
        """The same app behind all of them."""
        origin = origin or edges[0].origin(serving(self.answer))
        for edge in edges:
            edge.publish_snapshot([edge.route(cache={**CACHE, **rules})],
                                  [edge.app([endpoint("web-1", origin.port)])])
        return origin

    def siblings(self, count):
        edges = [self.edge() for _ in range(count)]
        for i, edge in enumerate(edges):
            edge.join("edge-%d" % i, [peer("edge-%d" % j, other) for j, other in enumerate(edges)
                                      if j != i])
        return edges

    def parent_and_child(self):
        parent, child = self.edge(), self.edge()
        parent.join("parent", [])
        child.join("child", [peer("parent", parent, "parent")])
        return parent, child


class Siblings(PeersCase):
    def test_a_url_is_fetched_once_however_many_edges_are_asked_for_it(self):
        edges = self.siblings(3)
        self.serve(edges)
        told = []
        for i in range(30):
            bodies = set()
            for edge in edges:
                head, body = edge.get("/%d" % i)
                self.assertEqual(head.status, 200)
                self.assertIsNone(head.get("moln-peer"))
                bodies.add(body)
                told.append(head.get("cache-status"))
            self.assertEqual(len(bodies), 1)
        self.assertEqual(len(self.asked), 30)
        self.assertTrue(any("detail=sibling" in one for one in told), told)
        # Each owns some: those are asked of it, and only those.
        for edge in edges:
            self.assertGreater(edge.metric("moln_cache_peer_questions_total"), 0)
            self.assertGreater(edge.metric("moln_cache_peer_fetches_total"), 0)
            self.assertEqual(edge.metric("moln_cache_peer_failures_total"), 0)
        for edge in edges:
            for i in range(30):
                head, _ = edge.get("/%d" % i)
                self.assertIn("hit", head.get("cache-status"))
        self.assertEqual(len(self.asked), 30)

    def test_the_app_sees_the_client_and_not_the_edge_before(self):
        edges = self.siblings(2)
        self.serve(edges)
        for i in range(10):
            for edge in edges:
                edge.get("/%d" % i)
        self.assertEqual(len(self.asked), 10)
        through = [head for head in self.asked if "," in head.get("x-forwarded-for")]
        self.assertGreater(len(through), 0)
        for head in self.asked:
            self.assertTrue(head.get("x-forwarded-for").startswith("127.0.0.1"))
            self.assertEqual(head.get("x-forwarded-proto"), "http")
            self.assertIsNone(head.get("moln-peer"))

    def test_one_that_is_gone_is_asked_no_more_and_its_urls_are_served(self):
        edges = self.siblings(2)
        self.serve(edges)
        edges[1].process.kill()
        edges[1].process.wait()
        for i in range(20):
            head, _ = edges[0].get("/%d" % i)
            self.assertEqual(head.status, 200)
        self.assertEqual(len(self.asked), 20)
        failures = edges[0].metric("moln_cache_peer_failures_total")
        self.assertGreater(failures, 0)
        self.assertLess(failures, 20, "it is left alone for a while")

    def test_what_is_for_nobody_else_goes_to_who_asked_alone(self):
        self.answer_fields = "Cache-Control: private, max-age=60\r\n"
        edges = self.siblings(2)
        self.serve(edges)
        for i in range(10):
            bodies = [edge.get("/%d" % i)[1] for edge in edges for _ in range(2)]
            self.assertEqual(len(set(bodies)), 4, bodies)

    def test_a_tag_purges_what_came_by_another_edge(self):
        self.answer_fields = "Cache-Control: max-age=60\r\nCache-Tag: all, news\r\n"
        edges = self.siblings(2)
        self.serve(edges)
        for i in range(10):
            for edge in edges:
                head, _ = edge.get("/%d" % i)
                self.assertIsNone(head.get("cache-tag"))
        for edge in edges:
            edge.daemon.purged = None
            edge.daemon.send({"purge": {"scope": "tag", "project": "default", "name": "news"}})
            until(lambda edge=edge: edge.daemon.purged, "the purge")
        for i in range(10):
            head, body = edges[0].get("/%d" % i)
            self.assertIn("fwd=", head.get("cache-status"))
            self.assertEqual(body.split()[1], b"%d" % (11 + i))

    def purge(self, edge, scope, name):
        edge.daemon.purged = None
        edge.daemon.send({"purge": {"scope": scope, "project": "default", "name": name}})
        until(lambda: edge.daemon.purged, "the purge")

    def test_what_was_purged_is_not_had_from_one_that_has_not_heard_of_it(self):
        self.answer_fields = "Cache-Control: max-age=60\r\nCache-Tag: news\r\n"
        edges = self.siblings(2)
        self.serve(edges)
        purges = {"url": "http://shop.test/%d", "path": "shop.test", "tag": "news"}
        for first, (scope, name) in zip(range(0, 300, 100), purges.items()):
            urls = ["/%d" % (first + i) for i in range(8)]
            before = {url: [edge.get(url)[1] for edge in edges] for url in urls}
            for url in urls if scope == "url" else urls[:1]:
                self.purge(edges[0], scope, name % int(url[1:]) if "%" in name else name)
            for url in urls:
                head, body = edges[0].get(url)
                self.assertNotIn(body, before[url], (scope, url))
                self.assertNotIn("detail=sibling", head.get("cache-status"))
                head, again = edges[0].get(url)
                self.assertEqual(again, body, "it is kept")
                self.assertIn("hit", head.get("cache-status"))
                self.assertEqual(edges[1].get(url)[1], before[url][1], "it has heard of nothing")

    def test_who_changed_something_does_not_see_it_as_it_was(self):
        edges = self.siblings(2)
        self.serve(edges)
        for i in range(8):
            before = {edge.get("/%d" % i)[1] for edge in edges}
            head, _ = edges[0].get("/%d" % i, method="POST", body=b"x")
            self.assertEqual(head.status, 200)
            self.assertNotIn(edges[0].get("/%d" % i)[1], before)

    def test_purges_of_before_a_restart_count_too(self):
        forgetful, other = self.edge(EdgeWithDisk), self.edge()
        origin = self.serve([forgetful, other])
        other.join("other", [])
        before = [other.get("/%d" % i)[1] for i in range(8)]
        self.purge(forgetful, "path", "shop.test")
        forgetful.daemon.close()
        forgetful.process.kill()
        forgetful.process.wait()
        forgetful.start()
        forgetful.wait_for_disk()
        self.serve([forgetful], origin)
        forgetful.join("child", [peer("other", other, "parent")])
        for i, body in enumerate(before):
            self.assertNotEqual(forgetful.get("/%d" % i)[1], body)
        forgetful.get("/new")
        self.assertGreater(forgetful.metric("moln_cache_peer_fetches_total"), 0)

    def test_how_long_it_is_fresh_is_what_the_app_told_the_edge_that_asked_it(self):
        # Surrogate-Control is not passed on, and stands for all of Cache-Control.
        self.answer_fields = "Surrogate-Control: max-age=60\r\nCache-Control: no-store\r\n"
        edges = self.siblings(2)
        self.serve(edges)
        for i in range(10):
            for edge in edges * 2:
                edge.get("/%d" % i)
        self.assertEqual(len(self.asked), 10)
        self.answer_fields = "Surrogate-Control: no-store\r\nCache-Control: max-age=60\r\n"
        for i in range(10, 20):
            bodies = [edge.get("/%d" % i)[1] for edge in edges for _ in range(2)]
            self.assertEqual(len(set(bodies)), 4, bodies)

    def test_a_client_cannot_say_that_it_is_an_edge(self):
        edges = self.siblings(2)
        self.serve(edges)
        for edge in edges:
            for i in range(5):
                edge.get("/%d" % i, fields="Moln-Peer: a edge-0 sibling http 1764469200 "
                         + "0" * 32 + "\r\nX-Forwarded-For: 203.0.113.9\r\n")
        for head in self.asked:
            self.assertNotIn("203.0.113.9", head.get("x-forwarded-for"))
            self.assertIsNone(head.get("moln-peer"))

    def test_an_edge_with_another_key_is_a_client(self):
        edges = self.siblings(2)
        self.serve(edges)
        edges[0].join("edge-0", [peer("edge-1", edges[1])], key="f" * 64)
        for i in range(10):
            for edge in edges:
                self.assertEqual(edge.get("/%d" % i)[0].status, 200)
        self.assertEqual(edges[1].metric("moln_cache_peer_questions_total"), 0)

    def test_what_is_asked_with_credentials_is_asked_of_the_app(self):
        edges = self.siblings(2)
        self.serve(edges)
        for i in range(10):
            for edge in edges:
                edge.get("/%d" % i, fields="Authorization: Bearer x\r\n")
        for edge in edges:
            self.assertEqual(edge.metric("moln_cache_peer_fetches_total"), 0)

    def test_where_clients_stay_with_an_instance_no_edge_is_asked(self):
        self.answer_fields = "Cache-Control: no-store\r\n"
        edges = self.siblings(2)
        origin = edges[0].origin(serving(self.answer))
        for edge in edges:
            edge.publish_snapshot([edge.route(cache=CACHE)],
                                  [edge.app([endpoint("web-1", origin.port)], affinity=True)])
        for i in range(10):
            head, _ = edges[0].get("/%d" % i)
            self.assertEqual(len(head.all("set-cookie")), 1)
        self.assertEqual(edges[0].metric("moln_cache_peer_fetches_total"), 0)

    def test_one_that_stands_still_is_given_up(self):
        edges = self.siblings(2)
        self.serve(edges)
        edges[0].get("/warm")
        edges[1].process.send_signal(signal.SIGSTOP)
        try:
            clients = []
            for i in range(20):
                client = edges[0].client()
                client.send("GET /%d HTTP/1.1\r\nHost: shop.test\r\n\r\n" % i)
                clients.append(client)
            for client in clients:
                client.sock.settimeout(60)
                self.assertEqual(client.head().status, 200)
        finally:
            edges[1].process.send_signal(signal.SIGCONT)
        self.assertGreater(edges[0].metric("moln_cache_peer_failures_total"), 0)

    def test_it_is_sent_on_while_it_comes_and_fetched_once_for_all_who_wait(self):
        go = threading.Event()

        def slow(stream, _number):
            head = stream.head()
            self.asked.append(head)
            stream.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                        "Content-Length: 10\r\n\r\nfirst")
            go.wait(20)
            stream.send("after")

        edges = self.siblings(3)
        self.serve(edges, edges[0].origin(slow))
        clients = []
        for edge in edges * 4:
            stream = edge.client()
            stream.send("GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            clients.append(stream)
        for stream in clients:
            stream.head()
            self.assertEqual(stream.exactly(5), b"first")
        go.set()
        for stream in clients:
            self.assertEqual(stream.exactly(5), b"after")
        self.assertEqual(len(self.asked), 1)

    def test_compressed_forms_are_made_by_each(self):
        text = b"as it is " * 1000

        def plain(head, _body):
            self.asked.append(head)
            return (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\n"
                    b"Cache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n" % len(text)) + text

        edges = self.siblings(2)
        self.serve(edges, edges[0].origin(serving(plain)), compress=True)
        for edge in edges:
            def coded(edge=edge):
                head, body = edge.get("/text", fields="Accept-Encoding: gzip\r\n")
                self.assertEqual(head.get("vary"), "Accept-Encoding")
                return head.get("content-encoding") == "gzip" and len(body) < len(text)
            until(coded, "the compressed form")
            self.assertEqual(edge.get("/text")[1], text)
        self.assertEqual(len(self.asked), 1)

    def test_parts_of_what_is_long_come_from_its_owner(self):
        whole = bytes(i % 251 for i in range(5 << 20))

        def part(head, _body):
            self.asked.append(head)
            first, last = head.get("range")[6:].split("-")
            last = min(int(last), len(whole) - 1)
            body = whole[int(first):last + 1]
            return (b"HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nCache-Control: max-age=60\r\n"
                    b"Content-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n"
                    % (int(first), last, len(whole), len(body))) + body

        edges = self.siblings(2)
        self.serve(edges, edges[0].origin(serving(part)))
        for edge in edges:
            head, body = edge.get("/film", fields="Range: bytes=1000000-3000000\r\n")
            self.assertEqual(head.status, 206)
            self.assertEqual(body, whole[1000000:3000001])
        self.assertEqual(len(self.asked), 3)

    def test_peers_are_known_again_after_a_restart_and_forgotten_when_told(self):
        edges = self.siblings(2)
        self.serve(edges)
        first = edges[0]
        first.daemon.close()
        first.process.kill()
        first.process.wait()
        first.start()
        edges[1].join("edge-1", [peer("edge-0", first)])
        for i in range(20):
            for edge in edges:
                edge.get("/%d" % i)
        self.assertEqual(len(self.asked), 20)
        self.assertGreater(first.metric("moln_cache_peer_fetches_total"), 0)
        first.daemon.send({"cache_peers": {"name": "", "sealed_key": "", "authorities": "",
                                           "peers": []}})
        first.daemon.fresh()
        before = first.metric("moln_cache_peer_fetches_total")
        for i in range(20, 40):
            first.get("/%d" % i)
        self.assertEqual(first.metric("moln_cache_peer_fetches_total"), before)

    def test_what_cannot_be_used_is_told_and_changes_nothing(self):
        edges = self.siblings(2)
        self.serve(edges)
        edges[0].join("edge-0", [peer("edge-1", edges[1])], key="no key")
        self.assertIn("cache_peers_ignored reason=the key of the cache's peers is not 64",
                      edges[0].stderr())
        edges[0].join("edge-0", [{**peer("edge-1", edges[1]), "address": "192.0.2.1"}])
        self.assertIn("only a loopback address is asked without TLS", edges[0].stderr())
        for i in range(20):
            for edge in edges:
                edge.get("/%d" % i)
        self.assertEqual(len(self.asked), 20)


class Parents(PeersCase):
    def test_a_child_asks_its_parent_and_keeps_the_answer(self):
        parent, child = self.parent_and_child()
        self.serve([parent, child])
        head, body = child.get("/a")
        self.assertIn("detail=parent", head.get("cache-status"))
        self.assertEqual(parent.get("/a")[1], body)
        self.assertIn("hit", child.get("/a")[0].get("cache-status"))
        self.assertEqual(len(self.asked), 1)
        self.assertEqual(parent.metric("moln_cache_peer_questions_total"), 1)

    def test_its_age_is_what_it_has_had_at_both(self):
        self.answer_fields = "Cache-Control: max-age=60\r\nAge: 50\r\n"
        parent, child = self.parent_and_child()
        self.serve([parent, child])
        parent.get("/a")
        child.get("/a")
        head, _ = child.get("/a")
        self.assertGreaterEqual(int(head.get("age")), 50)
        self.assertIn("hit", head.get("cache-status"))

    def test_what_is_stale_is_validated_by_the_parent(self):
        def validating(head, _body):
            self.asked.append(head)
            if head.get("if-none-match"):
                return (b"HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\n"
                        b"ETag: \"a\"\r\n\r\n")
            return (b"HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nETag: \"a\"\r\n"
                    b"Content-Length: 4\r\n\r\nbody")

        parent, child = self.parent_and_child()
        self.serve([parent, child], parent.origin(serving(validating)))
        for _ in range(3):
            head, body = child.get("/a")
            self.assertEqual(body, b"body")
        self.assertIn("fwd-status=304", head.get("cache-status"))
        self.assertEqual([bool(head.get("if-none-match")) for head in self.asked],
                         [False, True, True])

    def test_what_purges_it_stays_the_same_however_often_it_is_validated(self):
        def validating(head, _body):
            self.asked.append(head)
            fields = b"Cache-Control: no-cache\r\nETag: \"a\"\r\nCache-Tag: a, b, c, d, e\r\n"
            if head.get("if-none-match"):
                return b"HTTP/1.1 304 Not Modified\r\n" + fields + b"\r\n"
            return b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 4\r\n\r\nbody"

        parent, child = self.parent_and_child()
        self.serve([parent, child], parent.origin(serving(validating)))
        for _ in range(60):
            head, body = child.get("/a")
            self.assertEqual((head.status, body), (200, b"body"))
        self.assertIn("fwd-status=304", head.get("cache-status"))
        self.assertIn("stored", head.get("cache-status"))
        self.assertEqual(child.metric("moln_cache_peer_fetches_total"), 60)

    def test_that_it_is_still_good_is_no_answer_to_a_client(self):
        """The parent keeps it no more and passes on what the app says to the child's question."""
        private = False

        def turning(head, _body):
            self.asked.append(head)
            fields = (b"Cache-Control: private\r\n" if private else
                      b"Cache-Control: no-cache\r\n") + b"ETag: \"a\"\r\n"
            if head.get("if-none-match"):
                return b"HTTP/1.1 304 Not Modified\r\n" + fields + b"\r\n"
            return b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 4\r\n\r\nbody"

        parent, child = self.parent_and_child()
        self.serve([parent, child], parent.origin(serving(turning)))
        self.assertEqual(child.get("/a")[1], b"body")
        private = True
        parent.daemon.purged = None
        parent.daemon.send({"purge": {"scope": "app", "project": "", "name": "default/shop"}})
        until(lambda: parent.daemon.purged, "the purge")
        parent.get("/a")  # from now on it is known there as nothing to be kept
        for _ in range(3):
            head, body = child.get("/a")
            self.assertEqual((head.status, body), (200, b"body"))

    def test_two_that_are_one_anothers_parents_do_not_ask_in_circles(self):
        first, second = self.edge(), self.edge()
        first.join("first", [peer("second", second, "parent")])
        second.join("second", [peer("first", first, "parent")])
        self.serve([first, second])
        for i in range(5):
            self.assertEqual(first.get("/%d" % i)[0].status, 200)
        self.assertEqual(len(self.asked), 5)
        self.assertEqual(second.metric("moln_cache_peer_fetches_total"), 0)

    def test_nor_do_they_wait_for_one_another(self):
        first, second = self.edge(), self.edge()
        first.join("first", [peer("second", second, "parent")])
        second.join("second", [peer("first", first, "parent")])
        self.serve([first, second])
        for i in range(50):
            clients = [edge.client() for edge in (first, second)]
            for client in clients:
                client.send("GET /%d HTTP/1.1\r\nHost: shop.test\r\n\r\n" % i)
            for client in clients:
                self.assertEqual(client.head().status, 200)
                client.close()

    def test_a_parent_that_cannot_reach_the_app_is_passed_over(self):
        parent, child = self.parent_and_child()
        self.serve([parent, child])
        parent.publish_snapshot([parent.route(cache=CACHE)], [parent.app([])])
        head, _ = child.get("/a")
        self.assertEqual(head.status, 200)
        self.assertEqual(len(self.asked), 1)
        self.assertEqual(child.metric("moln_cache_peer_failures_total"), 0)

    def test_with_the_app_and_its_place_gone_what_is_stale_is_served(self):
        self.answer_fields = "Cache-Control: max-age=1, stale-if-error=600\r\n"
        parent, child = self.parent_and_child()
        origin = self.serve([parent, child])
        _, before = child.get("/a")
        origin.stop()

        def stale():
            head, body = child.get("/a")
            self.assertEqual((head.status, body), (200, before))
            return "stale-if-error" in head.get("cache-status") or "ttl=-" in \
                head.get("cache-status")

        until(stale, "the answer to be stale")
        parent.process.kill()
        parent.process.wait()
        head, body = child.get("/a")
        self.assertEqual((head.status, body), (200, before))


class OverTls(PeersCase):
    def secure(self, host):
        parent = self.edge()
        made = parent.certify([host])
        return parent, made

    def test_edges_speak_tls_and_know_whom_they_ask(self):
        parent, made = self.secure("parent.edges.internal")
        child = self.edge()
        parent.join("parent", [])
        child.join("child", [peer("parent", parent, "parent", "parent.edges.internal")],
                   made.chain)
        self.serve([parent, child])
        for i in range(5):
            head, _ = child.get("/%d" % i)
            self.assertIn("detail=parent", head.get("cache-status"))
        self.assertEqual(parent.metric("moln_cache_peer_questions_total"), 5)
        self.assertLessEqual(parent.metric("moln_edge_tls_handshakes_total"), child.threads)
        self.assertEqual(len(self.asked), 5)
        self.assertIn("http", {head.get("x-forwarded-proto") for head in self.asked})

    def test_one_with_another_key_is_passed_over_and_no_client_hears_of_it(self):
        parent, made = self.secure("parent.edges.internal")
        child = self.edge()
        parent.join("parent", [])
        child.join("child", [peer("parent", parent, "parent", "parent.edges.internal")],
                   made.chain, key="f" * 64)
        self.serve([parent, child])
        for i in range(5):
            head, _ = child.get("/%d" % i)
            self.assertEqual(head.status, 200)
        self.assertEqual(parent.metric("moln_cache_peer_questions_total"), 0)
        self.assertGreater(child.metric("moln_cache_peer_failures_total"), 0)
        self.assertEqual(len(self.asked), 5)
        # They are kept all the same.
        self.assertIn("hit", child.get("/0")[0].get("cache-status"))

    def test_who_shows_another_name_or_authority_is_not_asked(self):
        parent, made = self.secure("parent.edges.internal")
        other = parent.certify(["other.edges.internal"])
        for host, authority in (("other.edges.internal", made.chain),
                                ("parent.edges.internal", other.chain)):
            with self.subTest(host=host):
                child = self.edge()
                child.join("child", [peer("parent", parent, "parent", host)], authority)
                self.serve([parent, child])
                self.assertEqual(child.get("/a")[0].status, 200)
                self.assertEqual(child.metric("moln_cache_peer_failures_total"), 1)
        self.assertEqual(parent.metric("moln_cache_peer_questions_total"), 0)


if __name__ == "__main__":
    unittest.main()
