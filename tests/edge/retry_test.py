"""What happens to a request whose instance fails."""

import fcntl
import itertools
import ssl
import struct
import termios
import threading
import time
import unittest

from harness import PATIENCE, EdgeCase, endpoint, held_port, ok, serving, until


def unacknowledged(sock):
    """Bytes that were sent and have not arrived."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


class Retry(EdgeCase):
    threads = 1

    def good(self):
        return self.origin(serving(lambda head, body: ok(b"good " + body)))

    def resetting(self):
        def script(stream, _number):
            stream.body(stream.head())
            stream.reset()

        return self.origin(script)

    def two(self, bad_port, good_port, **more):
        self.publish([endpoint("web-bad", bad_port), endpoint("web-good", good_port)], **more)

    def test_a_refused_connection_goes_elsewhere_for_every_method(self):
        held, port = held_port()
        with held:
            self.two(port, self.good().port)
            for method in ("GET", "POST", "PATCH") * 3:
                head, body = self.get(method=method, body=b"12345")
                self.assertEqual((head.status, body), (200, b"good 12345"))

    def test_a_reset_before_the_answer_is_repeated_for_get_only(self):
        bad = self.resetting()
        self.two(bad.port, self.good().port)
        seen = sorted(self.get(method="POST", body=b"x")[0].status for _ in range(2))
        self.assertEqual(seen, [200, 502])
        for _ in range(2):
            head, body = self.get(method="PUT", body=b"replayed")
            self.assertEqual((head.status, body), (200, b"good replayed"))
        self.assertEqual(bad.count, 3)
        self.assertEqual(sum(line["retries"] for line in self.log_lines(4)), 2)

    def test_a_request_that_breaks_every_instance_is_not_tried_for_as_long_as_it_may_wait(self):
        bad = [self.resetting() for _ in range(2)]
        self.publish([endpoint("web-%d" % i, one.port) for i, one in enumerate(bad)], hold=True)
        self.assertEqual(self.get()[0].status, 502)
        self.assertEqual(sum(one.count for one in bad), 4)

    def test_an_endpoint_that_fails_three_times_is_left_alone(self):
        asked = []

        def script(stream, _number):
            asked.append(time.monotonic())
            stream.body(stream.head())
            stream.reset()

        self.two(self.origin(script).port, self.good().port)
        for _ in range(20):
            self.assertEqual(self.get()[0].status, 200)
        self.assertGreaterEqual(len(asked), 3)
        # For a second, and longer each time: what took no longer sees it three times.
        for before, after in itertools.pairwise(asked[2:]):
            self.assertGreater(after - before, 0.99)

    def test_a_body_that_memory_keeps_is_repeated_and_one_past_it_is_not(self):
        limit = 64 * 1024
        for size, statuses in ((limit, {200}), (limit + 1, {200, 502})):
            self.two(self.resetting().port, self.good().port, replay=0)
            seen = {self.get(method="PUT", body=b"x" * size)[0].status for _ in range(2)}
            self.assertEqual(seen, statuses)

    def test_a_chunked_body_is_repeated_whole(self):
        self.two(self.resetting().port, self.good().port)
        for _ in range(2):
            client = self.client()
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n")
            head = client.head()
            self.assertEqual((head.status, client.body(head)), (200, b"good abcdefg"))

    def stale(self):
        """Answers once on a connection; what comes next on it is reset."""

        def script(stream, _number):
            stream.body(stream.head())
            stream.send(ok())
            if stream.more():
                stream.reset()

        return self.origin(script)

    def test_a_pooled_connection_that_died_is_no_error_for_get(self):
        origin = self.stale()
        self.publish([endpoint("web-1", origin.port)])
        for _ in range(5):
            self.assertEqual(self.get()[0].status, 200)
        self.assertEqual(origin.count, 5)

    def test_a_post_on_a_connection_that_died_is_not_repeated(self):
        origin = self.stale()
        self.publish([endpoint("web-1", origin.port)])
        # One behind the other: the edge takes it at once, when that connection was busy just now.
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        for status in (200, 502):
            head = client.head()
            client.body(head)
            self.assertEqual(head.status, status)

    def test_an_idle_connection_closed_by_the_instance_is_not_used(self):
        def script(stream, _number):
            stream.head()
            stream.send(ok())

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        for _ in range(10):
            self.assertEqual(self.get(method="POST", body=b"x")[0].status, 200)
            until(lambda: not origin.open, "the instance's close")

    def test_bytes_on_an_idle_connection_end_it_and_reach_nobody(self):
        idle = threading.Semaphore(0)
        ended = []

        def script(stream, number):
            stream.head()
            stream.send(ok("first"))
            idle.acquire(timeout=PATIENCE)
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
            stream.closed()
            ended.append(number)

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        for count in range(1, 4):
            self.assertEqual(self.get()[1], b"first")
            self.assertEqual(origin.count, count)
            idle.release()
            until(lambda count=count: count in ended, "the edge to close that connection")

    def test_a_body_that_an_answer_cannot_have_is_not_the_next_answer(self):
        """Of an instance that sends it all the same, when the next request has come."""
        forged = ok("forged")
        length = "Content-Length: %d\r\n" % len(forged)
        chunked = "Transfer-Encoding: chunked\r\n"
        for method, status, fields in (("HEAD", 200, length), ("HEAD", 200, chunked),
                                       ("HEAD", 404, ""), ("GET", 304, length),
                                       ("GET", 304, chunked)):
            def script(stream, number, status=status, fields=fields):
                stream.head()
                if number > 1:
                    stream.send(ok("mine"))
                    return
                stream.send("HTTP/1.1 %d X\r\n%s\r\n" % (status, fields))
                if stream.more():
                    stream.send(forged)

            self.publish([endpoint("web-1", self.origin(script).port)])
            self.assertEqual(self.head_of(method), status)
            self.assertEqual(self.get()[1], b"mine", (method, status, fields))

    def head_of(self, method):
        client = self.client()
        client.send("%s / HTTP/1.1\r\nHost: a\r\n\r\n" % method)
        return client.head().status

    def test_an_answer_that_says_of_no_body_leaves_its_connection_for_the_next(self):
        for method, status, fields in (("HEAD", 200, "Content-Length: 0\r\n"), ("GET", 304, ""),
                                       ("HEAD", 304, ""), ("GET", 204, ""),
                                       ("GET", 200, "Content-Length: 0\r\n")):
            def script(stream, _number, status=status, fields=fields):
                while stream.inbox or stream.more():
                    stream.head()
                    stream.send("HTTP/1.1 %d X\r\n%s\r\n" % (status, fields))

            origin = self.origin(script)
            self.publish([endpoint("web-1", origin.port)])
            for _ in range(3):
                self.assertEqual(self.head_of(method), status)
            self.assertEqual(origin.count, 1, (method, status, fields))

    def test_bytes_behind_an_answer_that_fills_the_room_for_it_reach_nobody(self):
        """The edge reads such an answer to its last byte, and no further."""
        room = 96 * 1024  # edge/limits.h, k_buffer_bytes
        asked, go, there = (threading.Semaphore(0) for _ in range(3))

        def script(stream, _number):
            stream.head()
            asked.release()
            go.acquire(timeout=PATIENCE)
            answer = ok(bytes(room - len(ok(bytes(10_000))) + 10_000))
            self.assertEqual(len(answer), room)
            stream.send(answer + ok("forged"))
            until(lambda: not unacknowledged(stream.sock), "the edge's side to have it")
            there.release()
            stream.rest()

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        client = self.client()
        for count in (1, 2):
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertTrue(asked.acquire(timeout=PATIENCE), "a connection of its own")
            with self.frozen():
                go.release()
                self.assertTrue(there.acquire(timeout=PATIENCE))
            self.assertNotEqual(client.body(client.head()), b"forged")
            self.assertEqual(origin.count, count)

    def test_a_head_that_breaks_off_is_a_502_and_not_repeated(self):
        origin = self.origin(lambda stream, _n: (stream.head(), stream.send("HTTP/1.1 200 O")))
        self.publish([endpoint("web-1", origin.port)])
        head, body = self.get()
        self.assertEqual(head.status, 502)
        self.assertIn(b"instance", body)
        self.assertEqual(origin.count, 1)

    def test_an_answer_that_is_no_http_is_a_502(self):
        for text in ("SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
                     "Content-Length: 2\r\n\r\n", "HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n"):
            origin = self.origin(lambda stream, _n, text=text: (stream.head(), stream.send(text)))
            self.publish([endpoint("web-1", origin.port)])
            self.assertEqual(self.get()[0].status, 502)

    def test_a_body_that_breaks_off_cuts_the_client(self):
        for text in ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"):
            origin = self.origin(lambda stream, _n, text=text: (stream.head(), stream.send(text)))
            self.publish([endpoint("web-1", origin.port)])
            client = self.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = client.head()
            self.assertEqual(head.status, 200)
            with self.assertRaises((EOFError, ConnectionError)):
                client.body(head)
        # It is counted right after the client was cut off.
        until(lambda: self.daemon.fresh()["endpoints"][0]["errors_total"] > 0, "the error")

    def test_a_reset_body_until_close_is_not_taken_for_whole(self):
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\n\r\nhalf")
            stream.exactly(1) if stream.inbox else None
            stream.reset()

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        with self.assertRaises((ConnectionError, ssl.SSLEOFError)):
            client.rest()

    def test_nobody_reachable_is_a_503_that_says_when_to_come_back(self):
        held, port = held_port()
        with held:
            self.publish([endpoint("web-1", port)])
            head, body = self.get()
            self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
            self.assertIn(b"try again", body)

    def test_a_moment_without_a_listener_is_waited_out(self):
        held = held_port()
        # An app that does not hold requests has a second for it: no time for a slow test.
        self.publish([endpoint("web-1", held[1])], hold=True)
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the request to wait")
        self.origin(serving(lambda head, body: ok(b"came " + body)), held=held)
        head = client.head()
        self.assertEqual((head.status, client.body(head)), (200, b"came x"))

    def test_load_goes_to_the_idle_endpoint(self):
        stuck = []

        def hanging(stream, _number):
            stream.head()
            stuck.append(stream)
            stream.more()

        slow = self.origin(hanging)
        quick = self.good()
        self.publish([endpoint("web-1", slow.port), endpoint("web-2", quick.port)])
        for _ in range(2):  # one of two in turn hangs
            client = self.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: stuck, "one that hangs")
        until(lambda: self.daemon.fresh()["apps"][0]["requests_total"] == 1, "the other one's end")
        for _ in range(20):
            self.assertEqual(self.get()[0].status, 200)
        self.assertEqual(len(stuck), 1)


if __name__ == "__main__":
    unittest.main()
