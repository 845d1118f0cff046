"""Small apps for tests, written into a folder of their own."""
import atexit
import pathlib
import shutil
import tempfile

WEB = """\
import http.server, os, signal, socketserver, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together: killed between the two, no edge could repeat the request.
    wbufsize = -1
    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.split("=")[1]))
        if self.path == "/exit":
            os._exit(7)
        name = self.path[5:] if self.path.startswith("/env/") else ""
        body = (os.environ.get(name, "unset") if name else "VERSION").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = False
    request_queue_size = 256

server = Server(("", int(os.environ["PORT"])), Handler)
def stop(*_):
    import threading
    threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
print("VERSION is listening", flush=True)
server.serve_forever()
server.server_close()
print("VERSION has ended", flush=True)
"""


def folder(files, name="shop"):
    """A fresh folder called `name` with these files (a relative path to its text each), removed at
    the end of the test program."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="moln-app-", dir="/var/tmp")) / name
    directory.mkdir()
    atexit.register(shutil.rmtree, directory.parent, ignore_errors=True)
    for path, text in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return directory


def web(version, toml="", name="shop"):
    """A Python web app that answers every path with `version`, /env/NAME with a variable."""
    return folder({"app.py": WEB.replace("VERSION", version),
                   "moln.toml": toml or '[process.web]\ncommand = "python3 app.py"\n'}, name)


def web_toml(**keys):
    """moln.toml of web() with keys of [process.web]."""
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[process.web]\ncommand = "python3 app.py"\n{lines}'


def script(text, toml="", name="shop"):
    """An app whose web process is this Python program."""
    return folder({"app.py": text,
                   "moln.toml": '[process.web]\ncommand = "python3 -u app.py"\n' + toml}, name)
