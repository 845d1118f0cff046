"""Traces: W3C Trace Context through the edge, and its spans at a collector of OTLP over HTTP."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import unittest

from collector import Collector, attributes
from h2_client import h2_client_of
from harness import (OVER_TLS, PATIENCE, Certificate, Daemon, EdgeCase, endpoint, held_port, ok,
                     serving, until)

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = "00-%s-%s-01" % (TRACE, CALLER)
SCHEME = "https" if OVER_TLS else "http"
CACHE = {"ttl": 60000, "stale_while_revalidate": 0, "stale_if_error": 0}
EDGE_UID = "64208"


class TracesCase(EdgeCase):
    sample = "0"
    more = ()

    def setUp(self):
        self.collector = self.start_collector()
        self.addCleanup(lambda: self.collector.stop())
        self.options = ("--otlp", self.url(), "--otlp-sample", self.sample, *self.more)
        super().setUp()

    def start_collector(self):
        return Collector()

    def url(self):
        return "http://127.0.0.1:%d" % self.collector.port

    def app_that(self, answer=lambda head: ok(), **route):
        """An app that keeps the heads it saw, on a route of its own beside "/"."""
        self.seen = []
        origin = self.origin(serving(lambda head, _body: (self.seen.append(head),
                                                          answer(head))[1]))
        self.publish_snapshot([self.route(), self.route(path="/api/", **route)]
                              if not route.get("path") else [self.route(**route)],
                              [self.app([endpoint("web-1", origin.port)])])
        return origin

    @staticmethod
    def route(host="*", **more):
        return {"host": host, "path": "/", "app": "default/shop", "process": "web", **more}

    def metric(self, name):
        found = re.search(r"^%s (\d+)$" % name, self.daemon.metrics_text(), re.M)
        return int(found.group(1))

    def sampled(self, path="/", **more):
        return self.get(path, fields="traceparent: %s\r\n" % SAMPLED, **more)


class Context(TracesCase):
    def test_a_sampled_trace_goes_on_through_the_edges_own_span(self):
        self.app_that()
        head, _ = self.get("/api/cart?secret=1", fields=(
            "traceparent: %s\r\ntracestate: rojo=1,congo=2\r\ntracestate: x@y=z\r\n"
            "User-Agent: test/1\r\n" % SAMPLED))
        self.assertEqual(head.status, 200)
        span = self.collector.wait()[0]
        self.assertEqual((span["traceId"], span["parentSpanId"], span["kind"], span["name"]),
                         (TRACE, CALLER, 2, "GET /api"))
        self.assertRegex(span["spanId"], "^[0-9a-f]{16}$")
        self.assertEqual(span["traceState"], "rojo=1,congo=2,x@y=z")
        self.assertEqual(span["flags"], 0x301)
        attempt, = self.collector.tries_of(span)
        self.assertEqual(self.seen[0].all("traceparent"),
                         ["00-%s-%s-01" % (TRACE, attempt["spanId"])])
        self.assertEqual(self.seen[0].all("tracestate"), ["rojo=1,congo=2", "x@y=z"])
        found = attributes(span)
        queue = found.pop("moln.queue_us")
        self.assertGreaterEqual(queue, 0)
        self.assertEqual(found, {
            "http.request.method": "GET", "http.route": "/api", "url.path": "/api/cart",
            "url.scheme": SCHEME, "server.address": "shop.test",
            "server.port": 443 if OVER_TLS else 80, "client.address": "127.0.0.1",
            "user_agent.original": "test/1", "network.protocol.version": "1.1",
            "http.response.status_code": 200, "moln.app": "default/shop", "moln.process": "web",
            "moln.instance": "web-1", "moln.retries": 0})
        self.assertEqual(span["status"], {})
        begin, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        self.assertLessEqual(begin, end)
        logged = self.log_lines(1)[0]
        self.assertLess(abs(begin // 10**6 - logged["time_ms"]), 1000)
        path, fields, body, _ = self.collector.requests[0]
        self.assertEqual((path, fields["Content-Type"]), ("/v1/traces", "application/json"))
        resource = attributes(body["resourceSpans"][0]["resource"])
        self.assertEqual(resource["service.name"], "moln-edge")
        self.assertRegex(resource["service.instance.id"], "^[0-9a-f-]{36}$")
        self.assertEqual(resource["process.pid"], self.process.pid)

    def test_that_an_id_is_random_is_passed_on_and_told(self):
        self.app_that()
        self.get(fields="traceparent: %s\r\n" % (SAMPLED[:-1] + "3"))
        span = self.collector.wait()[0]
        self.assertEqual(span["flags"], 0x303)
        attempt, = self.collector.tries_of(span)
        self.assertEqual(attempt["flags"], 0x103)
        self.assertEqual(self.seen[0].get("traceparent"),
                         "00-%s-%s-03" % (TRACE, attempt["spanId"]))

    def test_what_is_not_sampled_is_passed_on_untouched(self):
        self.app_that()
        parent = SAMPLED[:-1] + "2"  # its id is random
        self.get(fields="traceparent: %s\r\ntracestate: a=b\r\n" % parent)
        self.assertEqual(self.seen[0].all("traceparent"), [parent])
        self.assertEqual(self.seen[0].all("tracestate"), ["a=b"])
        self.assertEqual(self.metric("moln_edge_spans_total"), 0)

    def test_an_invalid_traceparent_begins_anew_and_drops_tracestate(self):
        self.app_that()
        bad = ("00-%s-%s-01" % (TRACE.upper(), CALLER), "ff" + SAMPLED[2:], "x",
               "00-%s-%s-01" % ("0" * 32, CALLER), SAMPLED + "\r\ntraceparent: " + SAMPLED)
        for value in bad:
            self.get(fields="traceparent: %s\r\ntracestate: a=b\r\n" % value)
        self.assertEqual(len(self.seen), len(bad))
        ids = set()
        for head in self.seen:
            (parent,) = head.all("traceparent")
            self.assertRegex(parent, "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$")
            self.assertEqual(head.all("tracestate"), [])
            ids.add(parent[3:35])
        self.assertEqual(len(ids), len(bad))
        self.assertNotIn(TRACE, ids)
        self.assertEqual(self.metric("moln_edge_spans_total"), 0)

    def test_a_later_version_is_continued_as_this_one(self):
        self.app_that()
        self.get(fields="traceparent: cc%s-what-ever\r\n" % SAMPLED[2:])
        span = self.collector.wait()[0]
        attempt, = self.collector.tries_of(span)
        self.assertEqual(self.seen[0].get("traceparent"),
                         "00-%s-%s-01" % (TRACE, attempt["spanId"]))

    def test_requests_of_http_2_have_spans(self):
        self.app_that()
        client = h2_client_of(self)
        answer = client.get("/api", fields=[("traceparent", SAMPLED), ("tracestate", "a=1"),
                                            ("tracestate", "b=2")])
        self.assertEqual(answer.status, 200)
        span = self.collector.wait()[0]
        self.assertEqual((span["name"], span["parentSpanId"]), ("GET /api", CALLER))
        self.assertEqual(attributes(span)["network.protocol.version"], "2")
        attempt, = self.collector.tries_of(span)
        self.assertEqual(self.seen[0].get("traceparent"),
                         "00-%s-%s-01" % (TRACE, attempt["spanId"]))
        self.assertEqual(self.seen[0].all("tracestate"), ["a=1", "b=2"])


class Share(TracesCase):
    sample = "1"

    def test_a_trace_that_begins_here_has_its_first_span_here(self):
        self.app_that()
        self.get("/other", fields="tracestate: a=b\r\n")
        span = self.collector.wait()[0]
        self.assertNotIn("parentSpanId", span)
        self.assertNotIn("traceState", span)
        self.assertEqual(span["name"], "GET /")
        attempt, = self.collector.tries_of(span)
        self.assertEqual(self.seen[0].get("traceparent"),
                         "00-%s-%s-01" % (span["traceId"], attempt["spanId"]))
        self.assertEqual(self.log_lines(1)[0]["trace"], span["traceId"])

    def test_a_client_that_does_not_sample_has_its_way(self):
        self.app_that()
        parent = SAMPLED[:-1] + "0"
        self.get(fields="traceparent: %s\r\n" % parent)
        self.assertEqual(self.seen[0].get("traceparent"), parent)
        self.assertEqual(self.metric("moln_edge_spans_total"), 0)

    def test_errors_are_the_instances_and_the_edges_and_no_clients(self):
        self.app_that(lambda head: b"HTTP/1.1 %s No\r\nContent-Length: 0\r\n\r\n" %
                      head.first.split("/")[1].split(" ")[0].encode())
        for status in (404, 500):
            self.get("/%d" % status)
        self.publish_snapshot([self.route("shop.test")], [self.app([])])
        stream = self.client()
        stream.send("GET /x HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n")
        self.assertEqual(stream.head().status, 404)  # no route
        spans = {attributes(span).get("url.path"): span for span in self.collector.wait(3)}
        self.assertEqual(spans["/404"]["status"], {})
        self.assertEqual(spans["/500"]["status"], {"code": 2})
        self.assertEqual(attributes(spans["/500"])["error.type"], "500")
        unrouted = attributes(spans["/x"])
        self.assertEqual(spans["/x"]["name"], "GET")
        for name in ("http.route", "moln.app", "moln.instance"):
            self.assertNotIn(name, unrouted)

    def test_an_answer_that_breaks_off_is_an_error(self):
        def cut(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

        self.publish([endpoint("web-1", self.origin(cut).port)])
        stream = self.client()
        stream.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        stream.head()
        span = self.collector.wait()[0]
        self.assertEqual(span["status"], {"code": 2})
        self.assertEqual(attributes(span)["error.type"], "broken_off")

    def test_a_retry_is_told_and_each_try_has_a_span(self):
        def lost(stream, _number):
            stream.head()  # and not a word

        self.seen = []
        good = self.origin(serving(lambda head, _body: (self.seen.append(head), ok())[1]))
        bad = self.origin(lost)
        self.publish([endpoint("web-1", bad.port), endpoint("web-2", good.port)])
        until(lambda: self.get("/a?secret=1")[0].status == 200 and bad.count > 0, "a retry")
        span = until(lambda: [span for span in self.collector.spans()
                              if attributes(span)["moln.retries"] == 1], "its span")[0]
        self.assertEqual(attributes(span)["moln.instance"], "web-2")
        first, second = self.collector.tries_of(span, 2)
        common = {"http.request.method": "GET", "server.address": "127.0.0.1",
                  "network.protocol.version": "1.1", "moln.app": "default/shop",
                  "moln.process": "web"}
        self.assertEqual(attributes(first), {
            **common, "url.full": "http://127.0.0.1:%d/a" % bad.port, "server.port": bad.port,
            "moln.instance": "web-1", "error.type": "broken_off"})
        self.assertEqual(attributes(second), {
            **common, "url.full": "http://127.0.0.1:%d/a" % good.port, "server.port": good.port,
            "moln.instance": "web-2", "http.request.resend_count": 1,
            "http.response.status_code": 200})
        self.assertEqual((first["name"], first["status"], second["status"]),
                         ("GET", {"code": 2}, {}))
        self.assertIn(second["spanId"], [head.get("traceparent")[36:52] for head in self.seen])
        for one in (first, second):
            self.assertEqual((one["traceId"], one["flags"]), (span["traceId"], 0x101))
            self.assertLessEqual(int(span["startTimeUnixNano"]) // 10**6,
                                 int(one["startTimeUnixNano"]) // 10**6 + 1)
            self.assertLessEqual(int(one["endTimeUnixNano"]), int(span["endTimeUnixNano"]))
        self.assertLessEqual(int(first["endTimeUnixNano"]) // 10**6,
                             int(second["startTimeUnixNano"]) // 10**6 + 1)

    def test_a_try_that_came_to_nothing_says_why(self):
        def silent(stream, _number):
            stream.rest()

        held, port = held_port()
        with held:
            for one, more, status, words in (
                    (port, {}, 503, {"unreachable"}),
                    (self.origin(silent).port, {"answer_timeout": 100}, 504,
                     {"answer_timeout"})):
                self.publish([endpoint("web-1", one)], **more)
                before = len(self.collector.spans())
                self.assertEqual(self.get()[0].status, status)
                span = self.collector.wait(before + 1)[-1]
                tries = self.collector.tries_of(span)
                self.assertEqual({attributes(t)["error.type"] for t in tries}, words)
                # However often it was tried while it waited: the rest has no spans.
                self.assertLessEqual(len(tries), 8)

    def test_a_refusal_of_an_instance_is_an_error_of_the_try_alone(self):
        self.app_that(lambda head: b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        self.get("/x")
        span = self.collector.wait()[0]
        attempt, = self.collector.tries_of(span)
        self.assertEqual((span["status"], attempt["status"]), ({}, {"code": 2}))
        self.assertEqual(attributes(attempt)["error.type"], "404")

    def test_who_is_asked_first_has_a_try_of_its_own(self):
        app = self.origin(serving(lambda head, _body: ok("in")))
        judge = self.origin(serving(
            lambda head, _body: ok() if head.get("cookie") else
            b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"))
        self.publish_snapshot(
            [self.route(forward_auth={"process": "auth", "path": "/check", "copy": []})],
            [{**self.app([endpoint("auth-1", judge.port)]), "process": "auth"},
             self.app([endpoint("web-1", app.port)])])
        self.assertEqual(self.get("/a", fields="Cookie: a=b\r\n")[0].status, 200)
        self.assertEqual(self.get("/b")[0].status, 403)
        spans = {attributes(span)["url.path"]: span for span in self.collector.wait(2)}
        tries = self.collector.tries_of(spans["/a"], 2)
        self.assertEqual([attributes(one)["url.full"].rsplit("/", 1)[1] for one in tries],
                         ["check", "a"])
        refused, = self.collector.tries_of(spans["/b"])
        self.assertEqual((attributes(refused)["moln.process"],
                          attributes(refused)["http.response.status_code"]), ("auth", 403))
        self.assertTrue(attributes(refused)["url.full"].endswith("/check"))

    def test_a_hit_is_told_and_a_fetch_has_the_span_as_its_parent(self):
        self.app_that(lambda head: ok(extra="Cache-Control: max-age=60\r\n"), path="/", cache=CACHE)
        for _ in range(2):
            self.get("/kept")
        self.get("/kept", method="POST", body=b"x")
        spans = self.collector.wait(3)
        by_cache = {attributes(span)["moln.cache"]: span for span in spans}
        self.assertEqual(set(by_cache), {"miss", "hit", "pass"})
        self.assertNotIn("moln.instance", attributes(by_cache["hit"]))
        tries = [self.collector.tries_of(by_cache[kind])[0] for kind in ("miss", "pass")]
        self.assertEqual([head.get("traceparent") for head in self.seen],
                         ["00-%s-%s-01" % (one["traceId"], one["spanId"]) for one in tries])
        self.assertEqual(len(self.collector.spans(3)), 2)  # a hit asks nobody

    def test_a_tunnel_has_its_span_when_it_is_over(self):
        def upgrade(stream, _number):
            head = stream.head()
            self.seen.append(head)
            stream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\n\r\n")
            stream.send(stream.exactly(4))

        self.seen = []
        self.publish([endpoint("web-1", self.origin(upgrade).port)])
        client = self.client()
        client.send("GET /socket HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nping")
        self.assertEqual(client.head().status, 101)
        self.assertEqual(client.exactly(4), b"ping")
        client.close()
        span = self.collector.wait()[0]
        self.assertEqual(attributes(span)["http.response.status_code"], 101)
        self.assertEqual((span["name"], attributes(span)["url.path"]), ("GET /", "/socket"))
        attempt, = self.collector.tries_of(span)
        self.assertEqual(self.seen[0].get("traceparent")[36:52], attempt["spanId"])
        self.assertEqual(attributes(attempt)["http.response.status_code"], 101)

    def test_a_path_spelled_in_another_way_has_the_routes_name(self):
        self.app_that()
        self.get("/x/../%61pi/y")
        self.get("/strange", method="FROB")
        spans = {attributes(span)["url.path"]: span for span in self.collector.wait(2)}
        self.assertEqual(spans["/x/../%61pi/y"]["name"], "GET /api")
        self.assertEqual(spans["/strange"]["name"], "HTTP /")
        self.assertEqual(attributes(spans["/strange"])["http.request.method_original"], "FROB")


class Budget(TracesCase):
    threads = 1
    more = ("--otlp-spans-max", "1")

    def test_clients_cannot_have_more_spans_than_a_second_has(self):
        self.app_that()
        stream = self.client()
        count = [0]

        def over():
            self.sampled(stream=stream)
            count[0] += 1
            return self.metric("moln_edge_spans_over_limit_total")

        until(over, "a request over the limit")
        over_limit = self.metric("moln_edge_spans_over_limit_total")
        own = self.collector.wait(count[0] - over_limit)
        self.assertEqual(len(own), count[0] - over_limit)
        made = self.metric("moln_edge_spans_total")
        until(lambda: len(own) + len(self.collector.spans(3)) == made, "the tries' spans")
        parents = [head.get("traceparent")[36:52] for head in self.seen]
        # No trace has a hole: what has no span of its own here names the one above.
        ids = {span["spanId"] for span in own + self.collector.spans(3)}
        self.assertLessEqual(set(parents) - {CALLER}, ids)
        above = {span["parentSpanId"] for span in self.collector.spans(3)}
        self.assertEqual(ids - set(parents), above)
        self.assertIn(CALLER, parents)


class Export(TracesCase):
    def test_spans_wait_for_a_collector_that_is_away(self):
        self.app_that()
        self.collector.stop()
        for _ in range(10):
            self.sampled()
        until(lambda: self.metric("moln_edge_span_export_failures_total"), "a failure")
        self.assertEqual(self.metric("moln_edge_spans_exported_total"), 0)
        self.collector = Collector(held=self.collector.held)
        self.assertEqual(len({span["spanId"] for span in self.collector.wait(10)}), 10)
        until(lambda: self.metric("moln_edge_spans_exported_total") == 20, "the count")
        self.assertEqual(self.metric("moln_edge_spans_dropped_total"), 0)
        self.assertIn("spans_not_exported", self.stderr())

    def test_what_is_refused_is_dropped_and_counted(self):
        self.app_that()
        self.collector.answer = lambda _number: (400, {}, b"no")
        self.sampled()
        until(lambda: self.metric("moln_edge_spans_dropped_total") == 2, "the drop")
        self.collector.answer = lambda _number: (200, {}, b'{"partialSuccess":'
                                                          b'{"rejectedSpans":"1"}}')
        self.sampled()
        until(lambda: self.metric("moln_edge_spans_dropped_total") == 3, "a rejection")
        self.assertEqual(self.metric("moln_edge_spans_exported_total"), 1)  # of two
        self.assertEqual(self.metric("moln_edge_span_export_failures_total"), 1)

    def test_a_busy_collector_gets_the_same_batch_again(self):
        self.app_that()
        self.collector.answer = lambda number: ((503, {"Retry-After": "1"}, b"") if number == 1
                                                else (200, {}, b"{}"))
        self.sampled()
        self.collector.wait()
        bodies = [body for _, _, body, _ in self.collector.requests]
        self.assertEqual(bodies[0], bodies[1])
        self.assertEqual(self.collector.connections, 1)
        until(lambda: self.metric("moln_edge_spans_exported_total") == 2, "the count")

    def test_a_span_that_is_made_while_others_are_on_their_way_is_not_forgotten(self):
        self.app_that()
        gate = threading.Event()

        def answer(_number):
            gate.wait(PATIENCE)
            return 200, {}, b"{}"

        self.collector.answer = answer
        self.sampled("/first")
        until(lambda: self.collector.connections, "the first batch")
        self.sampled("/second")
        until(lambda: self.metric("moln_edge_spans_total") == 4, "the second span")
        gate.set()
        self.collector.wait(2)

    def test_a_collector_that_hangs_slows_nobody_and_nothing_grows(self):
        self.app_that()
        self.collector.hang.set()
        stream = self.client()
        for _ in range(1200):  # more than a ring holds
            self.assertEqual(self.sampled(stream=stream)[0].status, 200)
        until(lambda: self.metric("moln_edge_spans_total") +
              self.metric("moln_edge_spans_over_limit_total") >= 1200, "the last to be counted")
        self.process.send_signal(signal.SIGTERM)
        stream.close()
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_what_was_made_last_goes_out_at_the_end(self):
        self.app_that()
        stream = self.client()
        for _ in range(5):
            self.sampled(stream=stream)
        stream.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.assertEqual(len(self.collector.spans()), 5)

    def test_an_upgrade_loses_no_span(self):
        def slow(stream, _number):
            stream.head()
            begun.set()
            go.wait(PATIENCE)
            stream.send(ok())

        begun, go = threading.Event(), threading.Event()
        self.publish([endpoint("web-1", self.origin(slow).port)])
        old, old_daemon = self.process, self.daemon
        waiting = self.client()
        waiting.send("GET /old HTTP/1.1\r\nHost: shop.test\r\ntraceparent: %s\r\n\r\n" % SAMPLED)
        begun.wait(PATIENCE)
        words = self.command()
        words[words.index("--control") + 1] = self.dir + "/control-2"
        self.process = self.spawn(words + ["--take-over", self.dir + "/control"])
        self.daemon = Daemon(self.dir + "/control-2")
        until(lambda: self.daemon.report, "the new edge's report")
        until(lambda: old_daemon.fresh()["leaving"], "the old one to take no more")
        go.set()
        self.assertEqual(self.sampled("/new")[0].status, 200)
        self.assertEqual(waiting.head().status, 200)
        waiting.close()
        old_daemon.close()
        self.assertEqual(old.wait(PATIENCE), 0)
        spans = self.collector.wait(2)
        self.assertEqual({attributes(span)["url.path"] for span in spans}, {"/old", "/new"})
        edges = {attributes(one["resource"])["process.pid"]: attributes(one["resource"])
                 for one in self.collector.resources()}
        self.assertEqual(set(edges), {old.pid, self.process.pid})
        self.assertEqual(len({one["service.instance.id"] for one in edges.values()}), 2)


class OverTls(TracesCase):
    """By name, over TLS, with a secret; as the edge's own user where the test may become one."""

    def start_collector(self):
        self.keys = tempfile.mkdtemp(prefix="moln-otlp-")
        self.addCleanup(shutil.rmtree, self.keys)
        self.certificate = Certificate(self.keys, 1, ["localhost"])
        self.headers = self.keys + "/headers"
        with open(self.headers, "w") as file:
            file.write("# the vendor's\nAuthorization: Bearer s3cret-token\n")
        os.chmod(self.headers, 0o600)
        self.more = ("--otlp-headers-file", self.headers, "--otlp-ca", self.certificate.path)
        if os.geteuid() == 0:
            self.more += ("--uid", EDGE_UID, "--gid", EDGE_UID)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.path, self.certificate.path + ".key")
        return Collector(context=context)

    def url(self):
        return "https://localhost:%d/otlp/" % self.collector.port

    def test_spans_come_compressed_with_the_files_fields(self):
        self.app_that()
        for _ in range(3):
            self.sampled()
            self.collector.wait(len(self.seen))
        path, fields, _, _ = self.collector.requests[0]
        self.assertEqual(path, "/otlp/v1/traces")
        self.assertEqual(fields["Authorization"], "Bearer s3cret-token")
        self.assertEqual(fields["Content-Encoding"], "gzip")
        self.assertEqual(fields["Host"], "localhost:%d" % self.collector.port)
        self.assertEqual(self.collector.connections, 1)
        self.assertNotIn("s3cret", self.stderr())
        with open("/proc/%d/cmdline" % self.process.pid, "rb") as file:
            self.assertNotIn(b"s3cret", file.read())

    def test_a_collector_of_another_authority_gets_nothing(self):
        self.app_that()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.daemon.close()
        other = Certificate(self.keys, 2, ["localhost"])
        self.options = [other.path if word == self.certificate.path else word
                        for word in self.options]
        self.start()
        until(lambda: self.daemon.report["acked_version"] == self.version, "the snapshot")
        self.sampled()
        until(lambda: self.metric("moln_edge_span_export_failures_total"), "a failure")
        until(lambda: "self-signed certificate" in self.stderr(), "the log to say why")
        self.assertEqual(self.collector.requests, [])

    def refused(self, *options):
        words = self.command()
        words[words.index("--control") + 1] = self.dir + "/control-2"
        words[words.index("--state") + 1] = self.dir + "/state-2"
        os.makedirs(self.dir + "/state-2", exist_ok=True)
        for name, value in options:
            words[words.index(name) + 1] = value
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("s3cret", done.stderr)
        return done.stderr

    def test_what_cannot_be_right_is_refused_at_the_start(self):
        os.chmod(self.headers, 0o640)
        said = self.refused()
        self.assertIn("--otlp-headers-file: %s: others than its owner" % self.headers, said)
        self.assertIn("chmod 600", said)
        os.chmod(self.headers, 0o600)
        with open(self.headers, "a") as file:
            file.write("s3cret without a name\n")
        self.assertIn("line 3: expected a field's name", self.refused())
        os.unlink(self.headers)
        self.assertIn(self.headers, self.refused())
        with open(self.headers, "w"):
            os.chmod(self.headers, 0o600)
        self.assertIn("--otlp-ca: %s" % self.headers, self.refused(("--otlp-ca", self.headers)))
        self.assertIn("--otlp: the collector's URL", self.refused(("--otlp", "localhost:4318")))


if __name__ == "__main__":
    unittest.main()
