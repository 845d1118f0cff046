"""Instances that speak HTTP/2: a scripted one for corners."""

import contextlib
import select
import socket
import unittest

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from h2_test import H2Case

from harness import OVER_TLS, PATIENCE, endpoint, until


class H2Server:
    """One connection of an instance: python3-h2 keeps the books, `handle` answers."""

    def __init__(self, stream, handle):
        self.stream = stream
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8"))
        self.conn.local_settings = h2.settings.Settings(client=False,
                                                        initial_values=self.initial())
        self.conn.initiate_connection()
        self.requests = {}
        self.handle = handle
        self.flush()

    def initial(self):
        """Its first settings."""
        return {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 100,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 65536}

    def flush(self):
        data = self.conn.data_to_send()
        if data:
            self.stream.send(data)

    def run(self):
        while True:
            data, self.stream.inbox = self.stream.inbox, b""
            if not data and not self.stream.more():
                return
            data, self.stream.inbox = data + self.stream.inbox, b""
            try:
                events = self.conn.receive_data(data)
            except h2.exceptions.ProtocolError:
                # What crosses the last word, which the test may say at any moment.
                if self.conn.state_machine.state is h2.connection.ConnectionState.CLOSED:
                    return
                raise
            for event in events:
                self.take(event)
            self.flush()

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = [dict(event.headers), b""]
        elif isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id][1] += event.data
            self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            head, body = self.requests.pop(event.stream_id)
            self.handle(self, event.stream_id, head, body)

    def answer(self, stream, body=b"", status="200", fields=(), trailers=None, end=True):
        self.conn.send_headers(stream, [(":status", status), *fields],
                               end_stream=end and not body and trailers is None)
        if body:
            self.conn.send_data(stream, body, end_stream=end and trailers is None)
        if trailers is not None:
            self.conn.send_headers(stream, trailers, end_stream=True)


