"""Flows of UDP go on where they were while one edge takes the place of another."""

import json
import signal
import socket
import threading
import unittest

from datagram_test import Server, named
from harness import OVER_TLS, PATIENCE, Daemon, endpoint, until
from upgrade_test import Upgrading

APP = {"app": "default/shop", "process": "web"}
LISTEN = "udp:5353"
ONE_MORE_THAN_A_LINE = 17


@unittest.skipIf(OVER_TLS, "no TLS here")
class FlowCase(Upgrading):
    def setUp(self):
        super().setUp()
        self.servers = [Server(named(name)) for name in (b"a", b"b")]
        self.helpers += self.servers
        self.address = None

    def tearDown(self):
        if "stopping" not in self.stderr():
            self.publish_snapshot([], [])  # flows end at once
        super().tearDown()

    def tell(self, states=("active", "active"), idle=60000):
        instances = [endpoint(name, server.port, state) for name, server, state
                     in zip(("a-1", "b-1"), self.servers, states) if state]
        self.publish_snapshot([], [self.app(instances, health={"kind": "running"})],
                              streams=[{"listen": LISTEN, **APP, "idle": idle}])
        until(lambda: all(one["health"] == "healthy" for one in self.daemon.fresh()["endpoints"]),
              "health")
        self.workers_have_heard()
        if self.address is None:
            self.address = self.open_listener(socket.SOCK_DGRAM, LISTEN)

    def client(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.settimeout(PATIENCE)
        sock.connect(self.address)
        return sock

    def ask(self, client, data=b"ping"):
        client.send(data)
        return client.recv(100)

    def words(self, successor, count):
        """What it says to who takes its place; a report may have been on its way before."""
        words, text = [], b""
        while len(words) < count:
            text += successor.recv(65536)
            *lines, text = text.split(b"\n")
            words += [word for word in map(json.loads, lines) if "report" not in word]
        return words

    def senders(self):
        """How many sockets the instances have heard."""
        return len({sender for server in self.servers for sender, _data in server.seen})

    def open_at(self, daemon, instance):
        daemon.fresh()
        one = daemon.endpoint(instance)
        return one["tunnels_open"] if one else 0


class FlowsMove(FlowCase):
    def test_each_client_stays_at_its_instance_and_is_the_same_one_there(self):
        self.tell()
        clients = [self.client() for _ in range(2 * ONE_MORE_THAN_A_LINE)]
        first = [self.ask(client) for client in clients]
        self.assertEqual(set(first), {b"a:ping", b"b:ping"})
        for _turn in range(3):
            self.upgrade()
            self.assertEqual([self.ask(client) for client in clients], first)
        self.assertEqual(self.senders(), len(clients))

    def test_a_datagram_that_comes_in_between_is_not_lost_and_none_begins_a_flow_anew(self):
        self.tell()
        stop, wrong, counts = threading.Event(), [], []

        def talk():
            client, count = self.client(), 0
            own = self.ask(client, b"first")[:1]
            while not stop.is_set():
                count += 1
                if self.ask(client, b"%d" % count) != own + b":%d" % count:
                    wrong.append((own, count))
            counts.append(count)

        threads = [threading.Thread(target=talk) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _turn in range(3):
            self.upgrade()
            until(lambda: self.before[-1][1].fresh()["leaving"], "the leave")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(counts), len(threads))
        self.assertEqual(self.senders(), len(threads))

    def test_the_answer_to_a_question_from_before_arrives(self):
        self.servers[0].answer = lambda data, number: None
        self.tell(("active", None))
        client = self.client()
        client.send(b"question")
        until(lambda: self.servers[0].seen, "the question")
        self.upgrade()
        until(lambda: self.open_at(self.daemon, "a-1") == 1, "the flow at the new edge")
        self.servers[0].sock.sendto(b"answer", self.servers[0].seen[0][0])
        self.assertEqual(client.recv(100), b"answer")

    def test_an_instance_that_drains_keeps_it_and_is_open_at_one_edge_at_any_time(self):
        self.tell(idle=3000)
        client = self.client()
        own = self.ask(client)[:1].decode()
        self.tell(tuple("draining" if name == own else "active" for name in "ab"), idle=3000)
        self.upgrade()
        old = self.before[-1][1]
        until(lambda: self.open_at(self.daemon, own + "-1") == 1, "the flow at the new edge")
        self.assertEqual(self.open_at(old, own + "-1"), 1)
        self.assertEqual(self.ask(client, b"more"), own.encode() + b":more")
        until(lambda: self.open_at(self.daemon, own + "-1") == 0, "the end of the flow")
        self.left()
        line = self.log_lines(1)
        self.assertEqual([(one["outcome"], one["bytes_in"], one["bytes_out"]) for one in line],
                         [("idle", 8, 12)])  # once, with what both passed on

    def test_an_edge_that_does_not_know_of_flows_is_sent_none(self):
        self.tell()
        client = self.client()
        self.ask(client)
        successor, _text, _count = self.take()
        self.addCleanup(successor.close)
        successor.sendall(b'{"took_over": {}}\n')
        self.assertEqual(self.words(successor, 1), [{"left": {}}])
        until(lambda: self.daemon.fresh()["leaving"], "the leave")
        # What its instance still says is passed on as ever.
        sender = [sender for server in self.servers for sender, _data in server.seen][0]
        self.servers[0].sock.sendto(b"late", sender)
        self.assertEqual(client.recv(100), b"late")
        successor.setblocking(False)
        with self.assertRaises(BlockingIOError):
            successor.recv(100)

    def test_one_that_is_told_to_stop_before_it_leaves_says_that_no_flows_come(self):
        self.tell()
        client = self.client()
        self.ask(client)  # what it is not done with
        successor, text, _count = self.take()
        self.addCleanup(successor.close)
        self.assertIn(b'"flows":true', text)
        self.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in self.stderr(), "the stop")
        successor.sendall(b'{"took_over": {"flows": true}}\n')
        self.assertEqual(self.words(successor, 2),
                         [{"left": {}}, {"flows": {"flows": [], "last": True}}])


