"""gRPC through the edge: its own client and server at both ends."""

import concurrent.futures
import queue
import threading
import unittest

import grpc

from harness import OVER_TLS, PATIENCE, EdgeCase, endpoint, until


class Grpc(EdgeCase):
    """grpcio at both ends, without generated code: requests and answers are bytes."""

    def setUp(self):
        super().setUp()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: b"got " + request),
            "Down": grpc.unary_stream_rpc_method_handler(
                lambda request, _: (b"%d" % i for i in range(int(request)))),
            "Up": grpc.stream_unary_rpc_method_handler(
                lambda requests, _: b"%d" % sum(int(one) for one in requests)),
            "Both": grpc.stream_stream_rpc_method_handler(
                lambda requests, _: (one.upper() for one in requests)),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail_call),
            "Wait": grpc.unary_stream_rpc_method_handler(self.wait_call),
            "Said": grpc.unary_unary_rpc_method_handler(self.said_call),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.T",
                                                                                   handlers),))
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.publish([{**endpoint("web-1", port), "protocol": "h2c"}])
        self.channel = self.open_channel()

    def open_channel(self):
        if not OVER_TLS:
            return grpc.insecure_channel("%s:%d" % self.address)
        made = self.certify(["grpc.test"])
        self.publish_snapshot([self.route()], [self.app(
            [{**endpoint("web-1", self.port_of()), "protocol": "h2c"}])])
        return grpc.secure_channel("%s:%d" % self.tls_address,
                                   grpc.ssl_channel_credentials(made.chain.encode()),
                                   [("grpc.ssl_target_name_override", "grpc.test")])

    def port_of(self):
        return self.daemon_port

    def publish(self, endpoints, **more):
        self.daemon_port = endpoints[0]["port"]
        super().publish(endpoints, **more)

    def tearDown(self):
        self.channel.close()
        self.server.stop(0)
        super().tearDown()

    @staticmethod
    def fail_call(_request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")

    def wait_call(self, _request, context):
        context.add_callback(self.cancelled.set)
        yield b"here"
        self.cancelled.wait(PATIENCE)  # unless it is not even asked for more

    @staticmethod
    def said_call(_request, context):
        """What the client said beside its message, and what is left of its time."""
        context.send_initial_metadata((("x-first", "1"), ("x-first-bin", b"\0\xff")))
        context.set_trailing_metadata((("x-last", "2"), ("x-last-bin", b"\xfe\0"),
                                       ("x-last", "3")))
        said = [(key, value) for key, value in context.invocation_metadata()
                if key.startswith("x-") and not key.startswith("x-forwarded")]
        return repr((said, 0 < context.time_remaining() < 100)).encode()

    def test_what_is_said_beside_a_message_goes_both_ways(self):
        said = (("x-text", "a, b"), ("x-bytes-bin", bytes(range(256))), ("x-twice", "1"),
                ("x-twice", "2"))
        answer, call = self.channel.unary_unary("/test.T/Said").with_call(
            b"", timeout=90, metadata=said, compression=grpc.Compression.Gzip)
        self.assertEqual(eval(answer.decode()), (list(said), True))
        of = lambda metadata: [(key, value) for key, value in metadata if key.startswith("x-")]
        self.assertEqual(of(call.initial_metadata()), [("x-first", "1"),
                                                       ("x-first-bin", b"\0\xff")])
        self.assertEqual(sorted(of(call.trailing_metadata())),
                         [("x-last", "2"), ("x-last", "3"), ("x-last-bin", b"\xfe\0")])

    def test_a_call_that_is_taken_back_ends_there_too(self):
        self.cancelled = threading.Event()
        answers = self.channel.unary_stream("/test.T/Wait")(b"", timeout=PATIENCE)
        self.assertEqual(next(answers), b"here")
        answers.cancel()
        self.assertTrue(self.cancelled.wait(PATIENCE))
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "the end")

    def test_a_thousand_calls_at_once(self):
        call = self.channel.unary_unary("/test.T/Unary")
        calls = [call.future(b"%d" % i * 100, timeout=3 * PATIENCE) for i in range(1000)]
        for i, one in enumerate(calls):
            self.assertEqual(one.result(), b"got " + b"%d" % i * 100)

    def test_messages_as_large_as_they_may_be(self):
        largest = 4 * 1024 * 1024 - 4  # what grpc takes, less what the answer adds
        both = self.channel.stream_stream("/test.T/Both")
        sent = [bytes([97 + i]) * largest for i in range(3)]
        for i, got in enumerate(both(iter(sent), timeout=3 * PATIENCE)):
            self.assertEqual(got, sent[i].upper())
        self.assertEqual(i, 2)
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel.unary_unary("/test.T/Unary")(b"x" * (largest + 10), timeout=PATIENCE)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_unary(self):
        call = self.channel.unary_unary("/test.T/Unary")
        for i in range(50):
            self.assertEqual(call(b"%d" % i, timeout=20), b"got %d" % i)
        big = b"x" * 2_000_000
        self.assertEqual(call(big, timeout=20), b"got " + big)

    def test_errors_come_in_trailers(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel.unary_unary("/test.T/Fail")(b"", timeout=20)
        self.assertEqual((caught.exception.code(), caught.exception.details()),
                         (grpc.StatusCode.NOT_FOUND, "no such thing"))
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel.unary_unary("/test.T/Nothing")(b"", timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_streams_down_and_up(self):
        got = list(self.channel.unary_stream("/test.T/Down")(b"1000", timeout=20))
        self.assertEqual(got, [b"%d" % i for i in range(1000)])
        total = self.channel.stream_unary("/test.T/Up")((b"%d" % i for i in range(1000)),
                                                        timeout=20)
        self.assertEqual(total, b"%d" % sum(range(1000)))

    def test_both_ways_at_once(self):
        waiting = queue.Queue()
        answers = self.channel.stream_stream("/test.T/Both")(iter(waiting.get, None), timeout=20)
        for i in range(20):  # each answer comes before the next question
            waiting.put(b"word %d" % i)
            self.assertEqual(next(answers), b"WORD %d" % i)
        waiting.put(None)
        self.assertEqual(list(answers), [])

    def test_a_deadline_is_an_end(self):
        waiting = queue.Queue()
        answers = self.channel.stream_stream("/test.T/Both")(iter(waiting.get, None), timeout=0.3)
        with self.assertRaises(grpc.RpcError) as caught:
            next(answers)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        waiting.put(None)
        until(lambda: self.daemon.fresh()["endpoints"][0]["requests_open"] == 0, "the end")


if __name__ == "__main__":
    unittest.main()
