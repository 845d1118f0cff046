"""TLS at the listener: names, versions, tickets, redirects, and what goes wrong."""

import contextlib
import ctypes
import json
import os
import select
import socket
import ssl
import struct
import time
import unittest

from harness import PATIENCE, EdgeCase, Stream, endpoint, ok, serving, until


def echo(head, body):
    told = "%s|%s|%s" % (head.first, head.get("x-forwarded-proto"), head.get("x-forwarded-port"))
    return ok(told.encode() + b"|" + body)


def trusting(certificate):
    """A client's context that checks the name and trusts this certificate alone."""
    return ssl.create_default_context(cafile=certificate.path)


class TlsCase(EdgeCase):
    def setUp(self):
        super().setUp()
        self.endpoints = [endpoint("web-1", self.origin(serving(echo)).port)]

    def serve(self, *hosts, key="ec", **route):
        """One certificate for these hosts, and an app that answers for every host."""
        made = self.certify(list(hosts), key)
        self.publish_snapshot([self.route(**route)], [self.app(self.endpoints)])
        return made

    def ask(self, client, host, path="/"):
        client.send("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, host))
        head = client.head()
        return head, client.body(head)

    def assertServed(self, host, context=None):
        client = self.tls_client(host, context)
        self.assertEqual(self.ask(client, host)[0].status, 200)

    def counter(self, name):
        for line in self.daemon.metrics_text().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
        raise AssertionError("no counter " + name)


class Tls(TlsCase):
    def test_a_client_that_checks_the_name_is_served_and_the_app_is_told(self):
        for key in ("ec", "rsa"):
            made = self.serve(key + ".test", key=key)
            client = self.tls_client(key + ".test", trusting(made))
            head, body = self.ask(client, key + ".test")
            self.assertEqual(head.status, 200)
            port = self.tls_address[1]
            self.assertEqual(body, b"GET / HTTP/1.1|https|%d|" % port)
        line = self.log_lines(2)[0]
        self.assertEqual((line["tls"], line["status"]), ("1.3", 200))

    def test_every_name_gets_its_own_certificate(self):
        made = [self.serve("shop.test"), self.serve("*.blog.test", "blog.test")]
        for name, one in (("shop.test", 0), ("SHOP.test", 0), ("blog.test", 1), ("a.blog.test", 1)):
            client = self.tls_client(name, trusting(made[one]))
            self.assertEqual(self.ask(client, name)[0].status, 200, name)

    def test_an_unknown_name_is_refused_with_the_alert_for_it(self):
        self.serve("shop.test")
        for name in ("other.test", "a.shop.test"):
            with self.assertRaisesRegex(ssl.SSLError, "(?i)unrecognized.name"):
                self.tls_client(name)
        # A handshake is counted as failed when the alert is out.
        until(lambda: self.counter("moln_edge_tls_handshake_failures_total") == 2, "the failures")
        self.assertServed("shop.test")

    def test_who_names_no_host_or_an_address_gets_the_first_certificate_and_any_host(self):
        self.serve("shop.test")
        self.serve("blog.test")
        for name in (None, "127.0.0.1"):
            client = self.tls_client(name)
            self.assertEqual(self.ask(client, "blog.test")[0].status, 200)

    def test_without_certificates_no_handshake_succeeds_and_plain_requests_do(self):
        self.publish(self.endpoints)
        with self.assertRaises(ssl.SSLError):
            self.tls_client("shop.test")
        self.assertEqual(self.get()[0].status, 200)

    def test_another_host_than_the_handshake_named_is_misdirected(self):
        self.serve("shop.test", "admin.test")
        client = self.tls_client("shop.test")
        self.assertEqual(self.ask(client, "admin.test")[0].status, 421)
        self.assertEqual(self.ask(client, "Shop.Test:8443")[0].status, 200)

    def test_what_is_older_than_tls_1_2_is_refused(self):
        self.serve("shop.test")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.tls_client("shop.test", context)

    def test_tls_1_2_is_spoken_with_forward_secrecy_only(self):
        made = self.serve("shop.test", key="rsa")
        context = trusting(made)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        client = self.tls_client("shop.test", context)
        self.assertEqual(self.ask(client, "shop.test")[0].status, 200)
        self.assertRegex(client.sock.cipher()[0], "^ECDHE-RSA-.*(GCM|POLY1305)")
        self.assertEqual(self.log_lines(1)[0]["tls"], "1.2")
        context.set_ciphers("AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA")
        with self.assertRaises(ssl.SSLError):
            self.tls_client("shop.test", context)

    def test_a_ticket_shortens_the_next_handshake_in_both_versions(self):
        made = self.serve("shop.test")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(made)
            context.minimum_version = context.maximum_version = version
            first = self.tls_client("shop.test", context)
            self.ask(first, "shop.test")  # TLS 1.3 sends its tickets behind the handshake
            self.assertFalse(first.sock.session_reused)
            # Another connection lands on any thread: tickets are everybody's.
            for _ in range(4):
                again = self.tls_client("shop.test", context, first.sock.session)
                self.assertTrue(again.sock.session_reused)
                self.assertEqual(self.ask(again, "shop.test")[0].status, 200)
        self.assertEqual(self.counter("moln_edge_tls_resumptions_total"), 8)
        self.assertEqual(self.counter("moln_edge_tls_handshakes_total"), 10)

    def counting_tickets(self):
        """A client's context, and a list that gets each ticket that it receives."""
        context, tickets = ssl.create_default_context(), []
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

        def see(_connection, direction, _version, _kind, message, data):
            if direction == "read" and getattr(message, "name", "") == "NEWSESSION_TICKET":
                tickets.append(data)
        context._msg_callback = see
        return context, tickets

    def test_one_ticket_comes_that_waits_for_no_request(self):
        self.serve("shop.test")
        context, tickets = self.counting_tickets()
        client = self.tls_client("shop.test", context)
        # A client that waits for its last word to be acknowledged sends its request after that.
        self.assertTrue(select.select([client.sock], [], [], PATIENCE)[0])
        self.assertEqual(self.ask(client, "shop.test")[0].status, 200)
        self.assertEqual(len(tickets), 1)

    def test_a_request_that_comes_with_the_last_word_of_a_handshake_gets_ticket_and_answer(self):
        self.serve("shop.test")
        context, tickets = self.counting_tickets()
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(received, sent, server_hostname="shop.test")
        with socket.create_connection(self.tls_address, timeout=PATIENCE) as sock:
            def until_done(step):
                while True:
                    try:
                        return step()
                    except ssl.SSLWantReadError:
                        sock.sendall(sent.read())
                        came = sock.recv(65536)
                        self.assertTrue(came, "it was cut")
                        received.write(came)

            until_done(session.do_handshake)
            session.write(b"GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := until_done(lambda: session.read(65536)):  # nothing: its end was said
                answer += part
            self.assertRegex(answer, rb"(?s)^HTTP/1.1 200 OK\r\n.*\r\n\r\nGET / HTTP/1.1\|https\|")
            self.assertEqual(sock.recv(1), b"")
        self.assertEqual(len(tickets), 1)

    def test_a_protocol_is_agreed_on_or_the_handshake_ends(self):
        self.serve("shop.test")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["spdy/1", "http/1.1"])
        client = self.tls_client("shop.test", context)
        self.assertEqual(client.sock.selected_alpn_protocol(), "http/1.1")
        context.set_alpn_protocols(["spdy/1"])
        with self.assertRaisesRegex(ssl.SSLError, "(?i)alert"):
            self.tls_client("shop.test", context)

    def test_plain_requests_are_led_to_tls_where_the_route_says_so(self):
        self.serve("shop.test", redirect=True)
        client = self.client()
        port = self.tls_address[1]
        for host, path in (("shop.test", "/a/b?c=d%20e"), ("shop.test:8080", "/")):
            head, _ = self.ask(client, host, path)
            self.assertEqual(head.status, 308)
            self.assertEqual(head.get("location"), "https://shop.test:%d%s" % (port, path))
        head, _ = self.ask(self.tls_client("shop.test"), "shop.test")
        self.assertEqual(head.status, 200)

    def test_a_redirect_keeps_the_connection_after_a_body_of_its_own(self):
        self.serve("shop.test", redirect=True)
        client = self.client()
        client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\n")
        self.assertEqual(client.head().status, 308)

    def test_hsts_is_said_over_tls_only_and_the_apps_own_word_stays(self):
        def answer(head, _body):
            own = head.first.startswith("GET /own")
            return ok(extra="Strict-Transport-Security: max-age=7\r\n" if own else "")

        self.endpoints = [endpoint("web-1", self.origin(serving(answer)).port)]
        self.serve("shop.test", hsts=86_400_000)
        field = "strict-transport-security"
        client = self.tls_client("shop.test")
        self.assertEqual(self.ask(client, "shop.test")[0].all(field), ["max-age=86400"])
        self.assertEqual(self.ask(client, "shop.test", "/own")[0].all(field), ["max-age=7"])
        self.assertEqual(self.ask(self.client(), "shop.test")[0].all(field), [])

    def test_a_new_certificate_is_shown_to_the_next_and_open_connections_go_on(self):
        old = self.serve("shop.test")
        open_one = self.tls_client("shop.test", trusting(old))
        self.certificates.clear()
        new = self.serve("shop.test")
        self.assertNotEqual(old.chain, new.chain)
        self.assertServed("shop.test", trusting(new))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.tls_client("shop.test", trusting(old))
        self.assertEqual(self.ask(open_one, "shop.test")[0].status, 200)

    def test_a_certificate_that_cannot_be_opened_leaves_the_others_serving(self):
        good = self.certify(["good.test"])
        bad = self.certify(["bad.test"]).sealed(self.dir + "/seal.key")
        self.certificates[1] = {**bad, "id": "cert-9"}  # sealed as another's
        self.publish_snapshot([self.route()], [self.app(self.endpoints)])
        self.assertServed("good.test", trusting(good))
        with self.assertRaises(ssl.SSLError):
            self.tls_client("bad.test")
        self.assertIn("certificate_ignored id=cert-9", self.stderr())

    def test_keys_lie_sealed_on_the_disk_and_serve_again_after_a_kill(self):
        made = self.serve("shop.test")
        secret = "".join(made.key.splitlines()[1:-1])[:40]
        for name in os.listdir(self.dir + "/state"):
            with open(self.dir + "/state/" + name, "rb") as file:
                self.assertNotIn(secret.encode(), file.read().replace(b"\\n", b""))
        self.daemon.close()
        self.process.kill()
        self.process.wait()
        self.start()
        self.assertServed("shop.test", trusting(made))

    def test_what_is_no_tls_ends_that_connection_only(self):
        self.serve("shop.test")
        for bytes_sent in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", os.urandom(5000), b"\x16\x03\x01"):
            stream = Stream(socket.create_connection(self.tls_address, timeout=PATIENCE))
            self.streams.append(stream)
            stream.send(bytes_sent)
            stream.half_close()
            try:
                stream.rest()
            except ConnectionError:
                pass
        self.assertServed("shop.test")

    def test_an_end_is_told_from_a_cut(self):
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")

        self.endpoints = [endpoint("web-1", self.origin(script).port)]
        self.serve("shop.test")
        client = self.tls_client("shop.test")
        client.send("GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n")
        client.head()
        self.assertEqual(client.rest(), b"all of it")  # a cut would raise

    def test_records_of_any_size_are_put_together(self):
        self.serve("shop.test")
        client = self.tls_client("shop.test")
        body = os.urandom(300_000)
        client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: %d\r\n\r\n" % len(body))
        for size in (1, 2, 3, 1000, 16384, 16385, 40000):
            client.send(body[:size])
            body = body[size:]
        client.send(body)
        head = client.head()
        self.assertEqual(head.status, 200)
        self.assertEqual(client.body(head)[-len(body):], body)

    def test_sigterm_finishes_what_was_begun_over_tls(self):
        began = {"open": False}

        def script(stream, _number):
            stream.head()
            began["open"] = True
            until(lambda: not began["open"], "the test to go on")
            stream.send(ok(b"late"))

        self.endpoints = [endpoint("web-1", self.origin(script).port)]
        self.serve("shop.test")
        client = self.tls_client("shop.test")
        client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: began["open"], "the request")
        self.process.terminate()
        until(lambda: "stopping" in self.stderr(), "the edge to take the signal")
        began["open"] = False
        head = client.head()
        self.assertEqual((head.status, client.body(head)), (200, b"late"))
        self.assertTrue(client.closed())

    def test_the_log_and_the_report_hold_no_key(self):
        made = self.serve("shop.test")
        self.ask(self.tls_client("shop.test"), "shop.test")
        told = self.stderr() + json.dumps(self.daemon.fresh()) + json.dumps(self.log_lines(1))
        for line in made.key.splitlines()[1:-1]:
            self.assertNotIn(line, told)


