"""TCP routes by name whose clients ask for TLS as PostgreSQL's do."""

import ssl
import threading
import unittest

from harness import endpoint, until
from stream_test import APP, StreamCase

SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
GSS_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x30"


class Postgres(StreamCase):
    """Routes by name of what asks for TLS as PostgreSQL does: by eight bytes in the open."""

    def setUp(self):
        super().setUp()
        made = self.certify(["a.test"])
        self.certificates.clear()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(made.path, made.path + ".key")
        self.answers = []  # of the instances to an SSLRequest, in turn; then "S"
        self.asked = []
        # A probe says nothing and ends.
        self.ports = [self.origin(self.database).port for _ in range(2)]

    def database(self, stream, _number):
        first = stream.exactly(8)
        if first == SSL_REQUEST:
            self.asked.append(first)
            answer = self.answers.pop(0) if self.answers else b"S"
            stream.send(answer or b"")
            if answer != b"S":  # None: it says nothing until the other leaves
                return stream.rest() if answer is None else None
        hello, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.tls.wrap_bio(hello, out, server_side=True)
        hello.write(first if first != SSL_REQUEST else b"")
        self.pump(stream, hello, out, tls.do_handshake)
        said = self.pump(stream, hello, out, lambda: tls.read(100))
        tls.write(b"you said " + said)
        stream.send(out.read())

    @staticmethod
    def pump(stream, hello, out, step):
        while True:
            hello.write(stream.inbox)
            stream.inbox = b""
            try:
                value = step()
                stream.send(out.read())
                return value
            except ssl.SSLWantReadError:
                stream.send(out.read())
                if not stream.more():
                    raise EOFError("it left") from None

    def serve(self, *more, count=1, **options):
        streams = [{"listen": "tcp:5432", **APP, "host": "a.test", **options}]
        self.publish_streams(streams, [self.app([endpoint("db-%d" % i, self.ports[i])
                                                 for i in range(count)]), *more])

    def talk_tls(self, client, name="a.test"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(client.sock, server_hostname=name) as tls:
            tls.sendall(b"hello")
            self.assertEqual(tls.recv(100), b"you said hello")

    def ask(self, request=SSL_REQUEST, answer=b"S", client=None):
        client = client or self.connect()
        client.send(request)
        self.assertEqual(client.exactly(1), answer)
        return client

    def test_the_edge_answers_and_asks_the_instance_itself(self):
        self.serve()
        self.talk_tls(self.ask())
        self.assertEqual(self.asked, [SSL_REQUEST])
        line = self.log_lines(1)[0]
        self.assertEqual((line["host"], line["outcome"]), ("a.test", "done"))

    def test_a_request_in_pieces_and_behind_one_for_gss(self):
        self.serve()
        client = self.ask(GSS_REQUEST, b"N")
        for byte in SSL_REQUEST:
            client.send(bytes([byte]))
        self.assertEqual(client.exactly(1), b"S")
        self.talk_tls(client)

    def test_who_speaks_tls_at_once_is_passed_on_as_ever(self):
        self.serve()
        self.talk_tls(self.connect())
        self.assertEqual(self.asked, [])

    def test_what_comes_with_a_request_or_twice_is_refused(self):
        self.serve()
        for request in (SSL_REQUEST + b"\x16", GSS_REQUEST + SSL_REQUEST):
            client = self.connect()
            client.send(request)
            self.assertTrue(client.closed())
        for first, answer, second in ((SSL_REQUEST, b"S", SSL_REQUEST),
                                      (GSS_REQUEST, b"N", GSS_REQUEST),
                                      (SSL_REQUEST, b"S", GSS_REQUEST),
                                      (SSL_REQUEST, b"S", b"plain words")):
            client = self.ask(first, answer)
            client.send(second)
            self.assertTrue(client.closed())
        self.assertEqual({line["outcome"] for line in self.log_lines(6)}, {"bad_preface"})

    def test_an_instance_without_tls_ends_it(self):
        self.serve()
        self.answers = [b"N"]
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.talk_tls(self.ask())
        self.assertEqual(self.log_lines(1)[0]["outcome"], "no_tls")

    def test_one_that_does_not_answer_leaves_it_to_another(self):
        self.serve(count=2)
        for silent in (b"", None):
            self.asked.clear()
            self.answers = [silent]
            self.talk_tls(self.ask())
            self.assertEqual(len(self.asked), 2)

    def test_the_end_of_one_instance_is_not_taken_for_that_of_the_next(self):
        asked, end = threading.Event(), threading.Event()

        def resets(stream, _number):
            stream.exactly(8)
            asked.set()
            end.wait(20)
            stream.reset()

        self.ports = [self.origin(resets).port] * 2
        self.serve(count=1)
        client = self.ask()
        context = ssl.create_default_context()
        hello = ssl.MemoryBIO()
        with self.assertRaises(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a.test").do_handshake()
        client.send(hello.read())
        until(asked.is_set, "the question")
        self.ports[1] = self.origin(self.database).port
        self.serve(count=2)
        # The edge sees both in one turn: the client's bytes, and then the instance's end.
        self.freeze()
        client.send("more")
        end.set()
        until(lambda: not self.origins[-2].open, "its end")
        self.thaw()
        until(lambda: self.asked, "the next one")
        client.close()
        self.assertEqual(self.log_lines(1)[0]["retries"], 1)

    def test_behind_a_proxy_header_and_with_one(self):
        head = b"PROXY TCP4 10.1.2.3 192.0.2.7 12345 5432\r\n"
        seen = []
        database = self.database

        def behind(stream, number):
            seen.append(stream.upto(b"\r\n"))
            database(stream, number)

        self.ports = [self.origin(behind).port]
        self.serve(accept_proxy=True, send_proxy="v1")
        client = self.connect()
        client.send(head)
        self.talk_tls(self.ask(client=client))
        self.assertEqual(seen, [head])

    def test_without_a_name_to_choose_by_it_is_the_instances_to_answer(self):
        self.publish_streams([{"listen": "tcp:5432", **APP}],
                             [self.app([endpoint("db-1", self.ports[0])])])
        self.answers = [b"N"]
        self.ask(answer=b"N")

    def test_an_unknown_name_is_told_so(self):
        self.serve()
        with self.assertRaisesRegex(ssl.SSLError, "(?i)unrecognized.name"):
            self.talk_tls(self.ask(), "b.test")
        self.assertEqual(self.asked, [])


if __name__ == "__main__":
    unittest.main()
