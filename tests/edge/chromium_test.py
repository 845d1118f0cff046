"""A real browser: Debian's Chromium loads a page over TLS, and its script uploads, streams, opens a
WebSocket and an event source. The page tells what it saw in a last request."""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import unittest

from harness import PATIENCE, EdgeCase, endpoint, ok, until

PAGE = """<!doctype html><title>test</title><link rel="icon" href="data:,"><script>
const report = {};
const step = async (name, run) => {
    try { report[name] = await run(); } catch (error) { report[name] = "failed: " + error; }
};
const text = async (path, options) => (await fetch(path, options)).text();
(async () => {
    await step("page", () => performance.getEntriesByType("navigation")[0].nextHopProtocol);
    await step("upload", () => text("/size", {method: "POST", body: new Uint8Array(1 << 20)}));
    await step("burst", async () => {
        const answers = await Promise.all(Array.from({length: 200}, (_, i) => text("/echo?" + i)));
        return answers.filter((answer, i) => answer === "/echo?" + i).length;
    });
    await step("stream", async () => {
        const reader = (await fetch("/stream")).body.getReader();
        const decoder = new TextDecoder();
        let all = "";
        for (;;) {
            const {done, value} = await reader.read();
            if (done) return all;
            all += decoder.decode(value, {stream: true});
            if (all === "first ") await text("/go");  // what was sent is seen before the rest is
        }
    });
    await step("socket", () => new Promise((resolve, reject) => {
        const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws");
        socket.onopen = () => socket.send("hello");
        socket.onmessage = event => { socket.close(); resolve(event.data); };
        socket.onerror = () => reject("error");
    }));
    await step("events", () => new Promise((resolve, reject) => {
        const source = new EventSource("/events");
        const seen = [];
        source.onmessage = event => {
            seen.push(event.data);
            if (seen.length === 3) { source.close(); resolve(seen.join(",")); }
        };
        source.onerror = () => reject("error");
    }));
    await step("cookie", async () => {
        await text("/cookie");
        return text("/cookie");
    });
    await text("/report", {method: "POST", body: JSON.stringify(report)});
})();
</script>
"""

PROGRAM = "chromium"
# All that it starts ends with it.
ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-dev-shm-usage", "--no-proxy-server")


def frame(text):
    return bytes([0x81, len(text)]) + text


class Site:
    """The origin's script."""

    def __init__(self):
        self.told = None
        self.going = False

    def serve(self, stream, _number):
        while stream.inbox or stream.more():
            head = stream.head()
            path = head.first.split(" ")[1]
            method = getattr(self, path[1:].split("?")[0] or "page", None)
            if method is None:
                stream.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            elif method(stream, head, stream.body(head)) is False:
                return

    @staticmethod
    def page(stream, _head, _body):
        stream.send(ok(PAGE, "Content-Type: text/html; charset=utf-8\r\n"))

    @staticmethod
    def size(stream, _head, body):
        stream.send(ok(str(len(body))))

    @staticmethod
    def echo(stream, head, _body):
        stream.send(ok(head.first.split(" ")[1]))

    def go(self, stream, _head, _body):
        self.going = True
        stream.send(ok())

    def stream(self, stream, _head, _body):
        stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst \r\n")
        until(lambda: self.going, "the page to have seen the first piece")
        stream.send("6\r\nsecond\r\n0\r\n\r\n")

    @staticmethod
    def ws(stream, head, _body):
        key = head.get("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        stream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept)
        size = stream.exactly(2)[1] & 0x7f
        mask = stream.exactly(4)
        text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(stream.exactly(size)))
        stream.send(frame(text + b" back"))
        stream.rest()
        return False

    @staticmethod
    def events(stream, _head, _body):
        stream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in (1, 2, 3):
            stream.send("data: %d\n\n" % number)
        stream.rest()
        return False

    @staticmethod
    def cookie(stream, head, _body):
        stream.send(ok(head.get("cookie", "none"), "Set-Cookie: kept=yes; Secure; HttpOnly\r\n"))

    def report(self, stream, _head, body):
        self.told = json.loads(body)
        stream.send(ok())


class Browser(EdgeCase):
    def setUp(self):
        self.browser = None
        super().setUp()

    def tearDown(self):
        self.end_browser()
        super().tearDown()

    def leave(self):
        self.end_browser()
        super().leave()

    def end_browser(self):
        if self.browser is not None:
            until(self.has_ended, "the browser's end")

    def has_ended(self):
        # The first of its namespace: unshare ends when all that it started has.
        if self.browser.poll() is not None:
            return True
        with open("/proc/%d/task/%d/children" % (self.browser.pid, self.browser.pid)) as file:
            for child in file.read().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
        return False

    def visit(self, url, more):
        self.assertIsNotNone(shutil.which(PROGRAM), "Debian's chromium is not installed")
        self.browser = self.spawn(
            [*ALONE, PROGRAM, *OPTIONS, "--user-data-dir=" + self.dir + "/profile",
             "--host-resolver-rules=MAP shop.test 127.0.0.1", *more, url],
            log="/chromium.log", stdout=subprocess.DEVNULL,
            env={**os.environ, "HOME": self.dir, "TMPDIR": self.dir})

    @staticmethod
    def key_hash(certificate):
        """By which the browser is told to trust this certificate and no other."""
        public = subprocess.run(["openssl", "x509", "-in", certificate.path, "-pubkey", "-noout"],
                                check=True, capture_output=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public,
                             check=True, capture_output=True).stdout
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def test_a_page_uploads_streams_and_opens_sockets(self):
        made = self.certify(["shop.test"])
        site = Site()
        self.publish([endpoint("web-1", self.origin(site.serve).port)])
        self.visit("https://shop.test:%d/" % self.tls_address[1],
                   ["--ignore-certificate-errors-spki-list=" + self.key_hash(made)])
        # It starts a dozen processes first.
        report = until(lambda: site.told, "the page's report", 5 * PATIENCE)
        self.assertEqual(report, {
            "page": "h2", "upload": str(1 << 20), "burst": 200, "stream": "first second",
            "socket": "hello back", "events": "1,2,3", "cookie": "kept=yes"})
        protocols = {line["http"] for line in self.log_lines(200)}
        self.assertEqual(protocols, {"2"}, "the WebSocket is a stream as well")


if __name__ == "__main__":
    unittest.main()
