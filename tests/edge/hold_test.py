"""Requests that wait for an instance."""

import collections
import threading
import time
import unittest

from harness import PATIENCE, EdgeCase, endpoint, held_port, ok, serving, until


class Hold(EdgeCase):
    def asking(self, count):
        clients = []
        for i in range(count):
            clients.append(self.client())
            clients[-1].send("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i)
        return clients

    def held(self):
        return self.daemon.fresh()["apps"][0]["held"]

    def test_requests_wait_and_go_when_an_endpoint_is_active(self):
        self.publish([], hold=True)
        clients = self.asking(100)
        until(lambda: self.held() == 100, "all to wait")
        origin = self.origin(serving(lambda head, body: ok(head.first)))
        self.publish([endpoint("web-1", origin.port, "warming")], hold=True)
        self.assertEqual(self.held(), 100)
        self.publish([endpoint("web-1", origin.port)])
        for i, client in enumerate(clients):
            head = client.head()
            self.assertEqual(client.body(head), b"GET /%d HTTP/1.1" % i)
        self.assertEqual(self.held(), 0)

    def test_an_unhealthy_endpoint_is_waited_for_until_it_is_well(self):
        well = []

        def answer(head, _body):
            if "/health" in head.first and not well:
                return b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
            return ok()

        origin = self.origin(serving(answer))
        health = {"kind": "http", "path": "/health", "interval": 100, "unhealthy_after": 1}
        self.publish([endpoint("web-1", origin.port)], hold=True, health=health)
        until(lambda: self.daemon.endpoint("web-1")["health"] == "unhealthy", "the probe")
        self.assertEqual(self.daemon.endpoint("web-1")["health_reason"], "GET /health answered 500")
        self.workers_have_heard()
        client = self.asking(1)[0]
        until(lambda: self.held() == 1, "the request to wait")
        well.append(True)
        self.assertEqual(client.head().status, 200)

    def test_the_queue_at_its_limit_waits_and_one_past_it_is_refused(self):
        self.publish([], hold=True, hold_requests_max=10)
        clients = self.asking(10)
        until(lambda: self.held() == 10, "all to wait")
        head, body = self.get()
        self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
        self.assertIn(b"too many", body)
        self.publish([], hold=False)
        for client in clients:
            self.assertEqual(client.head().status, 503)
        self.assertEqual(self.held(), 0)

    def test_waiting_ends_at_its_limit(self):
        self.publish([], hold=True, hold_limit=300)
        client = self.asking(1)[0]
        head = client.head()
        self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
        client.body(head)
        duration = self.log_lines(1)[0]["duration_us"]
        self.assertGreaterEqual(duration, 290_000)

    def test_without_hold_there_is_no_waiting(self):
        self.publish([], hold=False)
        head, body = self.get()
        self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
        self.assertIn(b"no instance", body)
        # The request was whole: the connection lives on.
        self.assertEqual(head.get("connection"), None)

    def test_a_client_that_leaves_leaves_its_place(self):
        self.publish([], hold=True)
        clients = self.asking(5)
        until(lambda: self.held() == 5, "all to wait")
        for client in clients:
            client.reset()
        self.streams.clear()
        until(lambda: self.held() == 0, "the places")

    def test_a_client_that_closes_leaves_its_place(self):
        """Its end alone does not say so: it may be of one direction."""
        self.publish([], hold=True)
        clients = self.asking(3) + [self.client() for _ in range(2)]
        for client in clients[3:]:
            client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        until(lambda: self.held() == 5, "all to wait")
        for client in clients:
            client.close()
        until(lambda: self.held() == 0, "the places")
        self.assertEqual({line["status"] for line in self.log_lines(5)}, {0})

    def test_who_has_ended_and_waits_is_answered(self):
        self.publish([], hold=True)
        body = "Content-Length: 5\r\n%s\r\nhello"
        words = [("GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
                 ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", b""),
                 ("PUT / HTTP/1.1\r\nHost: a\r\n" + body % "", b"hello"),
                 ("PUT / HTTP/1.1\r\nHost: a\r\n" + body % "Expect: 100-continue\r\n",
                  b"hello")]
        clients = []
        for text, _ in words:
            clients.append(self.client())
            clients[-1].send(text)
            clients[-1].half_close()
        until(lambda: self.held() == len(words), "all to wait")
        for client in clients[:1] + clients[2:]:
            self.assertEqual(client.head().first, "HTTP/1.1 100 Continue")
        # 1.0 does not know it.
        self.assertTrue(clients[1].more())
        self.assertEqual(clients[1].inbox, b"HTTP/1.1 ")
        origin = self.origin(serving(lambda head, body: ok(body)))
        self.publish([endpoint("web-1", origin.port)])
        for client, (_, wanted) in zip(clients, words):
            head = client.head()
            self.assertEqual((head.status, client.body(head)), (200, wanted))
            self.assertTrue(client.closed())

    def test_who_has_ended_in_http_1_0_and_waits_in_vain_is_answered(self):
        self.publish([], hold=True)
        client = self.client()
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        client.half_close()
        self.assertTrue(client.more())
        self.publish([], hold=False)
        head = client.head()
        self.assertEqual(head.first, "HTTP/1.1 503 Service Unavailable")
        self.assertIn(b"no instance", client.body(head))
        self.assertTrue(client.closed())

    def test_an_app_that_goes_answers_who_waits(self):
        self.publish([], hold=True)
        clients = self.asking(3)
        until(lambda: self.held() == 3, "all to wait")
        self.publish_snapshot([], [])
        for client in clients:
            self.assertEqual(client.head().status, 503)

    def test_a_body_waits_with_its_request(self):
        self.publish([], hold=True)
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        until(lambda: self.held() == 1, "the request to wait")
        origin = self.origin(serving(lambda head, body: ok(body)))
        self.publish([endpoint("web-1", origin.port)])
        self.assertEqual(client.body(client.head()), b"hello")

    def counting(self, go):
        """Answers nothing before `go`, then each request after a pause; knows how many it had at
        once."""
        lock = threading.Lock()
        state = {"open": 0, "most": 0}

        def answer(_head, _body):
            with lock:
                state["open"] += 1
                state["most"] = max(state["most"], state["open"])
            go.wait(PATIENCE)
            time.sleep(0.01)
            with lock:
                state["open"] -= 1
            return ok()

        return self.origin(serving(answer)), state

    def test_an_endpoint_has_at_once_what_it_may_and_the_others_wait(self):
        go = threading.Event()
        one, one_state = self.counting(go)
        two, two_state = self.counting(go)
        self.publish([endpoint("web-1", one.port), endpoint("web-2", two.port)], concurrency=3)
        clients = self.asking(120)  # on all threads
        until(lambda: self.held() == 114, "all others to wait")
        until(lambda: (one_state["open"], two_state["open"]) == (3, 3), "three at each")
        go.set()
        for client in clients:
            head = client.head()
            self.assertEqual((head.status, client.body(head)), (200, b"ok"))
        self.assertEqual((one_state["most"], two_state["most"]), (3, 3))
        waited = [line["queue_us"] for line in self.log_lines(120)]
        self.assertEqual(sum(1 for us in waited if us > 0), 114)
        app = self.daemon.fresh()["apps"][0]
        self.assertEqual((app["held"], app["held_total"]), (0, 114))
        self.assertGreater(app["queue_us_total"], 100_000)

    def test_the_queue_before_the_busy_is_bounded_too(self):
        go = threading.Event()
        origin, _ = self.counting(go)
        self.publish([endpoint("web-1", origin.port)], concurrency=1, hold_requests_max=5)
        clients = self.asking(20)
        self.log_lines(14)  # of those that are refused
        go.set()
        statuses = collections.Counter()
        for client in clients:
            head = client.head()
            statuses[head.status] += 1
            if head.status == 503:
                self.assertIn(b"too many", client.body(head))
                self.assertEqual(head.get("retry-after"), "1")
        self.assertEqual(statuses, {200: 6, 503: 14})

    def test_waiting_for_the_busy_ends_at_its_limit(self):
        go = threading.Event()
        origin, _ = self.counting(go)
        self.publish([endpoint("web-1", origin.port)], concurrency=1, hold_limit=200)
        first = self.asking(1)[0]
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 1, "the first")
        head, body = self.get()
        self.assertEqual(head.status, 503)
        self.assertIn(b"busy", body)
        go.set()
        self.assertEqual(first.head().status, 200)

    def waits_on(self):
        """The one that waits does so for longer than nobody's being there is borne."""
        past = time.monotonic() + 1.3
        until(lambda: time.monotonic() > past, "the time to pass")
        self.assertEqual(self.held(), 1)

    def nobody(self):
        """The port of an instance that refuses who comes, and will, until listen()."""
        claim, port = held_port()
        self.addCleanup(claim.close)
        return claim, port

    def test_who_met_a_dead_instance_waits_for_a_busy_one_as_long_as_for_any(self):
        go = threading.Event()
        origin, state = self.counting(go)
        alive, dead = endpoint("web-1", origin.port), endpoint("web-2", self.nobody()[1])
        running = {"concurrency": 1, "health": {"kind": "running"}}
        self.publish([alive], **running)
        first = self.asking(1)[0]
        until(lambda: state["open"] == 1, "the first")
        self.publish([alive, dead], **running)
        second = self.asking(1)[0]
        until(lambda: self.held() == 1, "the second to wait")
        self.waits_on()
        go.set()
        self.assertEqual([client.head().status for client in (first, second)], [200, 200])

    def test_who_met_a_dead_instance_waits_for_one_that_starts_as_long_as_for_any(self):
        running = {"health": {"kind": "running"}}
        origin = self.origin(serving(lambda head, body: ok()))
        self.publish([endpoint("web-1", self.nobody()[1])], **running)
        client = self.client()
        with self.frozen():  # the request is found before the change
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.version += 1
            self.daemon.send({"snapshot": {
                "version": self.version, "epoch": 1, "routes": [self.route()],
                "apps": [self.app([endpoint("web-2", origin.port, "warming")], hold=True,
                                  **running)],
                "certificates": self.certificates, "challenges": []}})
        self.waits_on()
        self.publish([endpoint("web-2", origin.port)], hold=True, **running)
        self.assertEqual(client.head().status, 200)

    def test_nobody_s_being_there_is_borne_for_a_moment(self):
        self.publish([endpoint("web-1", self.nobody()[1])], health={"kind": "running"})
        head, body = self.get()
        self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
        self.assertIn(b"no instance", body)
        self.assertGreaterEqual(self.log_lines(1)[0]["queue_us"], 900_000)

    def test_a_client_that_leaves_gives_its_place_to_the_next(self):
        came = []

        def script(stream, number):
            head = stream.head()
            came.append(head.first)
            if number == 1:
                stream.more()  # answers never
            else:
                stream.send(ok())

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)], concurrency=1)
        first, second = self.asking(2)
        until(lambda: came and self.held() == 1, "one there and one waiting")
        gone, waits = (first, second) if "/0" in came[0] else (second, first)
        gone.reset()
        self.assertEqual(waits.head().status, 200)

    def test_a_tunnel_takes_a_place_until_it_ends(self):
        def script(stream, _number):
            head = stream.head()
            if head.get("upgrade"):
                stream.send("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
                stream.more()
            else:
                stream.send(ok())

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)], concurrency=1)
        tunnel = self.client()
        tunnel.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
        self.assertEqual(tunnel.head().status, 101)
        waits = self.asking(1)[0]
        until(lambda: self.held() == 1, "the request to wait")
        tunnel.close()
        self.assertEqual(waits.head().status, 200)


if __name__ == "__main__":
    unittest.main()
