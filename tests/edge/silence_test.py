"""Instances that take a request and then say nothing: how long, and what becomes of it."""

import concurrent.futures
import socket
import threading
import unittest

import grpc
import h2.errors
import h2.events
from h2_test import H2Case
from h2c_test import H2Server
from tunnel_test import SWITCH, UPGRADE

from harness import PATIENCE, EdgeCase, endpoint, ok, serving, until

LIMIT = 500  # ms
CACHE = {"ttl": 0, "stale_while_revalidate": 0, "stale_if_error": 0}


class SilenceCase(H2Case):
    threads = 1

    def setUp(self):
        self.left = threading.Semaphore(0)  # connections of which a silent instance saw the end
        super().setUp()
        self.clock = self.origin(self.silent)

    def silent(self, stream, _number):
        while stream.more():
            pass
        self.left.release()

    def serve(self, *endpoints, route=None, **more):
        """Beside it a host whose one instance is always silent: see pass_limit()."""
        app = {"answer_timeout": LIMIT, **more}
        clock = self.app([endpoint("clock-1", self.clock.port)], answer_timeout=LIMIT)
        self.publish_snapshot(
            [self.route(**(route or {})),
             {**self.route("clock.test"), "app": "default/clock"}],
            [{**clock, "app": "default/clock"}, self.app(list(endpoints), **app)])

    def pass_limit(self, times=1):
        """So many limits pass: each is that of a request that began after the one before ended."""
        for _ in range(times):
            client = self.client()
            client.send("GET / HTTP/1.1\r\nHost: clock.test\r\n\r\n")
            self.assertEqual(client.head().status, 504)

    def value(self, name):
        for line in self.daemon.metrics_text().split("\n"):
            if line.startswith(name + " "):
                return int(line.split(" ")[1])
        return None