class Stalled(TlsCase):
    options = ("--head-ms", "3000")

    def test_a_handshake_that_stalls_ends_at_the_limit_of_a_head(self):
        self.serve("shop.test")
        began = time.monotonic()
        stream = Stream(socket.create_connection(self.tls_address, timeout=PATIENCE))
        self.streams.append(stream)
        stream.send(b"\x16\x03\x01\x02\x00\x01")
        self.assertTrue(stream.closed())
        self.assertGreaterEqual(time.monotonic() - began, 2.9)


class Greedy(TlsCase):
    @contextlib.contextmanager
    def talking(self, receive_bytes=65536):
        """OpenSSL itself, which can say more than Python lets it: library, connection, socket."""
        self.serve("localhost")
        tls = ctypes.CDLL("libssl.so.3")
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(tls, name).restype = ctypes.c_void_p
        pointer = ctypes.c_void_p
        settings = pointer(tls.SSL_CTX_new(pointer(tls.TLS_client_method())))
        talk = pointer(tls.SSL_new(settings))
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            sock.connect(self.tls_address)
            tls.SSL_set_fd(talk, sock.fileno())
            self.assertEqual(tls.SSL_connect(talk), 1)
            # A write that finds no room for so long has nobody who reads it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                            struct.pack("ll", int(PATIENCE), 0))
            yield tls, talk, sock
        tls.SSL_free(talk)
        tls.SSL_CTX_free(settings)

    @staticmethod
    def change_keys(tls, talk, both):
        return tls.SSL_key_update(talk, both) == 1 and tls.SSL_do_handshake(talk) == 1

    def assertEnds(self, sock):
        sock.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            while sock.recv(65536):
                pass

    def test_who_has_tls_answer_and_takes_nothing_is_ended(self):
        """Each change of keys is answered: what is not taken of the answers is bounded, and nobody
        else waits for it."""
        with self.talking(receive_bytes=4096) as (tls, talk, sock):
            head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
            tls.SSL_write(talk, head, len(head))
            asked = 0
            while self.change_keys(tls, talk, both=1):
                asked += 1
                if asked % 30 == 0:
                    tls.SSL_write(talk, b"x", 1)
                    time.sleep(0.0005)  # so few at a time that no single read meets the bound
                self.assertLess(asked, 2_000_000)
            self.assertGreater(asked, 1000)
            for _ in range(2 * self.threads):
                self.assertServed("localhost")
            self.assertEnds(sock)

    def test_who_changes_keys_and_says_nothing_else_is_ended(self):
        """All that has come is read at once, so long as it is TLS that it is for."""
        with self.talking() as (tls, talk, sock):
            for _ in range(3):  # as many as may come between two requests
                for _ in range(1000):
                    self.assertTrue(self.change_keys(tls, talk, both=0))
                request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                tls.SSL_write(talk, request, len(request))
                room = ctypes.create_string_buffer(4096)
                self.assertGreater(tls.SSL_read(talk, room, len(room)), 0)
                self.assertRegex(room.value, b"^HTTP/1.1 200 OK\r\n")
            for _ in range(10_000):
                if not self.change_keys(tls, talk, both=0):
                    break
            self.assertEnds(sock)
            self.assertServed("localhost")


if __name__ == "__main__":
    unittest.main()
