"""Between an ACME client and its authority: passes on what they say, and fails as a test wants."""
import base64
import http.client
import http.server
import json
import ssl
import threading

HOST = "127.0.0.1"


class Question:
    """A request of the client's, before the authority hears of it."""

    def __init__(self, method, path, body):
        self.method, self.path, self.body = method, path, body

    def said(self):
        """What is signed (RFC 8555, 6.2), or {} (a POST-as-GET, and what is no POST)."""
        payload = json.loads(self.body)["payload"] if self.body else ""
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)) or "{}")

    def hosts(self):
        """Of an order that is asked for."""
        return [one["value"] for one in self.said().get("identifiers", [])]

    def is_order(self):
        return self.method == "POST" and self.path.startswith("/order-plz")


def problem(status, kind, detail, **headers):
    """An answer by RFC 8555, 6.7."""
    body = {"type": "urn:ietf:params:acme:error:" + kind, "detail": detail, "status": status}
    return status, {"Content-Type": "application/problem+json", **headers}, json.dumps(body)


class Between:
    """`lies` is asked about every Question: None passes it on; an answer (status, headers, body) is
    given in the authority's place; a function gets the authority's answer and makes another."""

    def __init__(self, authority):
        self.authority = authority
        self.lies = lambda question: None
        self.heard = []  # every Question
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                between.answer(self)

            do_POST = do_HEAD = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that is gone

        self.server = Server((HOST, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.ca_file, authority.ca_file.replace(".pem", ".key"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.directory = f"https://{HOST}:{self.port}/dir"
        self.over = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def options(self):
        return ("--agree-tos", "--directory", self.directory, "--ca-file", self.authority.ca_file)

    def orders(self, host=None):
        return [one for one in self.heard
                if one.is_order() and (host is None or one.hosts() == [host])]

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        question = Question(handler.command, handler.path, body)
        self.heard.append(question)
        lie = self.lies(question)
        status, headers, text = lie if isinstance(lie, tuple) else self.ask(handler, body)
        if callable(lie):
            status, headers, text = lie(status, headers, text)
        if isinstance(lie, tuple):  # the client needs a nonce from every answer
            headers = {**self.ask_nonce(handler), **headers}
        if isinstance(text, str):
            text = text.encode()
        handler.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(text)

    def ask(self, handler, body, method=None, path=None):
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        line = http.client.HTTPSConnection(HOST, self.authority.port, context=context, timeout=30)
        try:
            headers = {"Host": handler.headers["Host"],
                       "Content-Type": handler.headers.get("Content-Type", "")}
            line.request(method or handler.command, path or handler.path, body or None, headers)
            with line.getresponse() as answer:
                return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            line.close()

    def ask_nonce(self, handler):
        _, headers, _ = self.ask(handler, b"", "HEAD", "/nonce-plz")
        return {"Replay-Nonce": headers["Replay-Nonce"]}
