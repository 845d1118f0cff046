"""Many who ask for the same at once: how often the app is asked, and who is given what."""

import unittest

from cache_test import CacheCase, Gate, not_modified
from h2_client import h2_client_of
from harness import PATIENCE, ok, until

ALL = 30


class Crowd(CacheCase):
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

    def validating(self, says):
        return self.gated(lambda stream, head, number: stream.send(
            not_modified(says) if head.get("if-none-match") else ok(b"all", says)))

    def test_of_what_is_validated_each_time_one_question_is_for_all_who_came_before_it(self):
        """Who waits has come after the question under way was asked: the next one is his."""
        for path, says in (
                ("/a", 'Cache-Control: no-cache\r\nETag: "e"\r\n'),
                ("/b", 'Cache-Control: max-age=0, must-revalidate\r\nETag: "e"\r\n')):
            gate = self.validating(says)
            before = self.daemon.fresh()["cache"]["collapsed_total"]
            clients = self.ask(path)
            gate.arrived.acquire(timeout=PATIENCE)
            self.wait_for(before + ALL - 1)
            gate.allowed.release()
            self.wait_for(before + ALL - 1 + ALL - 2)
            gate.allowed.release()
            for client in clients:
                head = client.head()
                self.assertEqual((head.status, client.body(head)), (200, b"all"))
            self.assertEqual([head.get("if-none-match") for head in gate.seen], [None, '"e"'])

    def test_who_comes_later_has_it_validated_anew(self):
        gate = self.validating('Cache-Control: no-cache\r\nETag: "e"\r\n')
        for number in range(1, 4):
            gate.allowed.release()
            head, _ = self.get("/a")
            self.assertEqual((head.status, len(gate.seen)), (200, number))

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

        def script(stream, number):
            gate.seen.append(stream.head())
            gate.allowed.acquire(timeout=PATIENCE)
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nCache-Control: max-age=60\r\n\r\n"
                        + (b"half" if number == 1 else b"complete"))

        self.cached_app(script)
        clients = self.ask()
        self.wait_for(ALL - 1)
        gate.allowed.release()
        for client in clients:
            client.head()
            self.assertEqual(client.exactly(4), b"half")
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
