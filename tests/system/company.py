"""A company's package registry: npm and Python packages over HTTPS with a private authority, for
those with the token or the password. It lies on a network of its own, behind the machine's veth.
"""
import base64
import hashlib
import http.server
import io
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tarfile
import zipfile

ADDRESS, PORT = "192.0.2.2", 8443
URL = f"https://{ADDRESS}:{PORT}"
TOKEN, PASSWORD = "hunter2-npm-token", "hunter2-pip-password"


def npm_package():
    files = {"package/package.json": json.dumps({"name": "greeter", "version": "1.0.0",
                                                 "main": "index.js"}),
             "package/index.js": "module.exports = 'greetings from the company';\n"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def wheel():
    meta = "company_greeter-1.0.0.dist-info"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("company_greeter.py", "WORDS = 'greetings from the company'\n")
        file.writestr(f"{meta}/METADATA",
                      "Metadata-Version: 2.1\nName: company-greeter\nVersion: 1.0.0\n")
        file.writestr(f"{meta}/WHEEL",
                      "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{meta}/RECORD", "")
    return out.getvalue()


PACKAGE, WHEEL = npm_package(), wheel()
WHEEL_NAME = "company_greeter-1.0.0-py3-none-any.whl"


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.rstrip("/")
        basic = base64.b64encode(f"builder:{PASSWORD}".encode()).decode()
        wanted = f"Bearer {TOKEN}" if path.startswith("/npm/") else f"Basic {basic}"
        if self.headers.get("Authorization") != wanted:
            return self.answer(401, b"who are you?", {"WWW-Authenticate": "Basic realm=company"})
        answers = {
            "/npm/greeter": json.dumps({
                "name": "greeter", "dist-tags": {"latest": "1.0.0"},
                "versions": {"1.0.0": {"name": "greeter", "version": "1.0.0", "dist": {
                    "tarball": f"{URL}/npm/greeter/-/greeter-1.0.0.tgz",
                    "shasum": hashlib.sha1(PACKAGE).hexdigest()}}}}).encode(),
            "/npm/greeter/-/greeter-1.0.0.tgz": PACKAGE,
            "/pip/simple/company-greeter": f'<a href="/pip/{WHEEL_NAME}">{WHEEL_NAME}</a>'.encode(),
            f"/pip/{WHEEL_NAME}": WHEEL}
        if path not in answers:
            return self.answer(404, b"not here")
        kind = {"/npm/greeter": "application/json", "/pip/simple/company-greeter": "text/html"}
        return self.answer(200, answers[path],
                           {"Content-Type": kind.get(path, "application/octet-stream")})

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def make_certificates(folder):
    """ca.pem, and server.pem with its key, signed by it."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "ca.key",
            "-out", "ca.pem", "-subj", "/CN=Company authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr",
            "-subj", "/CN=registry")
    pathlib.Path(folder, "extra").write_text(f"subjectAltName=IP:{ADDRESS}\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "extra", "-out", "server.crt")
    both = [pathlib.Path(folder, name).read_text() for name in ("server.crt", "server.key")]
    pathlib.Path(folder, "server.pem").write_text("".join(both))


def start(folder):
    """The registry as a process in a network namespace of its own; its output is its log."""
    make_certificates(folder)
    for command in ("ip netns add company",
                    "ip link add co0 type veth peer name eth0 netns company",
                    "ip addr add 192.0.2.1/24 dev co0", "ip link set co0 up",
                    f"ip -n company addr add {ADDRESS}/24 dev eth0",
                    "ip -n company link set eth0 up", "ip -n company link set lo up"):
        subprocess.run(command.split(), check=True)
    with open(pathlib.Path(folder, "registry.log"), "wb") as log:
        process = subprocess.Popen(["nsenter", "--net=/run/netns/company", sys.executable, "-B",
                                    __file__, folder], stdout=subprocess.PIPE, stderr=log)
    assert process.stdout.readline() == b"ready\n"
    return process


if __name__ == "__main__":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(sys.argv[1], "server.pem"))
    server = http.server.ThreadingHTTPServer((ADDRESS, PORT), Registry)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("ready", flush=True)
    server.serve_forever()
