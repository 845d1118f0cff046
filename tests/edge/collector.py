"""A collector of OTLP over HTTP for tests: a real server that keeps what it takes."""

import gzip
import http.server
import json
import threading

from harness import held_port, until


class Collector:
    """A real HTTP server. `answer(number)` says (status, fields, body) of each request.

    Its port (`held`, if it has one already) stays nobody else's while it is stopped.
    """

    def __init__(self, context=None, held=None):
        self.requests = []  # (path, fields, parsed body)
        self.connections = 0
        self.answer = lambda _number: (200, {}, b"{}")
        self.hang = threading.Event()  # set: answers nothing
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                collector.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.hang.is_set():
                    self.rfile.read(1)  # until the edge gives up
                    self.close_connection = True
                    return
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                number = len(collector.requests) + 1
                status, fields, text = collector.answer(number)
                collector.requests.append((self.path, dict(self.headers), json.loads(body),
                                           status))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                for name, value in fields.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass  # an edge that does not trust it, or that was stopped

        self.held = held or held_port()
        self.port = self.held[1]
        self.server = Server(("127.0.0.1", self.port), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def resources(self):
        return [resource for _, _, body, status in list(self.requests) if status == 200
                for resource in body["resourceSpans"]]

    def spans(self, kind=2):
        """Of requests (2: SERVER), or of tries at instances (3: CLIENT)."""
        return [span for resource in self.resources() for scope in resource["scopeSpans"]
                for span in scope["spans"] if span["kind"] == kind]

    def wait(self, count=1, kind=2):
        return until(lambda: len(self.spans(kind)) >= count and self.spans(kind),
                     "%d spans" % count)

    def tries_of(self, span, count=1):
        """Of a request, in their order."""
        def found():
            tries = [one for one in self.spans(3) if one["parentSpanId"] == span["spanId"]]
            return tries if len(tries) >= count else None

        return sorted(until(found, "%d tries" % count),
                      key=lambda one: int(one["startTimeUnixNano"]))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def attributes(span):
    values = {}
    for one in span["attributes"]:
        (kind, value), = one["value"].items()
        values[one["key"]] = int(value) if kind == "intValue" else value
    return values