class Answers(SilenceCase):
    def test_who_is_silent_is_left_and_the_client_is_told_which_limit_it_was(self):
        origin = self.origin(self.silent)
        self.serve(endpoint("web-1", origin.port))
        client = self.client()
        head, body = self.get("/a", stream=client)
        self.assertEqual(head.status, 504)
        self.assertEqual(body, b"the instance did not begin its answer within 500ms "
                         b"(the app's answer_timeout)\n")
        self.assertTrue(self.left.acquire(timeout=PATIENCE), "its connection was closed")
        line, = self.log_lines(1)
        self.assertEqual((line["status"], line["error"], line["retries"]),
                         (504, "answer_timeout", 0))
        self.assertEqual(self.value("moln_edge_answer_timeouts_total"), 1)
        one = self.daemon.fresh()["endpoints"]
        counted = {e["instance"]: (e["requests_total"], e["errors_total"]) for e in one}
        self.assertEqual(counted["web-1"], (1, 1))
        # The client's connection goes on.
        self.serve(endpoint("web-2", self.origin(serving(lambda head, body: ok("ok"))).port))
        self.assertEqual(self.get(stream=client)[1], b"ok")
        self.assertNotIn("error", self.log_lines(2)[1])

    def test_it_is_not_sent_again_as_it_may_be_at_work_still(self):
        origin = self.origin(self.silent)
        good = self.origin(serving(lambda head, body: ok("good")))
        for retry in ("idempotent", "all"):
            self.serve(endpoint("web-bad", origin.port), endpoint("web-good", good.port),
                       retry=retry)
            seen = sorted(self.get()[0].status for _ in range(2))
            self.assertEqual(seen, [200, 504])
        self.assertEqual(origin.count, 2)
        self.assertEqual(self.value("moln_edge_retries_total"), 0)

    def test_three_times_silent_is_left_alone(self):
        origin = self.origin(self.silent)
        good = self.origin(serving(lambda head, body: ok("good")))
        self.serve(endpoint("web-bad", origin.port), endpoint("web-good", good.port))
        while self.value("moln_edge_ejections_total") == 0:
            self.assertLess(origin.count, 4)
            self.assertIn(self.get()[0].status, (200, 504))
        self.assertEqual(origin.count, 3)

    def test_what_the_client_takes_for_its_body_does_not_count(self):
        origin = self.origin(serving(lambda head, body: ok(b"got " + body)))
        self.serve(endpoint("web-1", origin.port))
        for fields, pieces in (
                ("Content-Length: 4\r\n", ("ab", "cd")),
                ("Transfer-Encoding: chunked\r\n", ("2\r\nab\r\n", "2\r\ncd\r\n0\r\n\r\n"))):
            client = self.client()
            client.send("POST / HTTP/1.1\r\nHost: a\r\n%s\r\n" % fields)
            for piece in pieces:
                self.pass_limit(2)
                client.send(piece)
            self.assertEqual(client.body(client.head()), b"got abcd")

    def test_one_that_does_not_take_the_request_is_silent_too(self):
        ended = threading.Event()

        def stuck(stream, _number):
            stream.head()
            ended.wait(PATIENCE)

        self.serve(endpoint("web-1", self.origin(stuck).port))
        client = self.client()
        size = 64 << 20
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        sender = threading.Thread(target=self.pour, args=(client, size))
        sender.start()
        head = client.head()
        self.assertEqual(head.status, 504)
        ended.set()
        sender.join()  # nobody reads it to its end
        self.assertEqual(self.log_lines(1)[0]["error"], "answer_timeout")

    @staticmethod
    def pour(client, size):
        try:
            for _ in range(size >> 16):
                client.sock.sendall(bytes(1 << 16))
        except OSError:
            pass

    def test_interim_heads_and_half_a_head_are_no_answer(self):
        stop = threading.Event()

        def hints(stream, _number):
            stream.head()
            # Sixteen are taken; one more would be a 502.
            for _ in range(17):
                stream.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
                if stop.wait(LIMIT / 8000):
                    return
            self.silent(stream, 0)

        def drops(stream, _number):
            stream.head()
            for byte in "HTTP/1.1 200 OK\r\nX-Slow: " + "a" * 10_000:
                stream.send(byte)
                if stop.wait(LIMIT / 8000):
                    return

        for script in (hints, drops):
            self.serve(endpoint("web-" + script.__name__, self.origin(script).port))
            client = self.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = client.head()
            while head.status == 103:
                head = client.head()
            self.assertEqual(head.status, 504, script.__name__)
        stop.set()

    def test_once_the_head_is_here_it_may_be_silent_for_as_long_as_it_likes(self):
        go = threading.Semaphore(0)

        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            go.acquire(timeout=PATIENCE)
            stream.send("2\r\nok\r\n")
            go.acquire(timeout=PATIENCE)
            stream.send("0\r\n\r\n")

        self.serve(endpoint("web-1", self.origin(script).port))
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.head().status, 200)
        for _ in range(2):
            self.pass_limit(2)
            go.release()
        self.assertEqual(client.chunked(), b"ok")

    def test_a_request_keeps_the_limit_that_it_began_with(self):
        go = threading.Event()

        def script(stream, number):
            stream.head()
            if number == 1:
                go.wait(PATIENCE)
                stream.send(ok("late"))
            else:
                self.silent(stream, number)

        origin = self.origin(script)
        self.serve(endpoint("web-1", origin.port), answer_timeout=86_400_000)
        old = self.client()
        old.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: origin.count == 1, "the first request")
        self.serve(endpoint("web-1", origin.port), answer_timeout=100)
        self.assertEqual(self.get()[0].status, 504)
        self.pass_limit()
        go.set()
        self.assertEqual(old.body(old.head()), b"late")

    def test_any_number_of_limits_is_kept(self):
        """More than the lists that stay once they are empty."""
        names = ["h%d.test" % i for i in range(80)]
        origin = self.origin(self.silent)
        self.publish_snapshot(
            [{**self.route(name), "app": "default/" + name[:-5]} for name in names],
            [{**self.app([endpoint("web-" + name[:-5], origin.port)],
                         answer_timeout=LIMIT + i), "app": "default/" + name[:-5]}
             for i, name in sorted(enumerate(names), key=lambda one: one[1][:-5])])
        for _ in range(2):
            clients = [self.client() for _ in names]
            for client, name in zip(clients, names):
                client.send("GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % name)
            for i, client in enumerate(clients):
                head = client.head()
                self.assertEqual(head.status, 504)
                self.assertIn(b"within %dms " % (LIMIT + i), client.body(head))


class Others(SilenceCase):
    def test_a_websocket_has_the_limit_for_its_handshake_alone(self):
        def script(stream, number):
            stream.head()
            if number == 1:
                self.silent(stream, number)
                return
            stream.send(SWITCH)
            stream.send(stream.exactly(4))

        self.serve(endpoint("web-1", self.origin(script).port))
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 504)
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        self.pass_limit(2)
        client.send("ping")
        self.assertEqual(client.exactly(4), b"ping")

    def test_clients_of_http_2(self):
        self.serve(endpoint("web-1", self.origin(self.silent).port))
        client = self.h2()
        both = [client.request("/1"), client.request("/2", method="POST", body=b"abc")]
        for number in both:
            answer = client.wait(number)
            self.assertEqual((answer.status, answer.reset), (504, None))
            self.assertIn(b"answer_timeout", answer.body)
        self.assertEqual({line["error"] for line in self.log_lines(2)}, {"answer_timeout"})

    def test_an_answer_that_its_client_has_no_room_for_is_not_late(self):
        """It came in time, and waits in the kernel for the client of HTTP/2 to read on."""
        size = 12 << 20  # more than the kernel keeps on its way
        go, stuck = threading.Event(), threading.Event()

        def script(stream, _number):
            big = stream.head().first.startswith("GET /big")
            go.wait(PATIENCE)
            if not big:
                stuck.wait(PATIENCE)
                stream.send(ok("small"))
                self.silent(stream, 0)
                return
            answer = memoryview(ok(bytes(size)))
            stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            stream.sock.setblocking(False)
            try:
                while answer:
                    answer = answer[stream.sock.send(answer):]
            except BlockingIOError:
                stuck.set()  # the edge reads no more
            stream.sock.setblocking(True)
            stream.sock.sendall(answer)
            self.silent(stream, 0)

        origin = self.origin(script)
        self.serve(endpoint("web-1", origin.port), answer_timeout=4 * LIMIT)
        client = self.h2(settings={4: 2 * size})  # INITIAL_WINDOW_SIZE
        client.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.conn.increment_flow_control_window(2 * size)
        big, small = client.request("/big"), client.request("/small")
        until(lambda: origin.count == 2, "both at work")
        go.set()
        self.assertTrue(stuck.wait(PATIENCE))
        self.pass_limit(9)
        self.assertEqual(self.value("moln_edge_answer_timeouts_total"), 9)  # of the clock
        self.assertEqual(len(client.wait(big).body), size)
        self.assertEqual(client.wait(small).body, b"small")

    def test_of_an_instance_of_http_2_the_stream_is_reset_and_the_connection_goes_on(self):
        resets = []

        class Server(H2Server):
            def take(self, event):
                if isinstance(event, h2.events.StreamReset):
                    resets.append(event.error_code)
                super().take(event)

        def handle(server, stream, head, _body):
            if head[":path"] != "/silent":
                server.answer(stream, b"ok")

        origin = self.origin(lambda stream, _number: Server(stream, handle).run())
        self.serve({**endpoint("web-1", origin.port), "protocol": "h2c"})
        self.assertEqual(self.get("/silent")[0].status, 504)
        self.assertEqual(self.get("/a")[1], b"ok")
        self.assertEqual(resets, [h2.errors.ErrorCodes.CANCEL])
        self.assertEqual(origin.count, 1)

    def test_a_process_that_lets_requests_in(self):
        app = self.origin(serving(lambda head, body: ok("in")))
        judge = self.origin(self.silent)
        self.publish_snapshot(
            [self.route(forward_auth={"process": "auth", "path": "/check", "copy": []})],
            [{**self.app([endpoint("auth-1", judge.port)], answer_timeout=LIMIT),
              "process": "auth"}, self.app([endpoint("web-1", app.port)])])
        head, body = self.get()
        self.assertEqual(head.status, 504)
        self.assertIn(b"the instance did not begin its answer", body)
        self.assertEqual(app.count, 0)
        self.assertEqual(self.log_lines(1)[0]["error"], "answer_timeout")

    def test_all_who_wait_for_a_fetch_are_told_and_stale_is_served_to_who_may_have_it(self):
        quiet = threading.Event()

        def script(stream, number):
            while not quiet.is_set():
                if not stream.inbox and not stream.more():
                    return
                stream.body(stream.head())
                if quiet.is_set():
                    break
                stream.send(ok("kept", "Cache-Control: max-age=0\r\n"))
            self.silent(stream, number)

        origin = self.origin(script)
        self.serve(endpoint("web-1", origin.port), route={
            "cache": {**CACHE, "stale_if_error": 3_600_000}})
        self.assertEqual(self.get("/kept")[1], b"kept")
        quiet.set()
        clients = [self.client() for _ in range(3)]
        for client in clients:
            client.send("GET /new HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        for client in clients:
            head = client.head()
            self.assertEqual(head.status, 504)
            self.assertIn(b"answer_timeout", client.body(head))
        head, body = self.get("/kept")
        self.assertEqual((head.status, body), (200, b"kept"))
        self.assertEqual(self.value("moln_edge_answer_timeouts_total"), 2)


class Grpc(EdgeCase):
    def test_a_call_ends_at_both_sides(self):
        cancelled = threading.Event()

        def wait(_request, context):
            context.add_callback(cancelled.set)
            cancelled.wait(PATIENCE)
            return b"late"

        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "test.T", {"Wait": grpc.unary_unary_rpc_method_handler(wait)}),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(server.stop, 0)
        self.publish([{**endpoint("web-1", port), "protocol": "h2c"}], answer_timeout=LIMIT)
        with grpc.insecure_channel("%s:%d" % self.address) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                channel.unary_unary("/test.T/Wait")(b"", timeout=PATIENCE)
            # HTTP's 504, as gRPC reads it (its http-grpc-status-mapping).
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertTrue(cancelled.wait(PATIENCE))


if __name__ == "__main__":
    unittest.main()
