"""What the edge counts by route, and the access log in the format that other tools read."""

import re
import unittest

from harness import EdgeCase, endpoint, ok, serving, until

SLOTS = 1000  # routes that are counted for themselves: edge/limits.h

COMBINED = re.compile(r'(\S+) - - \[(\d\d)/(\w{3})/(\d{4}):(\d\d:\d\d:\d\d) \+0000\] '
                      r'"((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" '
                      r'"((?:[^"\\]|\\.)*)" (\d+)\n')


def answer(head, body):
    if " /broken" in head.first:
        return b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
    return ok(b"x" * 100, "Cache-Control: max-age=60\r\n")


class RouteCountsTest(EdgeCase):
    def serve(self, *routes):
        origin = self.origin(serving(answer)).port
        self.publish_snapshot(list(routes), [self.app([endpoint("one", origin)])])

    def ask(self, path, host="shop.test", body=b""):
        stream = self.client()
        stream.send("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"
                    % ("POST" if body else "GET", path, host, len(body)))
        stream.send(body)
        head = stream.head()
        stream.body(head)
        return head.status

    def counted(self, key, requests, **more):
        """Once all of it is counted, which happens right after an answer has left."""
        wanted = {"requests_total": requests, **more}

        def whole():
            one = self.daemon.route_counts().get(key, {})
            if sum(one.get("latency_counts", [])) != requests:
                return None
            return one if all(one[name] == value for name, value in wanted.items()) else None

        return until(whole, "%r of %r" % (wanted, key))

    def test_each_route_has_its_own_counts(self):
        self.serve(self.route("shop.test"), self.route("*"), {**self.route("shop.test"),
                                                             "path": "/broken"})
        for _ in range(3):
            self.assertEqual(self.ask("/"), 200)
        self.assertEqual(self.ask("/broken/a"), 500)
        self.assertEqual(self.ask("/", "other.test", b"y" * 50), 200)
        shop = self.counted(("shop.test", "/"), 3, bytes_out_total=300)
        self.assertEqual(shop["errors_total"], 0)
        self.counted(("shop.test", "/broken"), 1, errors_total=1)
        self.counted(("*", "/"), 1, bytes_in_total=50)
        text = self.daemon.metrics_text()
        self.assertIn('moln_route_requests_total{host="shop.test",path="/"} 3\n', text)
        self.assertIn('moln_route_errors_total{host="shop.test",path="/broken"} 1\n', text)
        self.assertIn('moln_route_latency_seconds_bucket{host="*",path="/",le="+Inf"} 1\n', text)

    def test_counts_go_on_from_snapshot_to_snapshot(self):
        self.serve(self.route("shop.test"), self.route("a.test"))
        self.ask("/")
        self.ask("/", "a.test")
        self.counted(("a.test", "/"), 1)
        self.serve(self.route("b.test"), self.route("shop.test"))
        self.ask("/")
        self.ask("/", "b.test")
        self.counted(("shop.test", "/"), 2)
        self.counted(("b.test", "/"), 1)
        self.assertNotIn(("a.test", "/"), self.daemon.route_counts())

    def test_a_cache_tells_what_it_did_for_the_route(self):
        self.serve(self.route("shop.test", cache={}))
        for _ in range(3):
            self.ask("/kept")
        self.ask("/", body=b"z")
        self.counted(("shop.test", "/"), 4, cache_hits_total=2, cache_misses_total=1,
                     cache_passes_total=1)

    def test_routes_past_the_limit_are_counted_together(self):
        self.serve(*[self.route("h%04d.test" % i) for i in range(SLOTS + 2)])
        for i in (SLOTS - 1, SLOTS, SLOTS + 1):
            self.ask("/", "h%04d.test" % i)
        self.counted(("h%04d.test" % (SLOTS - 1), "/"), 1)
        self.counted(("", ""), 2)
        self.assertIn('moln_route_requests_total{host="other",path=""} 2\n',
                      self.daemon.metrics_text())


class CombinedLogTest(EdgeCase):
    options = ("--access-log-format", "combined")

    def lines(self, count):
        def enough():
            with open(self.dir + "/access.log") as file:
                text = file.read()
            return text.splitlines(True) if text.count("\n") >= count else None

        return [COMBINED.fullmatch(line).groups()
                for line in until(enough, "%d lines of access log" % count)]

    def test_a_request_is_a_line_without_its_query(self):
        self.publish([endpoint("one", self.origin(serving(answer)).port)])
        self.get("/a?secret=1", fields="Referer: https://shop.test/\r\nUser-Agent: t/1\r\n")
        line = self.lines(1)[0]
        self.assertEqual(line[0], "127.0.0.1")
        self.assertEqual(line[5:10], ("GET /a HTTP/1.1", "200", "100", "https://shop.test/", "t/1"))
        self.assertGreater(int(line[10]), 0)

    def test_hostile_bytes_make_no_second_line_and_end_no_field(self):
        self.publish([endpoint("one", self.origin(serving(answer)).port)])
        stream = self.client()  # of one worker, whose lines come in their order
        self.get("/a", fields='User-Agent: a"b\\c\xe9" 200 1 "-\r\n', stream=stream)
        self.get("/%0a%22", fields="User-Agent: " + "u" * 5000 + "\r\n", stream=stream)
        first, second = self.lines(2)
        self.assertEqual(first[9], 'a\\"b\\\\c\\xe9\\" 200 1 \\"-')
        self.assertEqual(second[5], "GET /%0a%22 HTTP/1.1")
        self.assertEqual(len(second[9]), 512)

    def test_what_is_no_request_is_told_by_its_status(self):
        stream = self.client()
        stream.send("NONSENSE\r\n\r\n")
        self.assertEqual(stream.head().status, 400)
        self.assertEqual(self.lines(1)[0][5:7], ("-", "400"))

    def test_an_answer_of_the_edge_s_own_is_told_with_its_length(self):
        self.publish_snapshot([], [])
        stream = self.client()
        _, body = self.get(stream=stream)
        self.get(method="HEAD", stream=stream)
        self.assertEqual([line[7] for line in self.lines(2)], [str(len(body)), "-"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
