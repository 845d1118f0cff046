"""A new edge takes the place of one that serves: the same sockets, no request lost."""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import unittest
import urllib.request

from datagram_test import Server, named
from h2_client import H2Client
from harness import (OVER_TLS, PATIENCE, SANITIZED, Daemon, EdgeCase, Stream, endpoint, held_port,
                     ok, serving, until)
from tunnel_test import SWITCH, UPGRADE, echo


class Upgrading(EdgeCase):
    def setUp(self):
        self.number = 0
        self.before = []  # (process, daemon) of the edges that have been replaced
        self.helpers = []
        super().setUp()

    def tearDown(self):
        for one in self.streams:
            one.close()
        for process, daemon in self.before:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    self.fail("an edge that was replaced did not stop")
            daemon.close()
        for one in self.helpers:
            one.stop()
        super().tearDown()

    def control(self, number):
        return self.dir + "/control" + ("-%d" % number if number else "")

    def successor(self, *more, listens=None, of=None):
        """Starts it; nobody waits for it yet."""
        self.number += 1
        words = self.command()
        words[words.index("--control") + 1] = self.control(self.number)
        if listens:
            words[words.index("--listen") + 1] = listens
        words += ["--take-over", self.control(self.number - 1 if of is None else of), *more]
        return self.spawn(words)

    def upgrade(self, *more, **how):
        process = self.successor(*more, **how)
        self.before.append((self.process, self.daemon))
        self.process = process
        self.daemon = Daemon(self.control(self.number))
        until(lambda: self.daemon.report, "the new edge's first report")

    def publish_snapshot(self, routes, apps, **more):
        """To all that live, as a daemon does."""
        daemons = [daemon for process, daemon in self.before if process.poll() is None]
        sent = json.dumps({"snapshot": {
            "version": self.version + 1, "epoch": 1, "routes": routes, "apps": apps,
            "certificates": self.certificates, "challenges": self.challenges, **more}})
        for daemon in daemons:
            try:
                daemon.send(sent.encode() + b"\n")
            except OSError:
                pass  # it has just ended
        super().publish_snapshot(routes, apps, **more)

    def left(self, index=-1, keep=()):
        """The edge that was replaced, once it has ended by itself: nobody's connection holds it."""
        for one in self.streams:
            if one not in keep:
                one.close()
        process = self.before[index][0]
        until(lambda: process.poll() is not None, "the end of the edge that was replaced")
        self.assertEqual(process.returncode, 0, self.stderr())

    def open_listener(self, kind, listen):
        sock = socket.socket(socket.AF_INET, kind)
        sock.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            sock.listen(64)
        sock.setblocking(False)
        address = sock.getsockname()
        self.daemon.send({"listener": {"listen": listen, "addresses": ["127.0.0.1:%d" % address[1]],
                                       "problem": ""}}, [sock])
        sock.close()
        until(lambda: any(one["listen"] == listen and one["addresses"]
                          for one in self.daemon.fresh()["streams"]), "the socket")
        return address

    def take(self):
        """As a new edge does, up to where it says that it serves."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.control(self.number))
        sock.settimeout(PATIENCE)
        sock.sendall(b'{"take_over": {}}\n')
        text, count = b"", 0
        while b'"last":true' not in text or not text.endswith(b"\n"):
            data, fds, _flags, _address = socket.recv_fds(sock, 65536, 64)
            text += data
            count += len(fds)
            for fd in fds:
                os.close(fd)
        return sock, text, count

    def upstream(self, body=b"ok"):
        return self.origin(serving(lambda head, _body: ok(body)))


class UnderLoad(Upgrading):
    def load(self, stop, failures, counts):
        """A client as they are: keeps its connection until it is told that it ends."""
        client, done = None, 0
        try:
            while not stop.is_set():
                client = client or self.client()
                head, body = self.get(stream=client)
                if head.status != 200 or body != b"ok":
                    failures.append(head.first)
                done += 1
                if head.get("connection", "").lower() == "close":
                    client.close()
                    client = None
        except (OSError, EOFError) as error:
            failures.append(repr(error))
        counts.append(done)

    def load_h2(self, stop, failures, counts):
        client, done = None, 0
        try:
            while not stop.is_set():
                client = client or H2Client(self.client())
                answer = client.get()
                if answer.status != 200 or answer.body != b"ok":
                    failures.append(str(answer.status))
                done += 1
                if client.goaway is not None:
                    client.stream.close()
                    client = None
        except (OSError, EOFError, AssertionError) as error:
            failures.append(repr(error))
        counts.append(done)

    def test_no_request_fails_over_several_upgrades(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        stop, failures, counts = threading.Event(), [], []
        loads = [self.load] * 6 + ([] if OVER_TLS else [self.load_h2] * 2)
        threads = [threading.Thread(target=one, args=(stop, failures, counts)) for one in loads]
        for thread in threads:
            thread.start()
        try:
            for _turn in range(3 if SANITIZED else 8):
                self.upgrade()
                served = lambda: sum(one["requests_total"] for one in
                                     self.daemon.fresh()["endpoints"])
                at = served()
                until(lambda: served() > at + 100, "load on the new edge")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(counts), 10)
        for one in self.streams:
            one.close()
        for index in range(len(self.before)):
            self.left(index)

    def test_connections_made_in_the_middle_of_it_are_answered(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        for _turn in range(5):
            process = self.successor()
            answered = 0
            while not os.path.exists(self.control(self.number)) or answered < 50:
                head, _body = self.get(fields="Connection: close\r\n")
                self.assertEqual(head.status, 200)
                answered += 1
            self.before.append((self.process, self.daemon))
            self.process, self.daemon = process, Daemon(self.control(self.number))
            until(lambda: self.daemon.report, "the first report")
            self.left()


class Kept(Upgrading):
    def test_an_idle_connection_is_answered_once_more_and_told_to_end(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        client, fresh = self.client(), self.client()
        self.assertIsNone(self.get(stream=client)[0].get("connection"))
        self.upgrade()
        until(lambda: self.before[0][1].fresh()["leaving"], "the leave")
        for one in (client, fresh):
            head, body = self.get(stream=one)
            self.assertEqual((head.status, head.get("connection"), body), (200, "close", b"ok"))
            self.assertTrue(one.closed())
        self.left()
        self.assertFalse(self.daemon.fresh()["leaving"])

    def test_an_answer_under_way_that_said_keep_alive_keeps_it(self):
        go = threading.Event()

        def script(stream, _number):
            while True:
                stream.head()
                stream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
                go.wait(PATIENCE)
                stream.send("cd")

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIsNone(client.head().get("connection"))
        self.upgrade()
        until(lambda: self.before[0][1].fresh()["leaving"], "the leave")
        self.assertEqual(self.before[0][1].endpoint("web-1")["requests_open"], 1)
        go.set()
        self.assertEqual(client.exactly(4), b"abcd")
        head, _body = self.get(stream=client)
        self.assertEqual(head.get("connection"), "close")
        self.left()

    def test_a_websocket_stays_for_as_long_as_it_likes(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        for _turn in range(3):
            self.upgrade()
            client.send("still there?")
            self.assertEqual(client.exactly(12), b"still there?")
        self.left(1, [client])
        self.left(2, [client])
        first, its_daemon = self.before[0]
        its_daemon.fresh()
        self.assertEqual(its_daemon.endpoint("web-1")["tunnels_open"], 1)
        # It hears of what changes, so that its count tells when the instance may go.
        self.publish([endpoint("web-1", self.origins[0].port, "draining"),
                      endpoint("web-2", self.upstream(b"new").port)])
        until(lambda: its_daemon.fresh()["acked_version"] == self.version, "its acknowledgement")
        self.assertEqual(its_daemon.endpoint("web-1")["tunnels_open"], 1)
        self.daemon.fresh()
        self.assertEqual(self.daemon.endpoint("web-1")["tunnels_open"], 0)
        self.assertEqual(self.get()[1], b"new")
        client.close()
        self.left(0)
        self.assertIsNotNone(first.returncode)

    def test_a_request_that_waits_for_an_instance_is_answered_by_the_edge_that_took_it(self):
        self.publish([], hold=True)
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: self.daemon.fresh()["apps"][0]["held"] == 1, "the wait")
        self.upgrade()
        self.publish([endpoint("web-1", self.upstream().port)])
        self.assertEqual(client.head().status, 200)
        self.left()

    def test_a_drain_limit_cuts_what_is_open_then(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        self.upgrade("--drain-limit-ms", "300")
        self.assertTrue(client.closed())
        process = self.before[0][0]
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn("drain_limit_over", self.stderr())

    def test_a_stop_lets_an_edge_that_was_replaced_finish(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        client, idle = self.client(), self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        self.upgrade()
        old = self.before[0][0]
        until(lambda: self.before[0][1].fresh()["leaving"], "the leave")
        old.send_signal(signal.SIGTERM)
        self.assertTrue(idle.closed())
        client.send("still there?")
        self.assertEqual(client.exactly(12), b"still there?")
        client.close()
        self.left()


class Announced(Upgrading):
    options = ("--h2-shutdown-ms", "5000")  # from the announcement to the last word

    @unittest.skipIf(OVER_TLS, "the frames are the same")
    def test_http2_ends_in_two_steps_and_what_was_begun_is_answered(self):
        go = threading.Event()

        def answer(head, _body):
            if "/slow" in head.first:
                go.wait(PATIENCE)
            return ok()

        self.publish([endpoint("web-1", self.origin(serving(answer)).port)])
        client = H2Client(self.client())
        slow = client.request("/slow")
        until(lambda: self.daemon.fresh() and
              self.daemon.endpoint("web-1")["requests_open"] == 1, "the request")
        self.upgrade()
        client.until(lambda: client.goaway is not None, "the announcement")
        # Those on their way when it is announced still come in.
        self.assertEqual(client.get("/quick").status, 200)
        go.set()
        self.assertEqual(client.wait(slow).status, 200)
        client.until_closed()
        self.left()
        self.assertEqual(H2Client(self.client()).get().status, 200)


class Handed(Upgrading):
    def test_ports_stay_and_metrics_move(self):
        before = self.daemon.report
        self.publish([endpoint("web-1", self.upstream().port)])
        listens = [line.split("listen=")[1].strip() for line in self.stderr().splitlines()
                   if " metrics " in line]
        self.upgrade()
        self.left()
        for name in ("listens", "tls_listens"):
            self.assertEqual(self.daemon.report[name], before[name])
        until(lambda: self.daemon.fresh()["acked_version"] == self.version, "the snapshot")
        self.assertEqual(self.get()[0].status, 200)
        with urllib.request.urlopen("http://%s/metrics" % listens[0], timeout=PATIENCE) as answer:
            self.assertIn("moln_edge_snapshot_version %d" % self.version, answer.read().decode())

    def test_more_and_fewer_workers_take_the_same_sockets(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        for threads in ("5", "1", "3", "2"):
            self.upgrade("--threads", threads)
            self.left()
            clients = [self.client() for _ in range(20)]
            for client in clients:
                self.assertEqual(self.get(stream=client)[0].status, 200)
                client.close()

    def test_an_address_that_is_wanted_no_more_is_closed_and_a_new_one_opened(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        client = self.client()
        held, port = held_port()
        self.addCleanup(held.close)
        free = "127.0.0.1:%d" % port
        old = self.address
        self.upgrade(listens=free)
        self.assertEqual(self.daemon.report["listens"], [free])
        if not OVER_TLS:
            # Though the edge before still has a client, nobody waits in a backlog for nobody.
            def refused():
                try:
                    socket.create_connection(old, timeout=PATIENCE).close()
                    return False
                except ConnectionRefusedError:
                    return True
            until(refused, "the refusal")
        until(lambda: self.before[0][1].fresh()["leaving"], "the leave")
        self.assertEqual(self.get(stream=client)[0].get("connection"), "close")
        ip, port = free.rsplit(":", 1)
        self.address = (ip, int(port))
        self.assertEqual(self.get()[0].status, 200)

    def tickets(self, version):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        if not self.certificates:
            self.certify(["default.test"])
        self.publish([endpoint("web-1", self.upstream().port)])
        stream = self.tls_client(context=context)
        self.get(stream=stream)
        session = stream.sock.session
        for _turn in range(2):
            self.upgrade()
            again = self.tls_client(context=context, session=session)
            self.assertEqual(self.get(stream=again)[0].status, 200)
            self.assertTrue(again.sock.session_reused)
            session = again.sock.session

    def test_session_tickets_go_on_working(self):
        self.tickets(ssl.TLSVersion.TLSv1_3)

    def test_session_tickets_of_tls_1_2_go_on_working(self):
        self.tickets(ssl.TLSVersion.TLSv1_2)

    @unittest.skipIf(OVER_TLS, "no TLS here")
    def test_tcp_and_udp_routes_move_and_a_connection_stays(self):
        def repeat(stream, _number):
            while stream.inbox or stream.more():
                data, stream.inbox = stream.inbox, b""
                stream.send(data)

        server = Server(named(b"one"))
        self.helpers.append(server)
        origin = self.origin(repeat)
        app = {"app": "default/shop", "process": "web"}
        self.publish_snapshot([], [self.app([endpoint("web-1", origin.port)])], streams=[
            {"listen": "tcp:5432", **app},
            {"listen": "udp:5353", "port": server.port, **app}])
        tcp = self.open_listener(socket.SOCK_STREAM, "tcp:5432")
        udp = self.open_listener(socket.SOCK_DGRAM, "udp:5353")
        kept = Stream(socket.create_connection(tcp, timeout=PATIENCE))
        self.streams.append(kept)
        kept.send("one")
        self.assertEqual(kept.exactly(3), b"one")
        talker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(talker.close)
        talker.settimeout(PATIENCE)
        talker.connect(udp)
        for turn in range(3):
            talker.send(b"%d" % turn)
            self.assertEqual(talker.recv(100), b"one:%d" % turn)
            self.upgrade()
            streams = {one["listen"]: one["addresses"] for one in self.daemon.report["streams"]}
            self.assertEqual(streams, {"tcp:5432": ["127.0.0.1:%d" % tcp[1]],
                                       "udp:5353": ["127.0.0.1:%d" % udp[1]]})
            kept.send("again")
            self.assertEqual(kept.exactly(5), b"again")
            with socket.create_connection(tcp, timeout=PATIENCE) as fresh:
                fresh.sendall(b"new")
                self.assertEqual(fresh.recv(100), b"new")
        talker.send(b"end")
        self.assertEqual(talker.recv(100), b"one:end")
        kept.close()
        for index in range(3):
            self.left(index)
        self.publish_snapshot([], [])  # flows end at once


class Broken(Upgrading):
    def test_a_new_edge_that_dies_before_it_serves_changes_nothing(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        client = self.client()
        self.get(stream=client)
        for _turn in range(3):
            sock, text, count = self.take()
            self.assertIn(b'"handed"', text)
            self.assertEqual(count, 2 * self.threads + 2)  # metrics and the lock
            sock.close()
        self.assertFalse(self.daemon.fresh()["leaving"])
        self.assertIsNone(self.get(stream=client)[0].get("connection"))
        self.upgrade()
        until(lambda: self.before[0][1].fresh()["leaving"], "the leave")
        self.assertEqual(self.get(stream=client)[0].get("connection"), "close")
        self.left()

    def test_when_the_new_edge_dies_the_next_one_finds_the_sockets_at_the_old(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        self.upgrade()
        self.process.kill()
        self.process.wait()
        self.daemon.close()
        # In the backlog meanwhile: neither refused nor reset, and served as those who come later.
        address = self.tls_address if OVER_TLS else self.address
        waiting = [socket.create_connection(address, timeout=PATIENCE) for _ in range(8)]
        self.process, self.daemon = self.before.pop()
        self.upgrade(of=0)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for sock in waiting:
            stream = Stream(context.wrap_socket(sock) if OVER_TLS else sock)
            self.streams.append(stream)
            self.assertEqual(self.get(stream=stream)[0].status, 200)
        self.assertEqual(self.get()[0].status, 200)
        client.send("still there?")
        self.assertEqual(client.exactly(12), b"still there?")
        client.close()
        self.left()

    def test_an_old_edge_that_dies_half_way_costs_only_what_it_had_open(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        self.upgrade()
        self.before[0][0].kill()
        self.before[0][0].wait()
        self.assertEqual(self.get()[0].status, 200)
        self.upgrade()
        self.assertEqual(self.get()[0].status, 200)
        self.left(1)

    def refused(self, reason, **how):
        process = self.successor(**how)
        self.assertEqual(process.wait(PATIENCE), 2)
        self.assertIn(reason, self.stderr())
        self.number -= 1

    def test_a_successor_that_cannot_begin_says_why_and_the_old_one_serves(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        client = self.client()
        self.refused("connect to", of=77)
        with open(self.dir + "/state/snapshot.json") as file:
            snapshot = json.load(file)
        snapshot["version"] -= 1
        with open(self.dir + "/state/snapshot.json", "w") as file:
            json.dump(snapshot, file)
        self.refused("is older than that of the edge before")
        os.remove(self.dir + "/state/snapshot.json")
        self.refused("is older than that of the edge before")
        self.assertIsNone(self.get(stream=client)[0].get("connection"))
        self.publish([endpoint("web-1", self.origins[0].port)])
        self.upgrade()
        self.left()

    def test_an_edge_that_was_told_to_stop_hands_nothing_over(self):
        self.publish([endpoint("web-1", self.origin(echo).port)])
        client = self.client()
        client.send(UPGRADE)
        self.assertEqual(client.head().status, 101)
        self.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in self.stderr(), "the stop")
        self.refused("it was told to stop")
        client.close()

    def test_a_snapshot_that_the_disk_refuses_holds_up_a_take_over(self):
        self.publish([endpoint("web-1", self.upstream().port)])
        # The new name cannot be written over.
        os.mkdir(self.dir + "/state/snapshot.json.new")
        self.publish([endpoint("web-2", self.upstream(b"two").port)])
        self.refused("snapshot.json.new")
        self.assertEqual(self.get()[1], b"two")
        os.rmdir(self.dir + "/state/snapshot.json.new")
        self.upgrade()
        self.assertEqual(self.get()[1], b"two")
        self.left()


if __name__ == "__main__":
    unittest.main()