class Before:
    """An edge before, as far as it says something: what it hands over is the test's."""

    def __init__(self, path, address):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(PATIENCE)
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(address)
        self.datagrams.setblocking(False)

    def send(self, name, value, fds=()):
        line = json.dumps({name: value}).encode() + b"\n"
        if fds:
            socket.send_fds(self.line, [line], fds)
        else:
            self.line.sendall(line)

    def hand_over(self):
        """Up to where the new one has been told that this one leaves."""
        self.line = self.listener.accept()[0]
        self.line.settimeout(PATIENCE)
        self.hear()
        self.send("handed", {"sockets": [{"kind": "stream", "address": "here", "listen": LISTEN}],
                             "last": True, "flows": True}, [self.datagrams.fileno()])
        word = self.hear()["took_over"]
        self.send("left", {})
        return word

    def hear(self):
        text = b""
        while not text.endswith(b"\n"):
            text += self.line.recv(65536)
        return json.loads(text)

    def close(self):
        self.line.close()
        self.listener.close()
        self.datagrams.close()


class OddBefore(FlowCase):
    """What the edge before says, or not."""

    def begin(self, *parts):
        """A new edge behind one that says these of its flows and then nothing."""
        self.tell()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE), 0)
        self.daemon.close()
        before = Before(self.dir + "/before", self.address)
        self.addCleanup(before.close)
        self.number += 1
        words = self.command()
        words[words.index("--control") + 1] = self.control(self.number)
        self.process = self.spawn([*words, "--take-over", self.dir + "/before"])
        self.assertTrue(before.hand_over()["flows"])
        for flows, fds in parts:
            before.send("flows", flows, fds)
        self.daemon = Daemon(self.control(self.number))
        until(lambda: self.daemon.report, "the new edge's first report")
        return before

    def flow(self, client, server):
        """As it stands at the edge before, with the socket that leads to its instance."""
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(out.close)
        out.connect(("127.0.0.1", server.port))
        host, port = client.getsockname()
        return {"listen": LISTEN, "address": "here", "client": socket.inet_aton(host).hex(),
                "client_port": port, "local": socket.inet_aton("127.0.0.1").hex(),
                "instance": "a-1", "answered": True}, out

    def test_one_that_never_hands_its_flows_over_is_not_waited_for_for_ever(self):
        self.begin()
        client = self.client()
        self.assertEqual(self.ask(client)[1:], b":ping")
        self.assertIn("flows_late", self.stderr())

    def test_one_that_ends_before_it_has_handed_them_over_is_not_waited_for(self):
        before = self.begin()
        before.line.close()
        client = self.client()
        self.assertEqual(self.ask(client)[1:], b":ping")

    def test_flows_that_make_no_sense_are_none_and_the_others_go_on(self):
        self.tell()
        client, other = self.client(), self.client()
        good, out = self.flow(client, self.servers[0])
        odd = [{**self.flow(other, self.servers[0])[0], **change} for change in (
            {"listen": "udp:1"}, {"listen": "tcp:5353"}, {"listen": ""}, {"address": "there"},
            {"client": "7f"}, {"client": "zz000001"}, {"local": ""}, {"instance": "c-1"})]
        fds = [out.fileno()] * 16
        self.begin(({"flows": odd, "last": False}, fds[:len(odd)]),
                   ({"flows": [good, good], "last": False}, fds[:2]),
                   ({"flows": [self.flow(other, self.servers[0])[0]], "last": True}, []))
        self.assertEqual(self.ask(client), b"a:ping")
        self.assertEqual(self.servers[0].seen[-1][0], out.getsockname())
        self.assertEqual(self.open_at(self.daemon, "a-1"), 1)
        self.ask(other)
        self.assertEqual(self.open_at(self.daemon, "a-1") + self.open_at(self.daemon, "b-1"), 2)


if __name__ == "__main__":
    unittest.main()
