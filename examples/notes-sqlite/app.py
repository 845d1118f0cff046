"""Notes kept in SQLite on a volume: GET / lists them, POST / adds one, DELETE /<id> removes one."""

import json
import os
import signal
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOTE_BYTES_MAX = 64 * 1024
DATABASE = os.path.join(os.environ.get("DATA", "."), "notes.db")


def connect():
    database = sqlite3.connect(DATABASE, timeout=10)
    # A note that was acknowledged is on the disk.
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    return database


class Notes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with connect() as database:
            rows = database.execute("SELECT id, text FROM notes ORDER BY id").fetchall()
        self.answer(200, [{"id": id_, "text": text} for id_, text in rows])

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= NOTE_BYTES_MAX:
            self.close_connection = True  # the body stays unread
            return self.answer(413, {"error": f"expected 1 to {NOTE_BYTES_MAX} bytes"})
        text = self.rfile.read(length).decode(errors="replace")
        with connect() as database:
            id_ = database.execute("INSERT INTO notes (text) VALUES (?)", (text,)).lastrowid
        self.answer(201, {"id": id_, "text": text})

    def do_DELETE(self):
        with connect() as database:
            gone = database.execute("DELETE FROM notes WHERE id = ?", (self.path[1:],)).rowcount
        self.answer(200 if gone else 404, {"removed": gone})


def main():
    with connect() as database:
        database.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)")
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Notes)
    server.daemon_threads = False  # the end waits for requests that were begun
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on port {server.server_port}, notes in {DATABASE}", flush=True)
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    main()