class Instance(H2Case):
    def instance(self, handle):
        origin = self.origin(lambda stream, _number: H2Server(stream, handle).run())
        self.publish_h2c(origin)
        return origin

    def publish_h2c(self, *origins):
        self.publish([{**endpoint("web-%d" % i, origin.port), "protocol": "h2c"}
                      for i, origin in enumerate(origins)])

    def echo(self):
        def handle(server, stream, head, body):
            server.answer(stream, ("%s %s %s %s|" % (
                head[":method"], head[":path"], head[":authority"],
                head.get("te"))).encode() + body)
        return self.instance(handle)

    def test_clients_of_http_1_are_served(self):
        origin = self.echo()
        client = self.client()
        for i in range(5):
            head, body = self.get("/%d?q" % i, stream=client)
            self.assertEqual((head.status, body),
                             (200, b"GET /%d?q shop.test trailers|" % i))
        for fields, sent in (("Content-Length: 5\r\n", "hello"),
                             ("Transfer-Encoding: chunked\r\n",
                              "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")):
            client.send("POST / HTTP/1.1\r\nHost: shop.test\r\n%s\r\n%s" % (fields, sent))
            self.assertEqual(client.body(client.head()), b"POST / shop.test trailers|hello")
        self.assertEqual(origin.count, 1 if not OVER_TLS else origin.count)

    def test_clients_of_http_2_are_served_over_one_connection(self):
        origin = self.echo()
        client = self.h2()
        numbers = [client.request("/%d" % i, method="PUT", body=b"x" * i) for i in range(60)]
        for i, number in enumerate(numbers):
            self.assertEqual(client.wait(number).body,
                             b"PUT /%d shop.test trailers|" % i + b"x" * i)
        self.assertEqual(origin.count, 1)

    def test_trailers_reach_who_speaks_http_2(self):
        self.instance(lambda server, stream, head, body: server.answer(
            stream, b"data", trailers=[("grpc-status", "0"), ("x-sum", "abc")]))
        answer = self.h2().get()
        self.assertEqual((answer.body, answer.trailers), (b"data", {"grpc-status": "0",
                                                                    "x-sum": "abc"}))
        head, body = self.get()
        self.assertEqual(body, b"data")

    def test_a_head_alone_ends_the_stream(self):
        self.instance(lambda server, stream, head, body: server.answer(
            stream, fields=[("grpc-status", "12")]))
        client = self.h2()
        answer = client.get()
        self.assertEqual((answer.head["grpc-status"], answer.body, answer.trailers), ("12", b"",
                                                                                      None))

    def test_large_bodies_both_ways(self):
        self.instance(lambda server, stream, head, body: self.later(server, stream, body))
        client = self.h2()
        bodies = [bytes([65 + i]) * 500_000 for i in range(3)]
        numbers = [client.request(method="PUT", body=body) for body in bodies]
        for number, body in zip(numbers, bodies):
            self.assertEqual(client.wait(number).body, body)

    def later(self, server, stream, body):
        """Sends as windows allow."""
        server.conn.send_headers(stream, [(":status", "200")])
        pending = getattr(server, "pending", None)
        if pending is None:
            pending = server.pending = {}
            take = server.take

            def go_on(event):
                take(event)
                for number in list(pending):
                    while pending[number]:
                        room = min(server.conn.local_flow_control_window(number), 16384)
                        if room == 0:
                            break
                        server.conn.send_data(number, pending[number][:room])
                        pending[number] = pending[number][room:]
                    if not pending[number]:
                        server.conn.end_stream(number)
                        del pending[number]
            server.take = go_on
        pending[stream] = body

    def test_a_reset_by_the_instance_before_an_answer_is_502_and_refused_is_repeated(self):
        def handle(server, stream, head, body):
            if head[":path"] == "/refused" and not getattr(self, "refused", False):
                self.refused = True
                server.conn.reset_stream(stream, 7)
            elif head[":path"] == "/broken":
                server.conn.reset_stream(stream, 2)
            else:
                server.answer(stream, b"fine")
        self.instance(handle)
        client = self.h2()
        self.assertEqual(client.get("/refused").body, b"fine")
        self.assertEqual(client.get("/broken", method="POST", body=b"x").status, 502)
        self.assertEqual(client.get("/").body, b"fine")

    def test_who_is_refused_by_all_instances_may_come_again(self):
        self.instance(lambda server, stream, head, body: server.conn.reset_stream(stream, 7))
        head, body = self.get("/", method="POST", body=b"x")
        self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
        self.assertIn(b"take no more requests", body)

    def test_a_reset_in_the_middle_reaches_the_client(self):
        def handle(server, stream, head, body):
            server.answer(stream, b"some", end=False)
            server.flush()
            server.conn.reset_stream(stream, 2)
        self.instance(handle)
        answer = self.h2().get()
        self.assertEqual((answer.status, answer.reset), (200, 2))

    def test_a_client_that_takes_its_request_back_resets_it_there(self):
        resets = []

        def handle(server, stream, head, body):
            take = server.take

            def watch(event):
                if isinstance(event, h2.events.StreamReset):
                    resets.append((event.stream_id, int(event.error_code)))
                take(event)
            server.take = watch
        self.instance(handle)
        client = self.h2()
        number = client.request("/slow")
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 1, "the request")
        client.conn.reset_stream(number, 8)
        client.flush()
        until(lambda: resets == [(1, 8)], "the reset")
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "the end")

    def test_a_connection_that_ends_is_made_anew(self):
        def script(stream, number):
            def handle(server, on, head, body):
                server.answer(on, b"from %d" % number)
                server.flush()
                server.conn.close_connection()
                server.flush()
                raise EOFError
            H2Server(stream, handle).run()
        origin = self.origin(script)
        self.publish_h2c(origin)
        client = self.h2()
        for i in range(3):
            self.assertEqual(client.get().body, b"from %d" % (i + 1))

    def test_what_may_not_be_repeated_does_not_go_where_the_instance_has_left(self):
        def leave(server):
            server.stream.sock.shutdown(socket.SHUT_RDWR)

        def say_and_leave(server):
            server.conn.close_connection()
            server.flush()
            leave(server)

        servers = []

        def script(stream, number):
            def handle(server, on, head, body):
                server.answer(on, b"%s %d" % (body, number))
            servers.append(H2Server(stream, handle))
            servers[-1].run()
        self.publish_h2c(self.origin(script))
        client = self.client()
        self.assertEqual(self.get(stream=client)[1], b" 1")
        post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        for count, goodbye in enumerate((leave, say_and_leave) * 2, 1):
            with self.frozen():
                if count < 3:  # the edge finds the request first
                    client.send(post)
                    goodbye(servers[-1])
                else:
                    goodbye(servers[-1])
                    client.send(post)
            self.assertEqual(client.body(client.head()), b"x %d" % (count + 1))

    def test_no_one_there_goes_to_another(self):
        gone = self.origin(lambda stream, _: None)
        gone.stop()
        origin = self.echo()
        self.publish_h2c(gone, origin)
        client = self.h2()
        for _ in range(4):
            self.assertEqual(client.get().status, 200)

    def test_an_instance_that_drains_finishes_and_gets_no_more(self):
        held = []
        first = self.origin(lambda stream, _: H2Server(
            stream, lambda server, number, head, body: held.append((server, number))).run())
        self.publish_h2c(first)
        client = self.h2()
        number = client.request("/slow")
        until(lambda: held, "the request")
        second = self.origin(lambda stream, _: H2Server(
            stream, lambda server, on, head, body: server.answer(on, b"second")).run())
        self.publish([{**endpoint("web-0", first.port, "draining"), "protocol": "h2c"},
                      {**endpoint("web-1", second.port), "protocol": "h2c"}])
        self.assertEqual(client.get().body, b"second")
        server, on = held[0]
        server.answer(on, b"first, finished")
        server.flush()
        self.assertEqual(client.wait(number).body, b"first, finished")
        until(lambda: not first.open, "the end of the old connection")


