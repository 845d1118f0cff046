"""A process of the app says who may come in."""

import signal
import subprocess
import threading
import unittest

from h2_test import H2Case

from harness import OVER_TLS, PATIENCE, endpoint, ok, serving, until


def answer(status, body=b"", fields=""):
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body),
                                                              fields.encode()) + body


class ForwardAuth(H2Case):
    threads = 1

    def setUp(self):
        self.asked = []   # heads that the auth process got
        self.served = []  # heads that the app got
        super().setUp()

    def judge(self, head, _body):
        """Lets in who has the cookie user=NAME."""
        self.asked.append(head)
        for part in (head.get("cookie") or "").split("; "):
            if part.startswith("user="):
                name = part.removeprefix("user=")
                return answer(200, b"welcome", "X-Auth-User: %s\r\nX-Other: %s\r\n" % (name, name))
        return answer(302, b"to the door",
                      "Location: https://login.test/\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n")

    def greet(self, head, body):
        self.served.append(head)
        return ok(b"hello %s %d" % (head.get("x-auth-user", "-").encode(), len(body)))

    def serve(self, judge=None, greet=None, route=None, auth=None, judge_port=None, **more):
        if judge_port is None:
            judge_port = self.origin(judge if callable(judge) and judge.__name__ == "script"
                                     else serving(judge or self.judge)).port
        app = self.origin(greet if callable(greet) and greet.__name__ == "script"
                          else serving(greet or self.greet))
        self.publish_snapshot(
            [self.route(forward_auth={"process": "auth", "path": "/check",
                                      "copy": ["X-Auth-User"]}, **(route or {}))],
            [{**self.app([endpoint("auth-1", judge_port)], **(auth or {})), "process": "auth"},
             self.app([endpoint("web-1", app.port)], **more)])

    def test_2xx_lets_in_with_the_fields_that_were_said(self):
        self.serve()
        head, body = self.get("/a?b=c", fields="Cookie: user=alice\r\nX-Auth-User: mallory\r\n"
                              "x-auth-USER: eve\r\nX-Other: mine\r\n")
        self.assertEqual((head.status, body), (200, b"hello alice 0"))
        self.assertEqual(self.served[0].all("x-auth-user"), ["alice"])
        self.assertEqual(self.served[0].all("x-other"), ["mine"])
        self.assertEqual(self.served[0].first, "GET /a?b=c HTTP/1.1")
        asked = self.asked[0]
        self.assertEqual(asked.first, "GET /check HTTP/1.1")
        self.assertEqual(asked.get("x-forwarded-method"), "GET")
        self.assertEqual(asked.get("x-forwarded-uri"), "/a?b=c")
        self.assertEqual(asked.get("x-forwarded-host"), "shop.test")
        self.assertEqual(asked.get("x-forwarded-proto"), "https" if OVER_TLS else "http")
        self.assertEqual(asked.get("x-forwarded-for"), "127.0.0.1")
        self.assertEqual(asked.all("x-auth-user"), [])
        line, = self.log_lines(1)
        self.assertEqual((line["process"], line["status"]), ("web", 200))

    def test_what_is_said_of_a_client_cannot_be_taken_out_by_it_or_said_in_its_place(self):
        """Gateways that name fields as variables (CGI, WSGI, PHP) read '-' and '_' alike."""
        self.serve()
        self.assertEqual(self.get("/a", fields="Cookie: user=alice\r\nX-Mine: 1\r\n"
                                  "Connection: X-Auth-User, x-forwarded-uri , X-Mine\r\n"
                                  "Connection: X-Forwarded-Method\r\nX_Auth_User: mallory\r\n"
                                  "X-Auth_User: eve\r\nX_Forwarded_Uri: /b\r\n")[1],
                         b"hello alice 0")
        for head in (self.asked[0], self.served[0]):
            names = [name.lower().replace("_", "-") for name, _ in head.fields]
            self.assertNotIn("x-mine", names)
            self.assertEqual(names.count("x-auth-user"), 1 if head is self.served[0] else 0)
        self.assertEqual((self.asked[0].get("x-forwarded-uri"),
                          self.asked[0].get("x-forwarded-method")), ("/a", "GET"))
        self.assertNotIn("x_forwarded_uri", [name.lower() for name, _ in self.asked[0].fields])

    def test_any_other_answer_is_the_clients(self):
        self.serve()
        client = self.client()
        for _ in range(2):
            head, body = self.get("/a", stream=client)
            self.assertEqual((head.status, body), (302, b"to the door"))
            self.assertEqual(head.get("location"), "https://login.test/")
            self.assertEqual(head.all("set-cookie"), ["a=1", "b=2"])
        self.assertEqual(self.served, [])
        self.assertEqual(self.get(method="HEAD")[0].status, 302)
        self.assertEqual([line["process"] for line in self.log_lines(3)], ["auth"] * 3)

    def test_the_rest_of_an_answer_to_head_is_not_the_next_client_s(self):
        """Who lets in is asked with GET, and answers with a body that HEAD does not have."""
        evil = ok(b"not yours")

        def script(stream, number):
            stream.head()
            if number > 1:
                stream.send(answer(302))
                return
            stream.send("HTTP/1.1 302 X\r\nContent-Length: %d\r\n\r\n" % len(evil))
            if stream.more():  # the next question is on the same connection
                stream.send(evil)

        self.serve(script)
        self.assertEqual(self.get(method="HEAD")[0].status, 302)
        self.assertEqual(self.get()[0].status, 302)

    def test_a_body_is_for_the_app_alone(self):
        self.serve()
        body = b"x" * 300_000
        for fields in ("", "Expect: 100-continue\r\n"):
            client = self.client()
            client.send("PUT /a HTTP/1.1\r\nHost: a\r\nCookie: user=bob\r\n%s"
                        "Content-Length: %d\r\n\r\n" % (fields, len(body)))
            client.send(body)
            head = client.head()
            self.assertEqual((head.status, client.body(head)), (200, b"hello bob 300000"))
        self.assertEqual([one.get("content-length") for one in self.asked], [None, None])
        self.assertEqual([one.get("expect") for one in self.asked], [None, None])
        self.assertEqual(self.asked[0].get("x-forwarded-method"), "PUT")

    def test_a_body_is_kept_in_order_also_when_the_head_grows(self):
        """As much of the body as memory takes has come before the head gets its fields."""
        grown = "g" * 4000

        def judge(head, _body):
            return answer(200, b"", "X-Auth-User: %s\r\n" % grown)

        seen = []

        def greet(head, body):
            seen.append((head.get("x-auth-user"), body))
            return ok()

        self.serve(judge, greet)
        body = bytes(range(256)) * 1000
        for framing in ("length", "chunked"):
            client = self.client()
            if framing == "length":
                client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
                            + body)
            else:
                client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
            self.assertEqual(client.head().status, 200)
        self.assertEqual(seen, [(grown, body)] * 2)

    def burst(self, data):
        """One client's bytes, of which the edge finds all at once more than its memory takes."""
        client = self.client()
        self.get("/warm", "PUT", body=b"w" * 4_000_000, stream=client)  # the kernel's room grows
        self.process.send_signal(signal.SIGSTOP)
        try:
            client.sock.setblocking(False)
            sent = 0
            while sent < len(data):
                sent += client.sock.send(data[sent:])
        finally:
            client.sock.settimeout(PATIENCE)
            self.process.send_signal(signal.SIGCONT)
        return client

    @unittest.skipIf(OVER_TLS, "a record's bytes come at a time")
    def test_what_came_behind_a_body_is_the_next_request_also_when_the_head_grows(self):
        seen = []

        def judge(_head, _body):
            return answer(200, b"", "X-Auth-User: %s\r\n" % ("g" * 4000))

        def greet(head, body):
            seen.append((head.first.split()[1], len(body)))
            return ok()

        self.serve(judge, greet)
        many = 3000
        gets = b"".join(b"GET /%d HTTP/1.1\r\nHost: shop.test\r\n\r\n" % i for i in range(many))
        for first in (b"Content-Length: 10\r\n\r\n0123456789",
                      b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"):
            seen.clear()
            client = self.burst(b"PUT /first HTTP/1.1\r\nHost: shop.test\r\n" + first + gets)
            answered = 0
            while answered <= many:
                head = client.head()
                self.assertEqual(head.status, 200)
                client.body(head)
                answered += 1
                if head.get("connection") == "close":  # the others are to be asked for again
                    break
            wanted = [("/warm", 4_000_000), ("/first", 10)] + [("/%d" % i, 0) for i in range(many)]
            self.assertEqual(seen, wanted[:1 + answered])

    @unittest.skipIf(OVER_TLS, "a record's bytes come at a time")
    def test_a_body_may_end_where_memory_ends_when_the_head_grows(self):
        """In the middle of a line behind the last chunk."""
        seen = []

        def judge(_head, _body):
            return answer(200, b"", "X-Auth-User: %s\r\n" % ("g" * 4000))

        def greet(_head, body):
            seen.append(len(body))
            return ok()

        self.serve(judge, greet)
        head = b"PUT /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        memory = 96 * 1024
        for split in (b"", b"0", b"0\r", b"0\r\n", b"0\r\nX-Sum", b"0\r\nX-Sum: 1\r\n\r"):
            size = memory - len(head) - len(split) - 9  # "17ff0", and two ends of lines
            size_line = b"%x\r\n" % size
            self.assertEqual(len(size_line), 7)
            end = b"0\r\nX-Sum: 1\r\n\r\n"
            client = self.burst(head + size_line + b"x" * size + b"\r\n" + end)
            self.assertEqual(client.head().status, 200, split)
            self.assertEqual(seen[-1], size)

    def test_a_refused_body_does_not_become_a_request(self):
        self.serve()
        evil = b"GET /evil HTTP/1.1\r\nHost: a\r\nCookie: user=eve\r\n\r\n" * 100
        client = self.client()
        head, _ = self.get(method="PUT", body=evil, stream=client)
        self.assertEqual(head.status, 302)
        head, body = self.get("/good", fields="Cookie: user=al\r\n", stream=client)
        self.assertEqual(body, b"hello al 0")
        self.assertEqual([one.first for one in self.served], ["GET /good HTTP/1.1"])

    def test_who_cannot_be_asked_lets_nobody_in(self):
        gone = self.origin(serving(self.judge))
        port = gone.port
        gone.stop()
        self.serve(judge_port=port)
        head, body = self.get(fields="Cookie: user=alice\r\n")
        self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
        self.serve(judge=self.breaking())
        self.assertEqual(self.get(fields="Cookie: user=alice\r\n")[0].status, 502)
        self.publish_snapshot(
            [self.route(forward_auth={"process": "none", "path": "/check", "copy": []})],
            [self.app([endpoint("web-1", self.origin(serving(self.greet)).port)])])
        self.assertEqual(self.get()[0].status, 503)
        self.assertEqual(self.served, [])

    @staticmethod
    def breaking():
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 200 O")

        return script

    def test_the_question_waits_for_the_process_that_is_not_there_yet(self):
        app = self.origin(serving(self.greet))
        route = self.route(forward_auth={"process": "auth", "path": "/check", "copy": []})
        web = self.app([endpoint("web-1", app.port)])
        self.publish_snapshot([route], [{**self.app([], hold=True), "process": "auth"}, web])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: user=alice\r\n\r\n")

        def held():
            return [one for one in self.daemon.fresh()["apps"]
                    if one["process"] == "auth" and one["held"] == 1]

        until(held, "the question to wait")
        judge = self.origin(serving(self.judge))
        self.publish_snapshot([route], [{**self.app([endpoint("auth-1", judge.port)]),
                                         "process": "auth"}, web])
        self.assertEqual(client.head().status, 200)

    def test_a_client_that_leaves_takes_its_question_along(self):
        came = threading.Event()
        left = threading.Event()

        def script(stream, _number):
            stream.head()
            came.set()
            try:
                stream.rest()
            except OSError:
                pass
            left.set()

        self.serve(judge=script)
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(came.wait(20))
        client.reset()
        self.assertTrue(left.wait(20))
        self.assertEqual(self.served, [])

    def test_the_answer_of_a_process_that_breaks_off_is_cut_and_not_asked_for_elsewhere(self):
        def script(stream, number):
            stream.head()
            stream.send("HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhalf")

        self.serve(judge=script)
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.head().status, 401)
        with self.assertRaises((EOFError, OSError)):
            client.exactly(100)
        self.assertEqual(self.served, [])

    def test_who_it_is_is_asked_before_the_cache_and_what_is_personal_is_not_shared(self):
        def greet(head, _body):
            self.served.append(head)
            public = "public, " if "/public" in head.first else ""
            return ok(b"for " + head.get("x-auth-user").encode(),
                      "Cache-Control: %smax-age=60\r\n" % public)

        self.serve(greet=greet, route={"cache": {}})
        for name in (b"alice", b"bob"):
            self.assertEqual(self.get("/own", fields="Cookie: user=%s\r\n" % name.decode())[1],
                             b"for " + name)
        for name in (b"alice", b"bob"):
            self.assertEqual(self.get("/public", fields="Cookie: user=%s\r\n" % name.decode())[1],
                             b"for alice")
        self.assertEqual(self.get("/public")[0].status, 302)
        self.assertEqual(len(self.served), 3)

    def test_vary_sees_who_it_is_and_not_who_it_says_it_is(self):
        def greet(head, _body):
            return ok(b"for " + head.get("x-auth-user").encode(),
                      "Cache-Control: public, max-age=60\r\nVary: X-Auth-User\r\n")

        self.serve(greet=greet, route={"cache": {}})
        for name in ("alice", "bob"):
            _, body = self.get(fields="Cookie: user=%s\r\nX-Auth-User: alice\r\n" % name)
            self.assertEqual(body, b"for " + name.encode())

    def test_a_2xx_may_have_a_body_and_what_has_no_room_lets_nobody_in(self):
        """Of fields as of the body: 64 KiB of it are read, and 32 KiB is the longest head."""
        sizes = {"said": 10, "body": 0}

        def judge(_head, _body):
            return answer(200, b"b" * sizes["body"], "X-Auth-User: %s\r\n" % ("u" * sizes["said"]))

        self.serve(judge)
        for sizes["body"] in (64 * 1024, 64 * 1024 + 1, 1024 * 1024):
            self.assertEqual(self.get()[0].status, 200)
        sizes["body"] = 0
        cookie = "Cookie: %s\r\n" % ("c" * 20_000)
        for sizes["said"], status in ((12_000, 200), (13_000, 431)):
            self.assertEqual(self.get(fields=cookie)[0].status, status)
        self.assertEqual(len(self.served), 4)

    def test_a_websocket_is_let_in_or_not(self):
        def script(stream, _number):
            head = stream.head()
            self.served.append(head)
            stream.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
            stream.send(stream.exactly(4)[::-1])

        self.serve(greet=script)
        upgrade = ("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n")
        client = self.client()
        client.send(upgrade + "Cookie: user=alice\r\n\r\nabcd")
        self.assertEqual(client.head().status, 101)
        self.assertEqual(client.exactly(4), b"dcba")
        self.assertEqual(self.asked[0].get("upgrade"), None)
        self.assertEqual(self.served[0].get("x-auth-user"), "alice")
        client = self.client()
        client.send(upgrade + "\r\n")
        self.assertEqual(client.head().status, 302)
        self.assertEqual(len(self.served), 1)

    def test_a_password_is_asked_for_first_and_the_user_may_come_from_the_process(self):
        made = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True,
                              check=True).stdout.decode().strip()
        self.serve(route={"auth": {"users": ["al:" + made], "realm": "r"}})
        self.assertEqual(self.get(fields="Cookie: user=alice\r\n")[0].status, 401)
        self.assertEqual(self.asked, [])
        fields = "Cookie: user=alice\r\nAuthorization: Basic YWw6c2VjcmV0\r\n"
        self.assertEqual(self.get(fields=fields)[1], b"hello alice 0")

        def judge(_head, _body):
            return answer(204, b"", "X-Forwarded-User: carol\r\n")

        app = self.origin(serving(self.greet))
        self.publish_snapshot(
            [self.route(forward_auth={"process": "auth", "path": "/", "copy":
                                      ["X-Forwarded-User"]})],
            [{**self.app([endpoint("auth-1", self.origin(serving(judge)).port)]),
              "process": "auth"}, self.app([endpoint("web-1", app.port)])])
        self.served.clear()
        self.get(fields="X-Forwarded-User: mallory\r\n")
        self.assertEqual(self.served[0].all("x-forwarded-user"), ["carol"])

    def test_over_http2(self):
        self.serve()
        client = self.h2()
        answer = client.get("/a", fields=[("cookie", "user=alice"), ("x-auth-user", "eve")],
                            method="POST", body=b"12345")
        self.assertEqual((answer.status, answer.body), (200, b"hello alice 5"))
        self.assertEqual(self.served[0].all("x-auth-user"), ["alice"])
        answer = client.get("/a", method="POST", body=b"x" * 100_000)
        self.assertEqual((answer.status, answer.body), (302, b"to the door"))
        self.assertEqual(client.get("/a", fields=[("cookie", "user=bob")]).body, b"hello bob 0")
        self.assertEqual([one.get("x-forwarded-method") for one in self.asked],
                         ["POST", "POST", "GET"])


if __name__ == "__main__":
    unittest.main()
