"""Who is let in: rate limits, maintenance, passwords."""

import base64
import signal
import subprocess
import threading
import unittest

from harness import PATIENCE, EdgeCase, endpoint, ok, serving, until

SLOW = {"requests": 3, "window": 3_600_000, "burst": 0}


def basic(user, password):
    text = base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
    return "Authorization: Basic %s\r\n" % text


def user(name, password):
    made = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password.encode(),
                          capture_output=True, check=True)
    return "%s:%s" % (name, made.stdout.decode().strip())


class Admission(EdgeCase):
    def serve(self, answer=lambda head, body: ok(), routes=None, **app):
        origin = self.origin(serving(answer))
        self.publish_snapshot(routes or [self.route()],
                              [self.app([endpoint("web-1", origin.port)], **app)])

    # ---- rate limits -------------------------------------------------------------------------

    def test_a_client_over_its_rate_is_told_when_to_come_again(self):
        self.serve(routes=[self.route(rate={"client": SLOW, "route": None})])
        for _ in range(3):
            self.assertEqual(self.get()[0].status, 200)
        head, body = self.get()
        self.assertEqual(head.status, 429)
        self.assertIn(b"too many requests", body)
        self.assertIn(int(head.get("retry-after")), range(1100, 1201))
        self.assertIn("moln_edge_rate_limited_total 1", self.daemon.metrics_text())
        # Whatever thread and connection it comes to, and in the next snapshot.
        self.serve(routes=[self.route(rate={"client": SLOW, "route": None})])
        for _ in range(8):
            self.assertEqual(self.get()[0].status, 429)

    def test_a_connection_goes_on_after_a_refusal(self):
        limited = self.route(path="/few", rate={"client": SLOW, "route": None})
        self.serve(routes=[self.route(), limited])
        stream = self.client()
        answers = [self.get("/few", stream=stream)[0].status for _ in range(5)]
        self.assertEqual(answers, [200, 200, 200, 429, 429])
        self.assertEqual(self.get("/", stream=stream)[0].status, 200)
        self.assertEqual(self.get("/few", "POST", body=b"x" * 1000, stream=stream)[0].status, 429)

    def test_a_route_has_a_rate_of_its_own_for_all_clients(self):
        one = self.route(path="/one", rate={"client": None, "route": SLOW})
        two = self.route(path="/two", rate={"client": None, "route": SLOW})
        self.serve(routes=[one, two])
        statuses = []

        def ask():
            statuses.append(self.get("/one")[0].status)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] * 3 + [429] * 9)
        self.assertEqual(self.get("/two")[0].status, 200)

    # ---- maintenance -------------------------------------------------------------------------

    def test_maintenance_is_a_page_and_instances_get_nothing(self):
        asked = []
        page = "<h1>soon</h1>" + "x" * 40_000
        self.serve(lambda head, body: asked.append(head.first) or ok(),
                   maintenance={"page": page, "retry_after_s": 120})
        head, body = self.get("/a")
        self.assertEqual((head.status, head.get("retry-after")), (503, "120"))
        self.assertEqual(head.get("content-type"), "text/html; charset=utf-8")
        self.assertEqual(head.get("cache-control"), "no-store")
        self.assertEqual(body.decode(), page + "\n")
        head, body = self.get("/a", "HEAD")
        self.assertEqual((head.status, body), (503, b""))
        self.assertEqual([line for line in asked if "/a" in line], [])
        self.serve(maintenance={"page": "", "retry_after_s": 60})
        self.assertIn(b"being maintained", self.get()[1])
        self.serve(maintenance=None)
        self.assertEqual(self.get()[0].status, 200)

    def test_who_works_on_an_app_in_maintenance_still_reaches_it(self):
        word = "Zm9vYmFyYmF6cXV4-_0123"
        self.serve(maintenance={"page": "", "retry_after_s": 60, "allow": ["10.0.0.0/8"],
                                "pass": word})
        good = "Cookie: a=b; moln-maintenance=%s\r\n" % word
        self.assertEqual(self.get(fields=good)[0].status, 200)
        for bad in ("", "Cookie: moln-maintenance=\r\n", good.replace("-_0123", "-_0124"),
                    good.replace("-_0123", "-_01234"), "X-Forwarded-For: 10.0.0.1\r\n"):
            self.assertEqual(self.get(fields=bad)[0].status, 503, bad)
        self.serve(maintenance={"page": "", "retry_after_s": 60, "allow": ["127.0.0.0/8"]})
        self.assertEqual(self.get()[0].status, 200)
        for path in ("/access.log", "/stderr"):
            with open(self.dir + path) as file:
                self.assertNotIn(word, file.read())

    def test_what_an_app_in_maintenance_answers_is_not_cached_for_others(self):
        self.serve(lambda head, body: ok("half done", "Cache-Control: max-age=60\r\n"),
                   [self.route(cache={})],
                   maintenance={"page": "", "retry_after_s": 60, "allow": ["127.0.0.1"]})
        self.assertEqual(self.get()[1], b"half done")
        self.serve(lambda head, body: ok("done", "Cache-Control: max-age=60\r\n"),
                   [self.route(cache={})])
        self.assertEqual(self.get()[1], b"done")

    # ---- passwords ---------------------------------------------------------------------------

    def guarded(self, answer=lambda head, body: ok(head.get("x-forwarded-user", "-").encode())):
        users = [user("alice", "open sesame"), user("bob", "hunter2")]
        self.serve(answer, [self.route(auth={"users": users, "realm": "the shop"})])

    def test_only_who_knows_the_password_is_let_in(self):
        self.guarded()
        head, _ = self.get()
        self.assertEqual(head.status, 401)
        self.assertEqual(head.get("www-authenticate"), 'Basic realm="the shop", charset="UTF-8"')
        for fields in (basic("alice", "open"), basic("alice", ""), basic("eve", "open sesame"),
                       basic("bob", "open sesame"), "Authorization: Bearer x\r\n",
                       "Authorization: Basic !\r\n",
                       basic("alice", "open sesame") + basic("alice", "open sesame")):
            self.assertEqual(self.get(fields=fields)[0].status, 401, fields)
        head, body = self.get(fields=basic("alice", "open sesame"))
        self.assertEqual((head.status, body), (200, b"alice"))
        head, body = self.get(fields=basic("bob", "hunter2"))
        self.assertEqual((head.status, body), (200, b"bob"))

    def test_nobody_says_himself_who_he_is(self):
        self.guarded()
        fields = "X-Forwarded-User: root\r\n" + basic("alice", "open sesame")
        self.assertEqual(self.get(fields=fields)[1], b"alice")
        self.serve(lambda head, body: ok(head.get("x-forwarded-user", "-").encode()))
        self.assertEqual(self.get(fields="X-Forwarded-User: root\r\n")[1], b"-")

    def test_a_body_waits_while_the_password_is_checked(self):
        self.guarded(lambda head, body: ok(body))
        body = b"abc" * 50_000
        head, answer = self.get("/", "POST", basic("alice", "open sesame"), body)
        self.assertEqual((head.status, answer), (200, body))

    def test_a_client_that_leaves_during_the_check_harms_nobody(self):
        self.guarded()
        for i in range(10):
            stream = self.client()
            stream.send("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % basic("alice", "no %d" % i))
            stream.reset()
        self.assertEqual(self.get(fields=basic("alice", "open sesame"))[0].status, 200)

    def test_an_edge_stops_with_checks_under_way(self):
        """None of them tells a worker of it that has gone: a sanitizer would see that."""
        slow = "al:$6$rounds=200000$saltsalt$" + 86 * "x"  # a tenth of a second each
        self.serve(routes=[self.route(auth={"users": [slow], "realm": "r"})])
        clients = [self.client() for _ in range(20)]
        for number, client in enumerate(clients):
            client.send("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % basic("al", "no %d" % number))
        self.assertEqual(clients[0].head().status, 401)
        for client in clients:
            client.reset()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_guessing_has_a_rate_and_who_is_known_does_not_feel_it(self):
        self.guarded()
        self.assertEqual(self.get(fields=basic("alice", "open sesame"))[0].status, 200)
        statuses = []
        while 429 not in statuses:
            self.assertLess(len(statuses), 60)
            guess = basic("alice", "guess %d" % len(statuses))
            statuses.append(self.get(fields=guess)[0].status)
        self.assertEqual(set(statuses), {401, 429})
        self.assertGreaterEqual(len(statuses), 20)
        self.assertEqual(self.get(fields=basic("alice", "open sesame"))[0].status, 200)

    def test_passwords_are_in_no_log(self):
        self.guarded()
        self.get(fields=basic("alice", "open sesame"))
        self.get(fields=basic("alice", "a wrong one"))
        self.log_lines(2)
        with open(self.dir + "/access.log") as file:
            text = file.read() + self.stderr()
        for word in ("sesame", "a wrong one", basic("alice", "open sesame")[21:40]):
            self.assertNotIn(word, text)

    def test_what_a_password_opens_is_not_served_to_others_from_the_cache(self):
        users = [user("alice", "1"), user("bob", "2")]
        route = self.route(auth={"users": users, "realm": "x"},
                           cache={"ttl": 60_000, "stale_while_revalidate": 0, "stale_if_error": 0})
        # Who says that all may have it, but not the same of all, has said enough.
        for fields in ("", "Cache-Control: public, max-age=60\r\nVary: X-Forwarded-User\r\n"):
            self.serve(lambda head, body: ok(head.get("x-forwarded-user", "-").encode(), fields),
                       [route])
            for name, password in (("alice", "1"), ("bob", "2"), ("alice", "1")):
                self.assertEqual(self.get("/%d" % len(fields), fields=basic(name, password))[1],
                                 name.encode())
            self.assertEqual(self.get()[0].status, 401)


if __name__ == "__main__":
    unittest.main()
