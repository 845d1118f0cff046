"""An app whose probes come late everywhere is overloaded, not gone."""

import threading
import unittest

from harness import EdgeCase, endpoint, ok, until


class Panic(EdgeCase):
    threads = 1

    # So late is nobody that means to answer, however slow the machine.
    health = {"kind": "http", "path": "/health", "interval": 100, "timeout": 3000,
              "unhealthy_after": 2}

    def setUp(self):
        self.answers = threading.Event()  # probes are answered
        self.answers.set()
        super().setUp()

    def slow(self, name):
        """Answers requests; probes only while it may."""

        def script(stream, _number):
            head = stream.head()
            if " /health " in head.first:
                if self.answers.wait(0):
                    stream.send(ok())
                else:
                    stream.rest()
                return
            stream.send(ok(name))

        return self.origin(script)

    def health_of(self, instance):
        one = self.daemon.endpoint(instance) or {}
        return one.get("health"), one.get("health_reason", "")

    def test_one_instance_that_is_late_gets_requests_all_the_same(self):
        self.publish([endpoint("web-1", self.slow("one").port)], health=self.health)
        until(lambda: self.health_of("web-1")[0] == "healthy", "its health")
        self.answers.clear()
        until(lambda: self.health_of("web-1")[0] == "unhealthy", "a late probe")
        self.assertIn("no answer to GET /health", self.health_of("web-1")[1])
        self.assertIn("gets requests all the same", self.health_of("web-1")[1])
        self.workers_have_heard()
        for _ in range(3):
            self.assertEqual(self.get()[1], b"one")
        self.assertIn("moln_edge_panic_requests_total 3\n", self.daemon.metrics_text())
        self.answers.set()
        until(lambda: self.health_of("web-1") == ("healthy", ""), "its health again")
        self.workers_have_heard()
        self.assertEqual(self.get()[1], b"one")
        self.assertIn("moln_edge_panic_requests_total 3\n", self.daemon.metrics_text())

    def test_as_long_as_one_is_healthy_the_late_ones_are_left_alone(self):
        def healthy(stream, _number):
            stream.head()
            stream.send(ok("healthy"))

        self.publish([endpoint("web-1", self.slow("late").port),
                      endpoint("web-2", self.origin(healthy).port)], health=self.health)
        self.answers.clear()
        until(lambda: self.health_of("web-1")[0] == "unhealthy", "a late probe")
        self.assertNotIn("all the same", self.health_of("web-1")[1])
        self.workers_have_heard()
        for _ in range(4):
            self.assertEqual(self.get()[1], b"healthy")

    def test_who_says_that_it_is_not_well_is_believed(self):
        def ill(stream, _number):
            stream.head()
            stream.send(b"HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n")

        self.publish([endpoint("web-1", self.origin(ill).port)], health=self.health)
        until(lambda: self.health_of("web-1")[0] == "unhealthy", "its word")
        self.workers_have_heard()
        self.assertEqual(self.get()[0].status, 503)


if __name__ == "__main__":
    unittest.main()
