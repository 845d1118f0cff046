"""Takes jobs: POST / puts one into the shared folder, GET / tells how many wait and are done."""

import os
import signal
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JOBS = os.environ.get("JOBS", "/jobs")
JOB_BYTES_MAX = 64 * 1024


class Jobs(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        names = os.listdir(JOBS)
        waiting = sum(name.endswith(".job") for name in names)
        done = sum(name.endswith(".done") for name in names)
        self.answer(200, f"{waiting} waiting, {done} done\n")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= JOB_BYTES_MAX:
            self.close_connection = True
            return self.answer(413, f"expected at most {JOB_BYTES_MAX} bytes\n")
        path = os.path.join(JOBS, uuid.uuid4().hex)
        with open(path + ".new", "wb") as job:
            job.write(self.rfile.read(length))
        os.rename(path + ".new", path + ".job")  # the worker sees whole jobs only
        self.answer(202, "taken\n")


if __name__ == "__main__":
    os.makedirs(JOBS, exist_ok=True)
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Jobs)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()
