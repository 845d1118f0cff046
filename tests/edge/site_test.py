"""Sites: files that the edge serves by itself."""

import gzip
import hashlib
import json
import os
import threading
import unittest
import urllib.parse

from h2_client import h2_client_of
from harness import OVER_TLS, EdgeCase, endpoint, ok, serving, until
from upgrade_test import Upgrading

MADE = 1_700_000_000_000
MADE_TEXT = "Tue, 14 Nov 2023 22:13:20 GMT"
TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
         "js": "text/javascript; charset=utf-8", "bin": "application/octet-stream"}
PAGE = b"<h1>hello</h1>\n" * 100
NONE = "site-" + "0" * 32


def forms_of(path, data):
    yield "identity", data
    if not path.endswith(".bin"):
        yield "gzip", gzip.compress(data)


class SiteCase(EdgeCase):
    def command(self):
        self.sites = self.dir + "/sites"
        os.makedirs(self.sites, exist_ok=True)
        return [*super().command(), "--sites", self.sites]

    def site(self, files, spec=None):
        """Publishes {path: bytes} as the daemon does and gives its name."""
        content = b""
        listed = []
        for path in sorted(files):
            forms = []
            for coding, data in forms_of(path, files[path]):
                forms.append({"coding": coding, "at": len(content), "bytes": len(data)})
                content += data
            listed.append({"path": path, "type": TYPES[path.rsplit(".", 1)[-1]],
                           "hash": hashlib.sha256(files[path]).hexdigest()[:32], "forms": forms})
        manifest = {"made": MADE, "content_bytes": len(content), "files": listed}
        text = json.dumps(manifest).encode()
        name = "site-" + hashlib.sha256(text + content).hexdigest()[:32]
        folder = "%s/%s" % (self.sites, name)
        os.makedirs(folder, exist_ok=True)
        for file, data in (("manifest.json", text), ("content", content)):
            with open("%s/%s" % (folder, file), "wb") as out:
                out.write(data)
        return {"name": name, "release": 1,
                "spec": {"folder": ".", "index": "index.html", "not_found": "404.html",
                         "fallback": "", **(spec or {})}}

    def serve(self, files, spec=None, app=None, **route):
        site = self.site(files, spec)
        self.publish_snapshot([self.route(process="site", **route)],
                              [self.app([], process="site", site=site, **(app or {}))])


