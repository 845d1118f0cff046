"""Answers that are long enough to go from socket to socket without a copy: whole, in order, and as
strict about their ends as short ones."""

import hashlib
import unittest

from harness import EdgeCase, endpoint, ok, until

MIB = 1 << 20
# Below and at where it begins, with a head that comes with the first of the body, and well above.
SIZES = (256 * 1024 - 1, 256 * 1024, 384 * 1024 + 1, 7 * MIB + 3)


def text(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def digest_of(parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def received(client, size):
    """So many bytes, as they come: long ones are not gathered."""
    while size > 0:
        if not client.inbox and not client.more():
            raise EOFError("%d bytes are missing" % size)
        part, client.inbox = client.inbox[:size], client.inbox[size:]
        size -= len(part)
        yield part


class LongBodies(EdgeCase):
    threads = 1

    def serve(self, answer):
        def script(stream, number):
            while stream.inbox or stream.more():
                head = stream.head()
                if not answer(stream, head.first.split(" ")[1], number):
                    return

        self.publish([endpoint("web-1", self.origin(script).port)])

    def ask(self, client, path):
        client.send("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)

    def test_lengths_around_the_least_are_whole_on_one_connection(self):
        def answer(stream, path, _number):
            size = int(path[1:])
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            stream.send(text(size))
            return True

        self.serve(answer)
        client = self.client()
        for size in SIZES * 2:
            self.ask(client, "/%d" % size)
            body = client.body(client.head())
            self.assertEqual(digest_of([body]), digest_of([text(size)]))
        lines = self.log_lines(2 * len(SIZES))
        self.assertEqual([line["bytes"] for line in lines], list(SIZES * 2))
        self.assertEqual(self.origins[0].count, 1, "the instance's connection is used again")

    def test_a_reader_that_pauses_gets_all_of_it(self):
        size = 20 * MIB

        def answer(stream, _path, _number):
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for at in range(0, size, MIB):
                stream.send(text(MIB))
            return True

        self.serve(answer)
        client = self.client()
        self.ask(client, "/")
        head = client.head()
        # What fits into sockets and pipe is full now; others are served meanwhile.
        other = self.client()
        self.ask(other, "/")
        other.head()
        whole = digest_of([text(MIB)] * 20)
        self.assertEqual(digest_of(received(other, size)), whole)
        self.assertEqual(int(head.get("content-length")), size)
        self.assertEqual(digest_of(received(client, size)), whole)

    def test_a_cut_body_is_never_taken_for_a_whole_one(self):
        def answer(stream, path, _number):
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * MIB))
            stream.send(text(int(path[1:])))
            return False

        self.serve(answer)
        for sent in (0, 1000, MIB, 4 * MIB - 1):
            client = self.client()
            self.ask(client, "/%d" % sent)
            head = client.head()
            self.assertEqual(int(head.get("content-length")), 4 * MIB)
            with self.assertRaises((EOFError, OSError)):
                client.exactly(4 * MIB)
            body = client.inbox
            self.assertEqual(body, text(4 * MIB)[:len(body)])
            self.assertLessEqual(len(body), sent)

    def test_what_is_said_behind_a_long_body_is_nobodys_answer(self):
        ended = []

        def script(stream, number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MIB)
            stream.send(text(MIB) + ok("another's"))
            stream.closed()
            ended.append(number)

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        for number in (1, 2):
            self.ask(client, "/")
            head = client.head()
            self.assertEqual(client.body(head), text(MIB))
            until(lambda number=number: number in ended, "the edge to close that connection")

    def test_a_client_that_leaves_in_the_middle_costs_the_instance_its_connection_alone(self):
        def answer(stream, path, _number):
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (16 * MIB))
            for _ in range(16):
                stream.send(text(MIB))
            return True

        self.serve(answer)
        for _ in range(3):
            client = self.client()
            self.ask(client, "/")
            client.head()
            client.exactly(MIB)
            client.reset()
            self.streams.remove(client)
        until(lambda: self.daemon.fresh() and self.daemon.endpoint("web-1")["requests_open"] == 0,
              "all to be over")
        client = self.client()
        self.ask(client, "/")
        client.head()
        self.assertEqual(digest_of(received(client, 16 * MIB)), digest_of([text(MIB)] * 16),
                         "no byte of another's")

    def test_more_than_there_are_pipes_for_are_served(self):
        size = 6 * MIB  # more than sockets take

        def answer(stream, _path, _number):
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            stream.send(text(size))
            return True

        self.serve(answer)
        clients = [self.client() for _ in range(70)]
        for client in clients:
            self.ask(client, "/")
        for client in clients:
            client.head()
        whole = digest_of([text(size)])
        for client in clients:
            self.assertEqual(digest_of(received(client, size)), whole)


if __name__ == "__main__":
    unittest.main()
