"""Time limits and counts of clients, at the limit and past it."""

import concurrent.futures
import ctypes
import os
import socket
import subprocess
import threading
import time
import unittest

from harness import (PATIENCE, EdgeCase, Stream, endpoint, few_descriptors, ok, serving,
                     until)


class Answers:
    """To all of the clients. Who lacks what the edge has none of is not said: a probe may have it
    for a moment."""

    def __init__(self, clients):
        pool = concurrent.futures.ThreadPoolExecutor(len(clients))
        self.coming = [pool.submit(client.head) for client in clients]
        pool.shutdown(wait=False)

    def first(self):
        done, _ = concurrent.futures.wait(self.coming, PATIENCE,
                                          concurrent.futures.FIRST_COMPLETED)
        return next(iter(done)).result().status

    def all(self):
        return {one.result(PATIENCE).status for one in self.coming}


class LimitsCase(EdgeCase):
    threads = 1

    def setUp(self):
        super().setUp()
        self.publish([endpoint("web-1", self.origin(serving(lambda head, body: ok(body))).port)])


class TimesCase(LimitsCase):
    def lived(self, client, began):
        self.assertTrue(client.closed())
        return time.monotonic() - began


class Times(TimesCase):
    options = ("--head-ms", "400", "--idle-ms", "600")

    def test_half_a_head_is_answered_and_ended_at_its_limit(self):
        began = time.monotonic()
        client = self.client()
        client.send("GET / HTTP/1.1\r\n")
        head = client.head()
        self.assertEqual(head.status, 408)
        client.body(head)
        self.assertGreaterEqual(time.monotonic() - began, 0.39)
        self.assertTrue(client.closed())

    def test_bytes_that_trickle_do_not_stretch_the_limit_of_a_head(self):
        client = self.client()
        began = time.monotonic()
        client.send("GET / HTTP/1.1\r\nX: ")
        client.sock.settimeout(0.05)
        while True:
            try:
                client.send("x")
                if client.more():
                    break
            except TimeoutError:
                self.assertLess(time.monotonic() - began, PATIENCE)
        self.assertGreaterEqual(time.monotonic() - began, 0.39)
        self.assertIn(b"408", client.inbox)

    def test_a_silent_connection_ends_without_a_word(self):
        began = time.monotonic()
        self.assertGreaterEqual(self.lived(self.client(), began), 0.39)

    def test_an_idle_connection_lives_to_its_limit(self):
        client = self.client()
        began = time.monotonic()  # not when the answer is here: it has been idle for a while then
        self.get(stream=client)
        self.assertGreaterEqual(self.lived(client, began), 0.59)

    def test_an_instance_may_take_its_time(self):
        def script(stream, _number):
            stream.head()
            time.sleep(1.5)  # longer than every limit above: these are the client's
            stream.send(ok("late"))

        self.publish([endpoint("web-2", self.origin(script).port)])
        self.assertEqual(self.get()[1], b"late")


class Stalls(TimesCase):
    options = ("--stall-ms", "4000")  # a machine that stands still for a moment is no stall

    def test_a_body_that_stalls_is_ended_and_one_that_moves_is_not(self):
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        for _ in range(9):  # 4.5 s in all, no pause past the limit
            time.sleep(0.5)
            client.send("x")
        client.send("x")
        head = client.head()
        self.assertEqual(client.body(head), b"x" * 10)
        began = time.monotonic()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        self.assertGreaterEqual(self.lived(client, began), 3.9)


class Vanished(EdgeCase):
    def watched(self, local, remote):
        """Does the kernel ask the other end of such a connection whether it still lives?"""
        with open("/proc/net/tcp") as file:
            for line in file.readlines()[1:]:
                words = line.split()
                ports = [int(end.split(":")[1], 16) for end in words[1:3]]
                established, keepalive = words[3] == "01", words[5].startswith("02:")
                if established and keepalive and ports[1] == remote and local in (None, ports[0]):
                    return True
        return False

    def test_a_client_or_an_instance_whose_machine_is_gone_is_not_waited_for_for_ever(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def waits(stream, _number):
            go.wait(60)

        for protocol in ("http", "h2c"):
            origin = self.origin(waits)
            self.publish([{**endpoint("web-1", origin.port), "protocol": protocol}])
            client = self.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: origin.count == 1, "the request")
            until(lambda: self.watched(None, origin.port), "a watch on the instance")
            until(lambda: self.watched(client.sock.getpeername()[1],
                                       client.sock.getsockname()[1]), "a watch on the client")
            client.close()


class Counts(LimitsCase):
    options = ("--clients-max", "10")

    def refused(self):
        try:
            return self.client().closed()
        except ConnectionError:  # so early that even connect() noticed
            return True

    def test_clients_at_the_limit_are_served_and_one_past_it_is_refused(self):
        clients = [self.client() for _ in range(10)]
        for client in clients:
            self.assertEqual(self.get(stream=client)[0].status, 200)
        self.assertTrue(self.refused())
        clients[0].close()

        def served():
            try:
                return self.get(stream=self.client())[0].status == 200
            except (OSError, EOFError):
                return False

        until(served, "a free place")


class StarvedCase(EdgeCase):
    """An edge that has not enough of something for all of its clients, which wait."""

    threads = 1

    def serve_slowly(self):
        self.go = threading.Event()
        self.addCleanup(self.go.set)

        def waits(stream, _number):
            stream.head()
            self.go.wait(60)
            stream.send(ok("at last"))

        self.publish([endpoint("web-1", self.origin(waits).port)],
                     health={"kind": "tcp", "interval": 100, "unhealthy_after": 1})
        until(lambda: self.daemon.fresh()["endpoints"][0]["health"] == "healthy", "the probe")

    def check_answers(self, clients):
        """Some are refused, the others answered; their instance is not blamed."""
        answers = Answers(clients)
        self.assertEqual(answers.first(), 503)
        # A report a second, a probe ten times as often.
        seen = self.daemon.reports
        until(lambda: self.daemon.reports > seen + 2, "reports")
        one = self.daemon.endpoint("web-1")
        self.assertEqual((one["health"], one["health_reason"]), ("healthy", ""))
        self.go.set()
        self.assertEqual(answers.all(), {200, 503})


class Descriptors(StarvedCase):
    """An edge that has none left for its instances."""

    def start(self):
        self.process = self.spawn(self.command(), preexec_fn=few_descriptors)
        self.connect_daemon()

    def test_that_an_instance_cannot_be_asked_says_nothing_of_it(self):
        self.serve_slowly()
        clients = [self.client() for _ in range(90)]
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.check_answers(clients)


@unittest.skipUnless(os.geteuid() == 0, "a network of its own needs root")
class LocalPorts(StarvedCase):
    """An edge that has as many connections to its instance as there are ports for."""

    def setUp(self):
        libc = ctypes.CDLL(None)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.addCleanup(os.close, home)
        self.assertEqual(libc.unshare(0x40000000), 0)  # CLONE_NEWNET
        self.addCleanup(libc.setns, home, 0)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        super().setUp()

    def test_that_none_is_left_says_nothing_of_an_instance(self):
        self.serve_slowly()
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
            file.write("20000 20007")
        clients = []
        for i in range(10):
            here = ("127.0.1.%d" % i, 0)
            clients.append(Stream(socket.create_connection(self.address, source_address=here)))
            clients[-1].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.streams.extend(clients)
        self.check_answers(clients)
        self.assertIn("moln_edge_upstream_connect_failures_total 0\n", self.daemon.metrics_text())


if __name__ == "__main__":
    unittest.main()
