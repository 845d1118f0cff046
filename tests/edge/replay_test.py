"""Bodies that are sent again although they are longer than memory keeps."""

import hashlib
import os
import random
import unittest

from harness import EdgeCase, endpoint, ok, until

MIB = 1024 * 1024


def bytes_of(seed, count):
    return random.Random(seed).randbytes(count)


def created(body):
    text = hashlib.sha256(body).hexdigest().encode()
    return b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(text) + text


class Replay(EdgeCase):
    threads = 1

    def dying(self, after):
        """Reads so many bytes of a request's body and is gone; without a body it answers."""

        def script(stream, _number):
            head = stream.head()
            while head.first.startswith("GET"):
                stream.send(ok(head.first))
                head = stream.head()
            stream.exactly(after)
            stream.reset()

        return self.origin(script)

    def storing(self):
        def script(stream, _number):
            while stream.inbox or stream.more():
                stream.send(created(stream.body(stream.head())))

        return self.origin(script)

    def two(self, bad, good, **more):
        self.publish([endpoint("web-bad", bad.port), endpoint("web-good", good.port)], **more)

    def both(self, ask):
        """Each of two instances is the first of one of two requests."""
        return [ask(), ask()]

    def put(self, body, method="PUT"):
        head, answer = self.get(method=method, body=body)
        return head.status, answer.decode()

    def files(self):
        """What the edge holds open and has no name any more."""
        found = []
        for name in os.listdir("/proc/%d/fd" % self.process.pid):
            try:
                path = os.readlink("/proc/%d/fd/%s" % (self.process.pid, name))
            except OSError:
                continue
            if path.startswith(self.dir) and "(deleted)" in path:
                found.append(path)
        return found

    def value(self, name):
        for line in self.daemon.metrics_text().splitlines():
            if line.startswith(name + " "):
                return int(line.split(" ")[1])
        raise AssertionError("no metric " + name)

    def test_an_instance_that_dies_after_3_mb_of_a_put_is_no_error(self):
        body = bytes_of(1, 4 * MIB)
        bad = self.dying(3 * MIB)
        self.two(bad, self.storing())
        want = (201, hashlib.sha256(body).hexdigest())
        self.assertEqual(self.both(lambda: self.put(body)), [want, want])
        self.assertGreater(bad.count, 0)
        self.assertGreater(self.value("moln_edge_replay_files_total"), 0)
        until(lambda: not self.files(), "the file's end")
        # A file is closed before its bytes are counted as free.
        until(lambda: self.value("moln_edge_replay_bytes") == 0, "its bytes given back")
        self.assertEqual([n for n in os.listdir(self.dir + "/state") if "replay" in n], [])

    def test_a_chunked_body_is_kept_and_comes_whole(self):
        body = bytes_of(2, 2 * MIB)
        sizes = random.Random(3)

        def ask():
            client = self.client()
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            at = 0
            while at < len(body):
                part = body[at:at + sizes.randint(1, 70_000)]
                client.send(b"%x\r\n" % len(part) + part + b"\r\n")
                at += len(part)
            client.send("0\r\nX-Sum: none\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            head = client.head()
            answer = client.body(head)
            after = client.head()
            self.assertIn(client.body(after).decode(),
                          ("GET /next HTTP/1.1", hashlib.sha256(b"").hexdigest()))
            return head.status, answer.decode()

        self.two(self.dying(MIB), self.storing())
        want = (201, hashlib.sha256(body).hexdigest())
        self.assertEqual(self.both(ask), [want, want])

    def test_it_is_sent_as_often_as_instances_die(self):
        body = bytes_of(4, MIB)
        bad = [self.dying(MIB // 4 * n) for n in (1, 2, 3)]
        good = self.storing()
        self.publish([endpoint("web-%d" % i, one.port) for i, one in enumerate([*bad, good])])
        for _ in range(4):
            self.assertEqual(self.put(body), (201, hashlib.sha256(body).hexdigest()))

    def test_at_the_apps_limit_it_is_repeated_and_one_past_it_is_not(self):
        limit = 512 * 1024
        for size, statuses in ((limit, {201}), (limit + 1, {201, 502})):
            self.two(self.dying(400 * 1024), self.storing(), replay=limit)
            seen = {status for status, _ in self.both(lambda: self.put(b"x" * size))}
            self.assertEqual(seen, statuses)

    def test_a_body_without_length_is_let_go_past_the_limit(self):
        limit = 512 * 1024

        def ask(size):
            client = self.client()
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(size // 65536):
                client.send(b"10000\r\n" + b"y" * 65536 + b"\r\n")
            client.send("0\r\n\r\n")
            return client.head().status

        for size, statuses in ((limit // 2, {201}), (2 * limit, {201, 502})):
            self.two(self.dying(size), self.storing(), replay=limit)
            self.assertEqual({ask(size), ask(size)}, statuses)
        until(lambda: not self.files(), "the file's end")

    def test_with_memory_only_nothing_is_written(self):
        self.two(self.dying(300 * 1024), self.storing(), replay=0)
        seen = {status for status, _ in self.both(lambda: self.put(b"x" * 400 * 1024))}
        self.assertEqual(seen, {201, 502})
        self.assertEqual(self.value("moln_edge_replay_files_total"), 0)

    def test_post_is_repeated_if_the_app_says_so_and_nothing_if_it_says_none(self):
        body = bytes_of(5, MIB)
        for retry, method, statuses in (("all", "POST", {201}), ("idempotent", "POST", {201, 502}),
                                        ("none", "PUT", {201, 502})):
            self.two(self.dying(MIB // 2), self.storing(), retry=retry)
            seen = {status for status, _ in self.both(lambda: self.put(body, method))}
            self.assertEqual(seen, statuses, retry)

    def test_who_is_answered_while_it_is_sent_again_keeps_the_connection_in_order(self):
        """The second instance answers early: the rest of the body must not become a request."""
        body = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n" * 8192

        def early(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                if head.first.startswith("PUT"):
                    stream.send(ok("early"))
                    return
                stream.send(ok(head.first))

        self.two(self.dying(len(body) - 1), self.origin(early))
        for _ in range(2):
            client = self.client()
            head, answer = self.get(method="PUT", body=body, stream=client)
            self.assertIn((head.status, answer), ((200, b"early"), (502, answer)))
            if head.get("connection") == "close":
                self.assertTrue(client.closed())
                continue
            head, answer = self.get(path="/good", stream=client)
            self.assertIn(b"/good", answer)

    def test_a_client_that_leaves_leaves_nothing(self):
        """Kept so far, then gone in the middle."""
        self.publish([endpoint("web-1", self.dying(10 * MIB).port)])
        client = self.client()
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (4 * MIB))
        client.send(b"z" * MIB)
        until(self.files, "a file")
        client.reset()
        until(lambda: not self.files(), "its end")
        until(lambda: self.value("moln_edge_replay_bytes") == 0, "its bytes given back")


if __name__ == "__main__":
    unittest.main()