class FewStreams(H2Case):
    """An instance that takes two requests at a time, and refuses further ones."""

    threads = 1
    MOST = 2

    def setUp(self):
        super().setUp()
        self.refused = 0
        case = self

        class Server(H2Server):
            def __init__(self, stream, handle):
                self.taken = []
                super().__init__(stream, handle)

            def initial(self):
                return {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: case.MOST}

            def take(self, event):
                if not isinstance(event, h2.events.RequestReceived):
                    return
                if len(self.taken) == case.MOST:
                    case.refused += 1
                    self.conn.reset_stream(event.stream_id, 7)
                else:
                    self.taken.append(event.stream_id)

            def flush(self):
                super().flush()
                while self.taken:  # after all that had come
                    self.answer(self.taken.pop(), b"served")
                super().flush()

        self.origin_of_few = self.origin(
            lambda stream, _number: Server(stream, None).run())

    def test_many_requests_at_once_wait_for_one_another(self):
        self.publish([{**endpoint("web-1", self.origin_of_few.port), "protocol": "h2c"}])
        client = self.h2()
        with self.frozen():
            numbers = [client.request("/%d" % i, method="POST") for i in range(90)]
        answers = [client.wait(number) for number in numbers]
        self.assertEqual([(answer.status, answer.body) for answer in answers],
                         [(200, b"served")] * 90)
        self.assertEqual(self.refused, 0)


class Left(H2Case):
    options = ("--upstream-idle-ms", "300")

    def test_a_connection_whose_request_left_while_it_was_made_idles_and_goes(self):
        with socket.socket() as listener, contextlib.ExitStack() as others:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            listener.settimeout(PATIENCE)
            while True:  # until it takes no more: who comes now is let in at a later try
                other = others.enter_context(socket.socket())
                other.setblocking(False)
                other.connect_ex(listener.getsockname())
                if not select.select([], [other], [], 0.1)[1]:
                    break
            self.publish([{**endpoint("web-1", listener.getsockname()[1]), "protocol": "h2c"}])
            client = self.h2()
            number = client.request()
            until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"], "the request")
            client.conn.reset_stream(number)
            client.flush()
            until(lambda: not self.daemon.fresh()["endpoints"][0]["requests_open"], "its end")
            others.close()
            greeted = False
            while not greeted:  # before it come those others, and probes
                try:
                    came = listener.accept()[0]
                except TimeoutError:
                    self.skipTest("this machine took longer than the edge gives a connection")
                with came:
                    came.settimeout(PATIENCE)
                    while came.recv(4096):
                        greeted = True


class Unended(H2Case):
    """An instance sends all of a body by its length, and then nothing: neither trailers nor the
    stream's end."""

    options = ("--upstream-idle-ms", "300")

    def setUp(self):
        super().setUp()
        self.resets = []
        resets = self.resets

        class Server(H2Server):
            def take(self, event):
                if isinstance(event, h2.events.StreamReset):
                    resets.append((event.stream_id, int(event.error_code)))
                super().take(event)

        origin = self.origin(lambda stream, _number: Server(
            stream, lambda server, number, head, body: server.answer(
                number, b"whole", fields=[("content-length", "5")], end=False)).run())
        self.publish([{**endpoint("web-1", origin.port), "protocol": "h2c"}])

    def until_over(self, *resets):
        until(lambda: self.resets == list(resets), "the resets")
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "the end")

    def test_a_client_of_http_1_goes_on(self):
        client = self.client()
        for _ in range(2):
            head, body = self.get(stream=client)
            self.assertEqual((head.status, body), (200, b"whole"))
        self.until_over((1, 8), (3, 8))
        self.assertEqual([line["status"] for line in self.log_lines(2)], [200, 200])

    def test_a_client_of_http_2_gets_the_end(self):
        answer = self.h2().get()
        self.assertEqual((answer.status, answer.body, answer.ended, answer.reset),
                         (200, b"whole", True, None))
        self.until_over((1, 8))


del H2Case  # its own tests run elsewhere

if __name__ == "__main__":
    unittest.main()
