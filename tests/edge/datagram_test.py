"""UDP routes: datagrams by flow."""

import socket
import threading
import unittest

from harness import EdgeCase, endpoint, until

APP = {"app": "default/shop", "process": "web"}


class Server:
    """Answers each datagram by answer(data, number), None: not at all."""

    def __init__(self, answer):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.answer = answer
        self.seen = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                data, sender = self.sock.recvfrom(65536)
            except OSError:
                return
            if data == b"stop":
                return
            self.seen.append((sender, data))
            reply = self.answer(data, len(self.seen))
            if reply is not None:
                self.sock.sendto(reply, sender)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"stop", ("127.0.0.1", self.port))
        self.thread.join()
        self.sock.close()


def named(name):
    return lambda data, _number: name + b":" + data


class DatagramCase(EdgeCase):
    def setUp(self):
        self.servers = []
        self.clients = []
        self.address_of = {}
        super().setUp()

    def tearDown(self):
        if self.process.poll() is None and "stopping" not in self.stderr():
            self.publish_snapshot([], [])  # its flows end at once, else the edge waits for them
        for one in self.clients:
            one.close()
        for one in self.servers:
            if one.sock.fileno() >= 0:
                one.stop()
        super().tearDown()

    def server(self, answer):
        self.servers.append(Server(answer))
        return self.servers[-1]

    def publish(self, endpoints, stream=None, **more):
        listen = "udp:5353"
        self.publish_snapshot([], [self.app(endpoints, health={"kind": "running"}, **more)],
                              streams=[{"listen": listen, **APP, "idle": 60000,
                                        **(stream or {})}])
        until(lambda: all(one["health"] == "healthy" for one in self.daemon.fresh()["endpoints"]),
              "health")
        self.workers_have_heard()
        if listen not in self.address_of:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            self.address_of[listen] = sock.getsockname()
            self.daemon.send({"listener": {"listen": listen, "addresses": ["here"]}}, [sock])
            sock.close()
            until(lambda: self.daemon.fresh()["streams"][0]["addresses"] == ["here"], "listening")

    def client(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(20)
        sock.connect(self.address_of["udp:5353"])
        self.clients.append(sock)
        return sock

    def ask(self, sock, data=b"ping"):
        sock.send(data)
        return sock.recv(65536)

    def flows(self, instance):
        self.daemon.fresh()
        one = self.daemon.endpoint(instance)
        return one["tunnels_open"] if one else None


class Datagrams(DatagramCase):
    def test_datagrams_go_both_ways_and_are_counted_and_logged(self):
        server = self.server(named(b"a"))
        self.publish([endpoint("a-1", server.port)], {"idle": 5000})
        client = self.client()
        for data in (b"one", b"", b"x" * 1400, b"y" * 60000):
            self.assertEqual(self.ask(client, data), b"a:" + data)
        self.assertEqual(self.flows("a-1"), 1)
        self.assertEqual(len({sender for sender, _ in server.seen}), 1)
        line = self.log_lines(1)[0]
        self.assertEqual((line["listen"], line["outcome"], line["bytes_in"], line["bytes_out"],
                          line["client"], line["instance"]),
                         ("udp:5353", "idle", 61403, 61411, "127.0.0.1", "a-1"))
        until(lambda: self.flows("a-1") == 0, "the end")

    def test_each_client_has_its_flow_and_the_least_loaded_instance_the_next(self):
        servers = [self.server(named(name)) for name in (b"a", b"b")]
        self.publish([endpoint("a-1", servers[0].port), endpoint("b-1", servers[1].port)])
        clients = [self.client() for _ in range(10)]
        first = [self.ask(client) for client in clients]
        self.assertEqual(sorted(first), [b"a:ping"] * 5 + [b"b:ping"] * 5)
        # Where its first went, all go.
        for _ in range(3):
            self.assertEqual([self.ask(client) for client in clients], first)

    def test_a_flow_stays_with_an_instance_that_drains_and_new_ones_do_not_come(self):
        old, new = self.server(named(b"old")), self.server(named(b"new"))
        self.publish([endpoint("a-1", old.port)], {"idle": 5000})
        client = self.client()
        self.assertEqual(self.ask(client), b"old:ping")
        self.publish([endpoint("a-1", old.port, "draining"), endpoint("b-1", new.port)],
                     {"idle": 5000})
        self.assertEqual(self.ask(client), b"old:ping")
        self.assertEqual(self.ask(self.client()), b"new:ping")
        self.assertEqual(self.flows("a-1"), 1)
        until(lambda: self.flows("a-1") == 0, "the end of the flow")

    def test_a_flow_leaves_an_instance_that_is_gone(self):
        old, new = self.server(named(b"old")), self.server(named(b"new"))
        self.publish([endpoint("a-1", old.port)])
        client = self.client()
        self.assertEqual(self.ask(client), b"old:ping")
        self.publish([endpoint("a-1", old.port), endpoint("b-1", new.port)])
        old.stop()

        def moved():
            client.settimeout(0.2)
            try:
                return self.ask(client) == b"new:ping"
            except (TimeoutError, ConnectionError):
                return False

        until(moved, "the other instance")

    def test_without_an_instance_datagrams_are_dropped_and_the_next_tries_again(self):
        self.publish([])
        client = self.client()
        client.send(b"lost")
        self.assertEqual(self.log_lines(1)[0]["outcome"], "no_instance")
        self.publish([endpoint("a-1", self.server(named(b"a")).port)])
        self.assertEqual(self.ask(client), b"a:ping")

    def test_answers_may_come_without_being_asked(self):
        server = self.server(lambda data, _number: None)
        self.publish([endpoint("a-1", server.port)])
        client = self.client()
        client.send(b"hello")
        until(lambda: server.seen, "the datagram")
        for word in (b"one", b"two"):
            server.sock.sendto(word, server.seen[0][0])
            self.assertEqual(client.recv(100), word)

    def test_a_route_that_goes_ends_its_flows(self):
        self.publish([endpoint("a-1", self.server(named(b"a")).port)])
        self.assertEqual(self.ask(self.client()), b"a:ping")
        self.publish_snapshot([], [])
        self.assertEqual(self.log_lines(1)[0]["outcome"], "done")

    def test_a_drain_waits_for_no_flow_that_is_quiet(self):
        port = self.server(named(b"a")).port
        self.publish([endpoint("a-1", port)])
        self.assertEqual(self.ask(self.client()), b"a:ping")
        self.publish([endpoint("a-1", port, "draining")])
        until(lambda: self.flows("a-1") == 0, "the end of the flow, long before its minute")

    def test_the_edge_ends_once_its_flows_are_quiet(self):
        self.publish([endpoint("a-1", self.server(named(b"a")).port)])
        client = self.client()
        self.ask(client)
        self.process.terminate()
        until(lambda: "stopping" in self.stderr(), "the signal")
        self.assertEqual(self.ask(client), b"a:ping")
        self.assertEqual(self.process.wait(20), 0)


class Limits(DatagramCase):
    options = ("--flows-max", "3")

    def test_as_many_flows_as_may_and_no_more(self):
        server = self.server(named(b"a"))
        self.publish([endpoint("a-1", server.port)], {"idle": 5000})
        clients = [self.client() for _ in range(3)]
        for client in clients:
            self.assertEqual(self.ask(client), b"a:ping")
        late = self.client()
        late.settimeout(0.1)
        with self.assertRaises(TimeoutError):
            self.ask(late)
        until(lambda: "moln_edge_clients_refused_total 1\n" in self.daemon.metrics_text(),
              "the refusal")

        def served():
            try:
                return self.ask(late) == b"a:ping"
            except TimeoutError:
                return False

        until(served, "a place")


    def test_a_flow_that_nobody_answers_gives_up_its_place(self):
        server = self.server(lambda data, _number: b"a" if data == b"ping" else None)
        self.publish([endpoint("a-1", server.port)])
        answered = self.client()
        self.assertEqual(self.ask(answered), b"a")
        for number in range(5):
            self.client().send(b"forged %d" % number)
            until(lambda count=number + 2: len(server.seen) == count, "it")
        self.assertEqual(self.ask(self.client()), b"a")
        self.assertEqual(self.ask(answered), b"a")
        self.assertEqual(server.seen[0][0], server.seen[-1][0], "the same flow as ever")
        self.assertEqual(self.flows("a-1"), 3)
        self.assertNotIn("moln_edge_clients_refused_total 1", self.daemon.metrics_text())


class Clients(Limits):
    """Flows count among the clients."""

    options = ("--clients-max", "3")


if __name__ == "__main__":
    unittest.main()