class Site(SiteCase):
    # ---- what is served ----------------------------------------------------------------------

    def test_a_client_that_waits_to_send_a_body_gets_the_file_and_the_end(self):
        """It may send the body or not: what came next would be taken for it."""
        self.serve({"index.html": PAGE})
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 5\r\n\r\n")
        head = client.head()
        self.assertEqual((head.status, head.get("connection")), (200, "close"))
        self.assertEqual(client.body(head), PAGE)
        self.assertTrue(client.closed())

    def test_a_page_comes_whole_and_says_what_it_is(self):
        self.serve({"index.html": PAGE, "style.css": b"a{}", "data.bin": b"\0" * 100})
        head, body = self.get("/")
        self.assertEqual((head.status, body), (200, PAGE))
        self.assertEqual(head.get("content-type"), "text/html; charset=utf-8")
        self.assertEqual(head.get("content-length"), str(len(PAGE)))
        self.assertEqual(head.get("cache-control"), "no-cache")
        self.assertEqual(head.get("last-modified"), MADE_TEXT)
        self.assertEqual(head.get("accept-ranges"), "bytes")
        self.assertEqual(head.get("vary"), "Accept-Encoding")
        self.assertIsNotNone(head.get("date"))
        head, body = self.get("/data.bin")
        self.assertEqual((head.status, body), (200, b"\0" * 100))
        self.assertIsNone(head.get("vary"))

    def test_a_connection_goes_on_from_file_to_file(self):
        files = {"index.html": PAGE, "empty.html": b"", "large.bin": os.urandom(3 << 20),
                 "middle.bin": os.urandom(50_000)}
        self.serve(files)
        stream = self.client()
        for _ in range(3):
            for path in ("index.html", "empty.html", "large.bin", "middle.bin", "none.bin"):
                head, body = self.get("/" + path, stream=stream)
                self.assertEqual(head.status, 200 if path in files else 404)
                if path in files:
                    self.assertEqual(body, files[path])

    def test_a_coding_that_the_client_takes(self):
        self.serve({"index.html": PAGE})
        head, body = self.get("/", fields="Accept-Encoding: gzip, br\r\n")
        self.assertEqual(head.get("content-encoding"), "gzip")
        self.assertEqual(gzip.decompress(body), PAGE)
        self.assertTrue(head.get("etag").endswith('-gzip"'))
        head, body = self.get("/", fields="Accept-Encoding: gzip;q=0\r\n")
        self.assertIsNone(head.get("content-encoding"))
        self.assertEqual(body, PAGE)

    def test_paths_lead_to_files_and_nowhere_else(self):
        self.serve({"index.html": PAGE, "about.html": b"about", "docs/index.html": b"docs",
                    "docs/a b.html": b"blank"})
        for path, status, body in (("/about.html", 200, b"about"), ("/about", 200, b"about"),
                                   ("/docs/", 200, b"docs"), ("/docs/a%20b", 200, b"blank"),
                                   ("/%61bout", 200, b"about"), ("/docs/../about", 200, b"about"),
                                   ("/x/%2e%2e/about", 200, b"about")):
            head, got = self.get(path)
            self.assertEqual((path, head.status, got), (path, status, body))
        for path in ("/../index.html", "/%2e%2e/%2e%2e/etc/passwd", "/docs%2findex.html",
                     "/docs%00", "//index.html", "/docs//", "/manifest.json", "/content",
                     "/../" + NONE + "/content"):
            self.assertIn(self.get(path)[0].status, (400, 404), path)
        head, _ = self.get("/docs?a=b")
        self.assertEqual((head.status, head.get("location")), (308, "/docs/?a=b"))

    def test_no_path_leads_to_another_host(self):
        self.serve({"index.html": PAGE, "docs/index.html": b"docs"})
        for path in ("/x/../docs", "/x/%2e%2e/docs"):
            head, _ = self.get(path)
            place = head.get("location")
            self.assertEqual(head.status, 308, path)
            led_to = urllib.parse.urljoin("http://shop.test" + path, place)
            self.assertEqual(urllib.parse.urlsplit(led_to).netloc, "shop.test", place)
            self.assertEqual(self.get(place)[1], b"docs")
        for path in ("//evil.test/../../docs", "//%65vil.test/%2e%2e/../docs", "//docs"):
            head, _ = self.get(path)
            self.assertEqual((head.status, head.get("location")), (404, None), path)

    def test_only_GET_and_HEAD(self):
        self.serve({"index.html": PAGE})
        stream = self.client()
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            for body in (b"", b"x" * 100):
                head, _ = self.get("/", method, body=body, stream=None if body else stream)
                self.assertEqual((head.status, head.get("allow")), (405, "GET, HEAD"))
        head, _ = self.get("/", "HEAD", stream=stream)
        self.assertEqual((head.status, head.get("content-length")), (200, str(len(PAGE))))
        self.assertEqual(self.get("/", stream=stream)[1], PAGE)

    def test_who_has_it_gets_304(self):
        self.serve({"index.html": PAGE, "app.3f9a1c2b.js": b"x"})
        stream = self.client()
        tag = self.get("/", stream=stream)[0].get("etag")
        stream.send("GET / HTTP/1.1\r\nHost: shop.test\r\nIf-None-Match: %s\r\n\r\n" % tag)
        head = stream.head()
        self.assertEqual((head.status, head.get("etag")), (304, tag))
        stream.send("GET / HTTP/1.1\r\nHost: shop.test\r\nIf-Modified-Since: %s\r\n\r\n"
                    % MADE_TEXT)
        self.assertEqual(stream.head().status, 304)
        self.assertEqual(self.get("/", fields='If-Match: "x"\r\n', stream=stream)[0].status, 412)
        head, _ = self.get("/app.3f9a1c2b.js", stream=stream)
        self.assertEqual(head.get("cache-control"), "public, max-age=31536000, immutable")

    def test_a_part_of_a_file(self):
        large = os.urandom(1 << 20)
        self.serve({"large.bin": large})
        stream = self.client()
        for said, begin, end in (("bytes=0-9", 0, 10), ("bytes=1000000-", 1_000_000, 1 << 20),
                                 ("bytes=-5", (1 << 20) - 5, 1 << 20),
                                 ("bytes=100-900000", 100, 900_001)):
            head, body = self.get("/large.bin", fields="Range: %s\r\n" % said, stream=stream)
            self.assertEqual(head.status, 206)
            self.assertEqual(head.get("content-range"),
                             "bytes %d-%d/%d" % (begin, end - 1, 1 << 20))
            self.assertEqual(body, large[begin:end])
        head, body = self.get("/large.bin", fields="Range: bytes=1048576-\r\n", stream=stream)
        self.assertEqual((head.status, head.get("content-range"), body),
                         (416, "bytes */1048576", b""))

    def test_what_is_not_there_has_the_sites_own_page_or_the_fallback(self):
        self.serve({"index.html": PAGE, "404.html": b"<p>nothing here"})
        head, body = self.get("/nothing")
        self.assertEqual((head.status, body), (404, b"<p>nothing here"))
        self.assertIsNone(head.get("etag"))
        self.serve({"index.html": PAGE}, {"fallback": "index.html"})
        self.assertEqual((self.get("/users/7")[0].status, self.get("/users/7")[1]), (200, PAGE))
        self.assertEqual(self.get("/assets/gone.js")[0].status, 404)

    def test_over_HTTP_2_many_files_at_once(self):
        files = {"index.html": PAGE, "empty.html": b"", "large.bin": os.urandom(2 << 20),
                 **{"%d.bin" % i: os.urandom(1000 * i) for i in range(1, 40)}}
        self.serve(files)
        client = h2_client_of(self)
        numbers = {path: client.request("/" + path) for path in files}
        for path, number in numbers.items():
            answer = client.wait(number)
            self.assertEqual(answer.status, 200, path)
            self.assertTrue(answer.body == files[path], path)
        tag = client.get("/").head["etag"]
        self.assertEqual(client.get("/", fields=[("if-none-match", tag)]).status, 304)
        answer = client.get("/large.bin", fields=[("range", "bytes=5-14")])
        self.assertEqual((answer.status, answer.body), (206, files["large.bin"][5:15]))
        self.assertEqual(client.get("/nothing").status, 404)
        self.assertEqual(client.get("/", method="HEAD").body, b"")

    def test_what_is_not_in_memory_is_read_from_the_disk(self):
        files = {"%d.bin" % size: os.urandom(size) for size in (10, 20_000, 300_000, 3 << 20)}
        site = self.site(files)
        self.publish_snapshot([self.route(process="site")],
                              [self.app([], process="site", site=site)])
        path = "%s/%s/content" % (self.sites, site["name"])

        def forget():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

        for ask in (lambda path: self.get(path)[1], lambda path: h2_client_of(self).get(path).body):
            for name in files:
                forget()
                self.assertTrue(ask("/" + name) == files[name], name)
        forget()
        stream = self.client()
        stream.send("GET /%d.bin HTTP/1.1\r\nHost: shop.test\r\n\r\n" % (3 << 20))
        stream.reset()
        self.assertTrue(self.get("/20000.bin")[1] == files["20000.bin"])

    # ---- switches ----------------------------------------------------------------------------

    def test_a_switch_lets_what_was_begun_come_to_its_end(self):
        old = os.urandom(16 << 20)
        self.serve({"large.bin": old, "index.html": b"old"})
        stream = self.client()
        stream.send("GET /large.bin HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        head = stream.head()
        self.serve({"large.bin": b"new", "index.html": b"new"})
        self.assertEqual(self.get("/")[1], b"new")
        self.assertTrue(stream.body(head) == old, "the old file came whole")
        self.assertEqual(self.get("/large.bin", stream=stream)[1], b"new")

    def test_no_request_fails_while_sites_change(self):
        def files(n):
            return {"index.html": b"%06d\n" % n * 5000}

        self.serve(files(0))
        stop = threading.Event()
        wrong = []

        def ask():
            stream = self.client()
            while not stop.is_set():
                head, body = self.get("/", stream=stream)
                if head.status != 200 or len(set(body.split())) != 1 or len(body) != 35_000:
                    wrong.append((head.status, body[:20]))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(1, 20):
            self.serve(files(n))
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_an_app_has_a_site_and_a_process_beside_each_other(self):
        origin = self.origin(serving(lambda head, body: ok("app " + head.first.split()[1])))
        site = self.site({"index.html": PAGE})
        self.publish_snapshot(
            [self.route(process="site"), self.route(path="/api")],
            [self.app([], process="site", site=site), self.app([endpoint("web-1", origin.port)])])
        stream = self.client()
        for _ in range(3):
            self.assertEqual(self.get("/", stream=stream)[1], PAGE)
            self.assertEqual(self.get("/api/x", stream=stream)[1], b"app /api/x")
            self.assertEqual(self.get("/api/x", "POST", body=b"y", stream=stream)[0].status, 200)

    def test_a_restarted_edge_serves_it_from_its_last_snapshot(self):
        self.serve({"index.html": PAGE})
        self.process.kill()
        self.process.wait()
        self.daemon.close()
        self.start()
        self.assertEqual(self.get("/")[1], PAGE)

    # ---- what is not as it should be -----------------------------------------------------------

    def test_one_that_cannot_be_read_is_told_and_the_others_serve(self):
        good = self.site({"index.html": PAGE})
        bad = {**good, "name": NONE}
        self.publish_snapshot(
            [self.route("good.test", process="site"),
             self.route("bad.test", app="default/bad", process="site")],
            [self.app([], process="site", site=good),
             self.app([], app="default/bad", process="site", site=bad)])
        stream = self.client()
        for host, status in (("bad.test", 503), ("good.test", 200), ("bad.test", 503)):
            stream.send("GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
            head = stream.head()
            stream.body(head)
            self.assertEqual((host, head.status), (host, status))
        self.assertIn("site_unreadable", self.stderr())

    def test_a_snapshot_with_a_name_that_leads_elsewhere_is_refused(self):
        site = {**self.site({"index.html": PAGE}), "name": "../state"}
        self.version += 1
        self.daemon.send({"snapshot": {"version": self.version, "epoch": 1,
                                       "routes": [self.route(process="site")],
                                       "apps": [self.app([], process="site", site=site)]}})
        until(lambda: self.daemon.ended, "the edge to hang up")
        self.daemon.close()
        self.connect_daemon()
        self.assertEqual(self.daemon.fresh()["acked_version"], 0)

    def test_an_app_that_is_stopped_answers_503(self):
        self.publish_snapshot([self.route(process="site")], [self.app([], process="site")])
        self.assertEqual(self.get("/")[0].status, 503)

    # ---- as any other route ----------------------------------------------------------------------

    def test_limits_maintenance_and_log_are_as_of_others(self):
        rate = {"client": {"requests": 2, "window": 3_600_000, "burst": 0}, "route": None}
        self.serve({"index.html": PAGE}, rate=rate)
        self.assertEqual([self.get("/")[0].status for _ in range(4)], [200, 200, 429, 429])
        line = min(self.log_lines(4), key=lambda line: line["status"])
        self.assertEqual((line["process"], line["status"], line["bytes"]), ("site", 200, len(PAGE)))
        self.serve({"index.html": PAGE}, app={"maintenance": {"page": "soon", "retry_after_s": 9}})
        self.assertEqual(self.get("/")[1].strip(), b"soon")
        # An answer is counted when it is out.
        report = until(lambda: self.daemon.fresh()["apps"][0]["requests_total"] >= 5 and
                       self.daemon.report["apps"][0], "five to be counted")
        self.assertEqual((report["process"], report["requests_total"]), ("site", 5))

    def test_a_client_that_reads_slowly_holds_up_nobody(self):
        large = os.urandom(8 << 20)
        self.serve({"large.bin": large, "index.html": PAGE})
        slow = [self.client() for _ in range(8)]
        for stream in slow:
            stream.send("GET /large.bin HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        for _ in range(20):
            self.assertEqual(self.get("/")[1], PAGE)
        for stream in slow:
            self.assertTrue(stream.body(stream.head()) == large)

    def test_a_client_that_leaves_leaves_nothing_behind(self):
        self.serve({"large.bin": os.urandom(8 << 20), "index.html": PAGE})
        for _ in range(20):
            stream = self.client()
            stream.send("GET /large.bin HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            stream.head()
            stream.reset()
        self.assertEqual(self.get("/")[1], PAGE)
        self.log_lines(21)

    @unittest.skipIf(OVER_TLS, "HTTP/1.0 and TLS are each other's equal here")
    def test_an_old_client_is_served(self):
        self.serve({"index.html": PAGE})
        stream = self.client()
        stream.send("GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n")
        head = stream.head()
        self.assertEqual((head.status, stream.rest()), (200, PAGE))


class Upgraded(SiteCase, Upgrading):
    def test_a_new_edge_serves_it_and_the_old_one_finishes_what_it_began(self):
        large = os.urandom(16 << 20)
        self.serve({"index.html": PAGE, "large.bin": large})
        begun = self.client()
        begun.send("GET /large.bin HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        head = begun.head()
        self.upgrade()
        self.assertEqual(self.get("/")[1], PAGE)
        self.assertTrue(begun.body(head) == large)
        self.left()


if __name__ == "__main__":
    unittest.main()
