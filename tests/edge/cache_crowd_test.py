"""Many who ask for the same at once: how often the app is asked, and who is given what."""

import threading
import unittest

from cache_test import CacheCase, Gate, not_modified
from h2_client import h2_client_of
from harness import PATIENCE, ok, until

ALL = 30


class CrowdCase(CacheCase):
    def ask(self, path="/a", count=ALL, fields=""):
        clients = [self.client() for _ in range(count)]
        for client in clients:
            client.send("GET %s HTTP/1.1\r\nHost: shop.test\r\n%s\r\n" % (path, fields))
        return clients

    def wait_for(self, count):
        until(lambda: self.daemon.fresh()["cache"]["collapsed_total"] >= count, "all to wait")

    def gated(self, answer, **rules):
        gate = Gate()
        self.cached_app(gate.script(answer), **rules)
        return gate


class Crowd(CrowdCase):
    def test_what_is_to_be_validated_each_time_is_by_each_with_his_own_request(self):
        def answer(stream, head, _number):
            who = head.get("cookie") or head.get("x-api-key") or "nobody"
            says = 'Cache-Control: no-cache\r\nETag: "%s"\r\n' % who
            same = '"%s"' % who in (head.get("if-none-match") or "")
            stream.send(not_modified(says) if same else ok(who.encode(), says))

        for path, field, names in (
                ("/a", "Cookie", ["ann", "bob"]), ("/b", "Cookie", ["", "bob"]),
                ("/c", "Cookie", ["ann", ""]), ("/d", "X-Api-Key", ["x", "y"])):
            gate = self.gated(answer)
            before = self.daemon.fresh()["cache"]["collapsed_total"]
            clients = []
            for name in names * 10:
                fields = "%s: %s\r\n" % (field, name) if name else ""
                clients.append((name, self.ask(path, 1, fields)[0]))
                if len(clients) == 1:
                    gate.arrived.acquire(timeout=PATIENCE)
            self.wait_for(before + 19)
            for _ in range(100):
                gate.allowed.release()
            for name, client in clients:
                self.assertEqual(client.body(client.head()).decode(), name or "nobody")

    def test_who_reloads_shares_one_question(self):
        gate = self.gated(lambda stream, head, number: stream.send(
            ok(b"%d" % number, 'Cache-Control: max-age=60\r\n')))
        gate.allowed.release()
        self.assertEqual(self.get("/a")[1], b"1")
        clients = self.ask(fields="Cache-Control: no-cache\r\n")
        self.wait_for(ALL - 1)
        gate.allowed.release()
        for client in clients:
            self.assertEqual(client.body(client.head()), b"2")
        self.assertEqual(len(gate.seen), 2)

    def test_streams_of_one_connection_are_one_fetch(self):
        gate = self.gated(lambda stream, head, number: stream.send(
            ok(b"all", 'Cache-Control: max-age=60\r\n')))
        client = h2_client_of(self)
        streams = [client.request("/a") for _ in range(ALL)]
        self.wait_for(ALL - 1)
        client.conn.reset_stream(streams[0])
        client.flush()
        gate.allowed.release()
        for stream in streams[1:]:
            answer = client.wait(stream)
            self.assertEqual((answer.status, answer.body), (200, b"all"))
        self.assertEqual(len(gate.seen), 1)

    def test_all_are_cut_where_it_breaks_off_and_the_next_asks_anew(self):
        gate = Gate()
        over = threading.Event()

        def script(stream, number):
            gate.seen.append(stream.head())
            gate.allowed.acquire(timeout=PATIENCE)
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nCache-Control: max-age=60\r\n\r\n"
                        + (b"half" if number == 1 else b"complete"))
            if number == 1:
                over.wait(PATIENCE)

        self.cached_app(script)
        clients = self.ask()
        self.wait_for(ALL - 1)
        gate.allowed.release()
        for client in clients:
            client.head()
            self.assertEqual(client.exactly(4), b"half")
        over.set()
        for client in clients:
            self.assertTrue(client.closed())
        gate.allowed.release()
        self.assertEqual(self.get("/a")[1], b"complete")
        self.assertEqual(len(gate.seen), 2)

    def test_an_app_that_is_slower_than_its_answers_are_fresh_is_asked_once(self):
        gate = self.gated(lambda stream, head, number: stream.send(
            ok(b"all", 'Cache-Control: max-age=1\r\n')))
        clients = self.ask()
        self.wait_for(ALL - 1)
        gate.allowed.release()
        for client in clients:
            self.assertEqual(client.body(client.head()), b"all")
        self.assertEqual(len(gate.seen), 1)


if __name__ == "__main__":
    unittest.main()
