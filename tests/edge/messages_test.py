"""What goes through: framing, connections, fields, errors."""

import threading
import unittest

from h2_client import h2_client_of
from harness import OVER_TLS, EdgeCase, endpoint, ok, serving, until


class Messages(EdgeCase):
    def echo(self):
        origin = self.origin(serving(lambda head, body: ok(
            ("%s|" % head.first).encode() + body)))
        self.publish([endpoint("web-1", origin.port)])
        return origin

    def test_keep_alive_uses_one_connection_on_both_sides(self):
        origin = self.echo()
        client = self.client()
        for i in range(20):
            head, body = self.get("/%d" % i, stream=client)
            self.assertEqual((head.status, body), (200, b"GET /%d HTTP/1.1|" % i))
        self.assertEqual(origin.count, 1)

    def test_pipelined_requests_are_answered_in_order(self):
        self.echo()
        client = self.client()
        one = "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nb%02d"
        client.send("".join(one % (i, i) for i in range(50)))
        for i in range(50):
            head = client.head()
            self.assertEqual(client.body(head), b"POST /%d HTTP/1.1|b%02d" % (i, i))

    def test_a_request_cut_anywhere_arrives_whole(self):
        self.echo()
        text = (b"POST /cut HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5;x=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer-Field: 1\r\n\r\n")
        for cut in range(1, len(text)):
            client = self.client()
            client.send(text[:cut])
            client.send(text[cut:])
            self.assertEqual(client.body(client.head()), b"POST /cut HTTP/1.1|hello world")
            client.close()

    def test_chunked_goes_through_both_ways_and_is_written_anew(self):
        seen = []

        def script(stream, _number):
            while stream.inbox or stream.more():
                head = stream.head()
                seen.append(head)
                body = stream.body(head)
                stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for i in range(0, len(body), 7):
                    part = body[i:i + 7]
                    stream.send(b"%04x;ext=1\r\n%s\r\n" % (len(part), part))
                stream.send("0\r\n\r\n")

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        data = bytes(range(256)) * 40
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(data), 100):
            client.send(b"%x\r\n%s\r\n" % (len(data[i:i + 100]), data[i:i + 100]))
        client.send("0\r\n\r\n")
        head = client.head()
        self.assertEqual(head.get("transfer-encoding"), "chunked")
        self.assertEqual(client.body(head), data)
        self.assertEqual(seen[0].get("transfer-encoding"), "chunked")
        head, body = self.get("/again", stream=client)
        self.assertEqual(head.status, 200)

    def test_keep_alive_is_read_from_the_head_not_from_the_body_that_took_its_place(self):
        go = threading.Event()

        def script(stream, _number):
            for pad in range(10):  # one of them puts the body's words where the field stood
                stream.head()
                body = b"timeout=0," * 300
                stream.send("HTTP/1.1 200 OK\r\nX: %s\r\nKeep-Alive: timeout=5\r\n"
                            "Content-Length: %d\r\n\r\n" % ("x" * pad, len(body)))
                go.wait(20)
                go.clear()
                stream.send(body)

        origin = self.origin(script)
        self.publish([endpoint("web-1", origin.port)])
        client = self.client()
        for _ in range(10):
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = client.head()
            go.set()
            self.assertEqual(client.body(head), b"timeout=0," * 300)
        self.assertEqual(origin.count, 1)

    def test_a_body_until_close_becomes_chunked_and_the_client_lives_on(self):
        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.0 200 OK\r\n\r\nuntil the end")

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        for _ in range(2):
            head, body = self.get(stream=client)
            self.assertEqual((head.get("transfer-encoding"), body), ("chunked", b"until the end"))

    def test_http_1_0_clients_get_no_chunks(self):
        self.publish([endpoint("web-1", self.origin(serving(
            lambda head, body: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")).port)])
        client = self.client()
        client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        head = client.head()
        self.assertIsNone(head.get("transfer-encoding"))
        self.assertEqual(head.get("connection"), "close")
        self.assertEqual(client.rest(), b"abcdef")

    def test_http_1_0_keep_alive_is_kept(self):
        self.echo()
        client = self.client()
        for _ in range(3):
            client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            head = client.head()
            self.assertEqual(head.get("connection"), "keep-alive")
            client.body(head)
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        head = client.head()
        client.body(head)
        self.assertTrue(client.closed())

    def test_answers_without_a_body_have_none(self):
        def answer(head, _body):
            method, path = head.first.split(" ")[:2]
            if method == "HEAD":
                return b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            status = path.strip("/")
            return b"HTTP/1.1 %s X\r\nETag: \"1\"\r\n\r\n" % status.encode()

        self.publish([endpoint("web-1", self.origin(serving(answer)).port)])
        client = self.client()
        head, _ = self.get(method="HEAD", stream=client)
        self.assertEqual(head.get("content-length"), "1000")
        for status in (204, 304):
            client.send("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % status)
            self.assertEqual(client.head().status, status)
        head, _ = self.get("/HEAD", method="HEAD", stream=client)
        self.assertEqual(head.status, 200)

    def test_continue_is_asked_for_and_passed_on(self):
        def script(stream, _number):
            head = stream.head()
            assert head.get("expect") == "100-continue", head.raw
            stream.send("HTTP/1.1 100 Continue\r\n\r\n")
            stream.send(ok(stream.body(head)))

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 5\r\n\r\n")
        self.assertEqual(client.head().status, 100)
        client.send("hello")
        head = client.head()
        self.assertEqual((head.status, client.body(head)), (200, b"hello"))

    def test_a_refusal_instead_of_continue_closes(self):
        self.publish([endpoint("web-1", self.origin(
            lambda stream, _n: (stream.head(), stream.send(
                "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), stream.rest())).port)])
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 5\r\n\r\n")
        head = client.head()
        self.assertEqual((head.status, head.get("connection")), (413, "close"))
        self.assertTrue(client.closed())

    def test_a_body_that_is_not_asked_for_is_nobodys_request(self):
        """A client that expects 100 is answered at once, and sends its body all the same, or not at
        all: neither the next request nor the instance's next one may be made of it."""
        smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        for fields, body in (("Content-Length: %d\r\n" % len(smuggled), smuggled),
                             ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n" + smuggled)):
            got = {}

            def script(stream, number, got=got):
                got[number] = stream.head().first
                stream.send(ok(b"at once"))
                got[number] += stream.rest().decode()

            self.publish([endpoint("web-1", self.origin(script).port)])
            for late in (body, ""):
                client = self.client()
                client.send("POST /%d HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n%s\r\n"
                            % (len(late), fields))
                head = client.head()
                self.assertEqual((head.status, client.body(head)), (200, b"at once"))
                self.assertEqual(head.get("connection"), "close")
                try:
                    client.send(late + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertTrue(client.closed())
                except OSError:
                    pass
            self.assertEqual(self.get("/other")[1], b"at once")
            until(lambda: len(got) == 3, "a connection for each")
            self.assertEqual([got[i + 1].split()[1] for i in range(3)],
                             ["/%d" % len(body), "/0", "/other"])
            self.assertNotIn("smuggled", "".join(got.values()))

    def test_an_answer_before_the_body_leaves_no_half_request_with_the_instance(self):
        """It answers what it has not read and keeps the connection: what it reads next would be the
        rest of that request, or another client's for the rest."""
        for chunked in (False, True):
            got = []

            def script(stream, number, got=got):
                got.append(stream.head().first)
                stream.send(ok(b"early"))
                stream.rest()

            self.publish([endpoint("web-1", self.origin(script).port)])
            slow = self.client()
            slow.send("POST /slow HTTP/1.1\r\nHost: a\r\n" +
                      ("Transfer-Encoding: chunked\r\n\r\n5\r\nab" if chunked
                       else "Content-Length: 50\r\n\r\nab"))
            head = slow.head()
            self.assertEqual(slow.body(head), b"early")
            self.assertEqual(self.get("/other")[1], b"early")
            self.assertEqual([line.split()[1] for line in got], ["/slow", "/other"])

    def test_early_hints_are_passed_on_before_the_answer(self):
        hinted = threading.Event()

        def script(stream, _number):
            stream.head()
            stream.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
            hinted.wait(20)
            stream.send(ok())

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = client.head()
        self.assertEqual((head.status, head.get("link")), (103, "</a.css>; rel=preload"))
        hinted.set()
        self.assertEqual(client.head().status, 200)

    def test_an_answer_before_the_body_is_whole_is_given_at_once(self):
        self.publish([endpoint("web-1", self.origin(
            lambda stream, _n: (stream.head(), stream.send(ok("early")), stream.rest())).port)])
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\npart")
        head = client.head()
        self.assertEqual((head.status, client.body(head)), (200, b"early"))
        # The rest is read and dropped, and the connection goes on.
        client.send(b"x" * (100000 - 4))
        head, body = self.get(stream=client)
        self.assertEqual(body, b"early")

    def test_an_unread_body_past_the_limit_ends_the_connection(self):
        self.publish([endpoint("web-1", self.origin(
            lambda stream, _n: (stream.head(), stream.send(ok("early")), stream.rest())).port)])
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\npart")
        head = client.head()
        self.assertEqual((head.status, client.body(head)), (200, b"early"))

        def refused():
            try:
                client.send(b"x" * 65536)
            except OSError:
                return True
            return False

        until(refused, "the end of the connection")

    def test_hop_by_hop_fields_stay_and_forwarding_fields_are_ours(self):
        seen = []
        self.publish([endpoint("web-1", self.origin(serving(
            lambda head, body: (seen.append(head), ok(extra="Keep-Alive: timeout=9\r\n"
                                                            "Connection: X-Secret\r\n"
                                                            "X-Secret: 1\r\n"))[1])).port)])
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        head, _ = self.get(fields="Connection: X-Drop\r\nX-Drop: 1\r\nX-Forwarded-For: 6.6.6.6\r\n"
                                  "traceparent: %s\r\n" % trace)
        self.assertIsNone(head.get("keep-alive"))
        self.assertIsNone(head.get("x-secret"))
        request = seen[0]
        self.assertIsNone(request.get("x-drop"))
        self.assertEqual(request.all("x-forwarded-for"), ["127.0.0.1"])
        self.assertEqual(request.all("x-forwarded-proto"),
                         ["https" if OVER_TLS else "http"])
        self.assertEqual(request.all("x-forwarded-host"), ["shop.test"])
        # No span is made of it here: the trace has no hole.
        self.assertEqual(request.all("traceparent"), [trace])
        line = self.log_lines(1)[0]
        self.assertEqual(line["trace"], trace[3:35])

    def test_interim_responses_that_fill_a_buffer_are_passed_on_and_what_follows_them_too(self):
        # Three of them leave less than an answer of the edge's own needs.
        begin, end = "HTTP/1.1 103 Early Hints\r\n", "\r\n"
        size = (96 * 1024 - 60) // 3
        lines = "".join("X-%d: %s\r\n" % (i, "y" * 2000) for i in range(16))
        fill = size - len(begin + lines + "Z: \r\n" + end)
        hint = begin + lines + "Z: %s\r\n" % ("z" * fill) + end

        for last, status in ((ok(b"fine").decode(), 200), ("nonsense\r\n\r\n", 502)):
            def script(stream, _number, last=last):
                stream.head()
                stream.send(hint * 3 + last)
                stream.more()

            self.publish([endpoint("web-1", self.origin(script).port)])
            for _ in range(5):
                client = self.client()
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                for _ in range(3):
                    self.assertEqual(len(client.head().raw), size)
                self.assertEqual(client.head().status, status)

    def test_who_the_client_is_cannot_be_said_with_underscores_either(self):
        """Gateways that name fields as variables (CGI, WSGI, PHP) read '-' and '_' alike."""
        heads = []
        origin = self.origin(serving(lambda head, body: heads.append(head) or ok()))
        self.publish([endpoint("web-1", origin.port)])
        self.get(fields="X_Forwarded_For: 6.6.6.6\r\nx-forwarded_for: 6.6.6.6\r\n"
                 "X_Real_IP: 6.6.6.6\r\nX_Forwarded-Proto: x\r\nX_FORWARDED_HOST: x\r\n"
                 "X_Forwarded_Port: 1\r\nX_Other: mine\r\n")
        request, = heads
        self.assertEqual([(name, value) for name, value in request.fields if "_" in name],
                         [("X_Other", "mine")])
        self.assertEqual(request.get("x-forwarded-for"), "127.0.0.1")

    def test_every_request_has_its_line_in_the_log(self):
        self.echo()
        self.get("/a?secret=1")
        self.get("/b", method="POST", body=b"12345")
        lines = sorted(self.log_lines(2), key=lambda line: line["path"])
        self.assertEqual([(x["method"], x["path"], x["status"], x["app"], x["instance"])
                          for x in lines],
                         [("GET", "/a", 200, "default/shop", "web-1"),
                          ("POST", "/b", 200, "default/shop", "web-1")])
        self.assertEqual(lines[0]["bytes"], len("GET /a?secret=1 HTTP/1.1|"))
        self.assertEqual(lines[0]["client"], "127.0.0.1")

    def test_hosts_and_paths_lead_to_their_apps(self):
        ports = {name: self.origin(serving(lambda head, body, name=name: ok(name))).port
                 for name in ("shop", "api", "rest")}
        routes = [("*", "/", "rest"), ("shop.test", "/", "shop"), ("shop.test", "/api", "api")]
        self.publish_snapshot(
            [{"host": h, "path": p, "app": "default/" + a, "process": "web"} for h, p, a in routes],
            [{"app": "default/" + name, "process": "web",
              "endpoints": [endpoint(name + "-1", port)]} for name, port in ports.items()])
        self.assertEqual(self.get("/")[1], b"shop")
        self.assertEqual(self.get("/api/x")[1], b"api")
        self.assertEqual(self.get("/%61pi/../api")[1], b"api")
        self.assertEqual(self.get("/apix")[1], b"shop")
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
        self.assertEqual(client.body(client.head()), b"rest")

    def test_connection_names_only_so_many_fields(self):
        """Each field of a head is looked for in it: a long one made a request cost 10 ms."""
        self.publish([endpoint("web-1", self.origin(serving(lambda head, body: ok())).port)])
        more = "".join("x%d:\r\n" % i for i in range(90))
        for filler in ("a,", ","):
            value = "x1," + filler * 1100
            self.assertEqual(self.get(fields="Connection: %s\r\n%s" % (value[:1024], more))
                             [0].status, 200)
            self.assertEqual(self.get(fields="Connection: %s\r\n%s" % (value[:1025], more))
                             [0].status, 431)

    def test_no_spelling_of_a_path_passes_by_what_its_route_asks(self):
        """Many apps read several slashes as one, and encoded ones as slashes."""
        seen = []

        def answer(head, _body):
            seen.append(head.first.split()[1])
            return ok("in")

        origin = self.origin(serving(answer))
        auth = {"users": ["al:$6$a$%s" % ("a" * 86)], "realm": "r"}
        self.publish_snapshot([self.route(), self.route(path="/admin", auth=auth),
                               self.route(path="/admin/open")],
                              [self.app([endpoint("web-1", origin.port)])])
        for path in ("/admin", "/admin/x", "/%61dmin", "/x/../admin", "/admin//x", "/admin/%2fx"):
            self.assertEqual(self.get(path)[0].status, 401, path)
        for path in ("//admin", "/%2Fadmin", "/.//admin", "/admin%2fx", "/x/..%2Fadmin",
                     "/x%2F..%2fadmin/x", "/x//../admin", "/admin%5cx", "/x/..%5C..%5Cadmin",
                     "/admin/open/..%2fx", "/admin/open//../x", "/admin/open%2f..%2f..%2f..%2f.."):
            head, body = self.get(path)
            self.assertEqual(head.status, 404, path)
            self.assertIn(b"spelling", body)
            self.assertEqual(self.get("/", fields="X: %s\r\n" % path)[0].status, 200)
        seen.clear()
        plain = ["/x//y", "/a%2fb/%2F", "/https://a.test//b", "/x//", "/admin/open/a//b%2fc",
                 "/%5Cx", "/adm%2fin"]
        for path in plain:
            self.assertEqual(self.get(path)[0].status, 200, path)
        self.assertEqual(seen, plain)  # as it came

    @unittest.skipIf(OVER_TLS, "before it there is no certificate either")
    def test_before_the_first_snapshot_nobody_is_told_that_there_is_no_app(self):
        client = self.client()
        for _ in range(2):
            head, body = self.get(stream=client)
            self.assertEqual((head.status, head.get("retry-after")), (503, "1"))
            self.assertIn(b"does not know its routes yet", body)
        self.publish_snapshot([], [])
        self.assertEqual(self.get(stream=client)[0].status, 404)

    def test_an_unknown_host_is_told_so(self):
        self.publish_snapshot([], [])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n")
        head = client.head()
        self.assertEqual(head.status, 404)
        self.assertIn(b"no app answers for host nobody.test", client.body(head))
        client.send("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n")
        self.assertEqual(client.head().status, 404)

    def test_an_answer_of_the_edge_s_own_is_logged_with_the_bytes_of_its_body(self):
        self.publish([], maintenance={"page": "<p>back soon", "retry_after_s": 5})
        client = self.client()
        bodies = [self.get(stream=client)[1] for _ in range(2)]
        self.assertEqual(bodies, [b"<p>back soon\n"] * 2)
        self.get(method="HEAD", stream=client)
        client = h2_client_of(self)
        self.assertEqual(client.get().body, bodies[0])
        self.assertEqual(client.get(method="HEAD").status, 503)
        lines = sorted((line["http"], line["method"], line["bytes"]) for line in self.log_lines(5))
        self.assertEqual(lines, [("1.1", "GET", 13), ("1.1", "GET", 13), ("1.1", "HEAD", 0),
                                 ("2", "GET", 13), ("2", "HEAD", 0)])
        counted = self.daemon.route_counts()["*", "/"]
        self.assertEqual(counted["bytes_out_total"], 39)

    def test_what_is_no_request_is_refused_and_the_connection_closed(self):
        origin = self.echo()
        for text in ("GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n"
                     "\r\nx",
                     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     "GET / HTTP/1.1\nHost: a\n\n", "\0\0\0\0\r\n\r\n"):
            client = self.client()
            client.send(text)
            head = client.head()
            self.assertEqual(head.status, 400, text)
            self.assertEqual(head.get("connection"), "close")
            client.body(head)
            self.assertTrue(client.closed())
        self.assertEqual(origin.count, 0)

    def test_a_bad_chunk_in_a_body_ends_the_connection(self):
        self.echo()
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        self.assertTrue(client.closed())

    def test_what_came_before_an_instance_broke_its_coding_is_passed_on_and_no_end(self):
        """An end without a byte of an answer would look like a connection that idled too long: who
        sees that may send its request again."""
        head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for sent in ("3\r\nok\n\r\n3 \r\nok\n\r\n0\r\n\r\n", "3\r\nok\n\r\n0\r\nX : y\r\n\r\n",
                     "3\r\nok\n\r\n0\n\n", "3\r\nok\nX\r\n0\r\n\r\n"):
            self.publish([endpoint("web-1", self.origin(
                lambda stream, _n, sent=sent: (stream.head(), stream.send(head + sent))).port)])
            client = self.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.head().status, 200)
            self.assertEqual(client.rest(), b"3\r\nok\n\r\n")
            answer = h2_client_of(self).get()
            self.assertEqual((answer.status, answer.ended, answer.reset), (200, False, 2))

    def test_a_head_at_the_limit_passes_and_one_past_it_is_refused(self):
        self.echo()
        frame = "GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n"
        fill = 32 * 1024 - len(frame % "")
        client = self.client()
        client.send(frame % ("y" * fill))
        head = client.head()
        self.assertEqual(head.status, 200)
        client.body(head)
        client.send(frame % ("y" * (fill + 1)))
        self.assertEqual(client.head().status, 431)

    def test_a_client_that_ends_its_side_still_gets_its_answer(self):
        self.echo()
        client = self.client()
        client.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
        client.half_close()
        self.assertIn(b"GET /half", client.rest())


if __name__ == "__main__":
    unittest.main()
