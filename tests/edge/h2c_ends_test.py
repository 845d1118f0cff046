"""Instances that speak HTTP/2: how their streams and connections end."""

import unittest

import h2.events
from h2_test import H2Case
from h2c_test import H2Server

from harness import endpoint


class LateEnds(H2Case):
    threads = 1  # one connection to the instance
    options = ("--upstream-idle-ms", "60000")

    def test_an_answer_without_a_body_may_end_its_stream_later(self):
        """As servers do that say the end with a frame of its own: it is not reset for that."""
        late, resets = [], []

        class Slow(H2Server):
            def take(self, event):
                if isinstance(event, h2.events.StreamReset):
                    resets.append(event.stream_id)
                    late.remove(event.stream_id)
                super().take(event)

        def handle(server, stream, head, _body):
            if head[":path"] == "/end":
                while late:
                    server.conn.end_stream(late.pop())
                server.answer(stream, b"ended")
                return
            late.append(stream)
            status = head[":path"].strip("/")
            length = [("content-length", "0" if head[":method"] == "GET" else "7")]
            server.answer(stream, status=status, end=False, fields=length * (status != "204"))

        origin = self.origin(lambda stream, _number: Slow(stream, handle).run())
        self.publish([{**endpoint("web-1", origin.port), "protocol": "h2c"}])
        old, new = self.client(), self.h2()
        for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200),
                               ("HEAD", 404)):
            old.send("%s /%d HTTP/1.1\r\nHost: a\r\n\r\n" % (method, status))
            self.assertEqual(old.head().status, status)
            number = new.request("/%d" % status, method=method)
            self.assertEqual(new.wait(number).status, status)
            self.assertEqual(new.get("/end").body, b"ended")
        self.assertEqual(resets, [])

    def test_the_body_of_an_answer_to_get_is_not_waited_for_by_head(self):
        """Who lets in is asked with GET, whatever the client's method is."""

        def handle(server, stream, _head, _body):
            server.answer(stream, b"not yours", status="403", end=False)

        judge = self.origin(lambda stream, _number: H2Server(stream, handle).run())
        self.publish_snapshot(
            [self.route(forward_auth={"process": "auth", "path": "/", "copy": []})],
            [{**self.app([{**endpoint("auth-1", judge.port), "protocol": "h2c"}]),
              "process": "auth"}, self.app([])])
        client = self.client()
        for _ in range(3):
            client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.head().status, 403)

    def test_a_connection_that_died_is_no_error_for_get(self):
        """As one of HTTP/1 is none that its instance closes as the next request comes."""

        class Once(H2Server):
            def take(self, event):
                if isinstance(event, h2.events.RequestReceived) and event.stream_id > 1:
                    raise OSError("it has closed just before")
                super().take(event)

        def handle(server, stream, _head, _body):
            server.answer(stream, b"fine")

        origin = self.origin(lambda stream, _number: Once(stream, handle).run())
        self.publish([{**endpoint("web-1", origin.port), "protocol": "h2c"}])
        client = self.client()
        for _ in range(5):
            self.assertEqual(self.get(stream=client)[1], b"fine")
        self.assertEqual(origin.count, 5)
        report = self.daemon.fresh()
        self.assertEqual(report["endpoints"][0]["errors_total"], 0)
        self.assertEqual(report["apps"][0]["held_total"], 0)
        self.assertEqual(self.get(method="POST", body=b"x", stream=client)[0].status, 502)


if __name__ == "__main__":
    unittest.main()
