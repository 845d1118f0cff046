"""A real ACME authority on this machine: Debian's pebble, with a name server of its own."""
import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import urllib.request

from cloud import wait_until

HOST = "127.0.0.1"


def free_port():
    """In a network namespace of our own nobody takes it in between."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Authority:
    """Every name leads to 127.0.0.1, where it looks at these ports of the edge."""

    def __init__(self, http_port, tls_port, life_s=None, ocsp_url=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="moln-pebble-"))
        self.ca_file = str(self.folder / "ca.pem")
        self.port, self.management_port = free_port(), free_port()
        self.dns_port, self.dns_management_port = free_port(), free_port()
        self.directory = f"https://{HOST}:{self.port}/dir"
        self.processes = []
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=pebble",
                        "-addext", f"subjectAltName=IP:{HOST}", "-keyout",
                        str(self.folder / "ca.key"), "-out", self.ca_file],
                       check=True, capture_output=True)
        config = {"listenAddress": f"{HOST}:{self.port}",
                  "managementListenAddress": f"{HOST}:{self.management_port}",
                  "certificate": self.ca_file, "privateKey": str(self.folder / "ca.key"),
                  "httpPort": http_port, "tlsPort": tls_port, "ocspResponderURL": ocsp_url}
        if life_s:
            config["certificateValidityPeriod"] = life_s
        (self.folder / "config.json").write_text(json.dumps({"pebble": config}))

    def __enter__(self):
        self.run("pebble-challtestsrv", "-defaultIPv4", HOST, "-defaultIPv6", "", "-http01", "",
                 "-https01", "", "-tlsalpn01", "", "-dns01", f"{HOST}:{self.dns_port}",
                 "-management", f"{HOST}:{self.dns_management_port}")
        self.start()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        subprocess.run(["rm", "-r", str(self.folder)], check=True)

    def start(self):
        self.pebble = self.run("pebble", "-config", str(self.folder / "config.json"), "-dnsserver",
                               f"{HOST}:{self.dns_port}")
        wait_until("pebble", self.roots)

    def restart(self):
        """It forgets everything: accounts, orders, its own root."""
        self.pebble.kill()
        self.pebble.wait()
        self.start()

    def run(self, *words):
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={**os.environ, "PEBBLE_VA_NOSLEEP": "1",
                                            "PEBBLE_WFE_NONCEREJECT": "0",
                                            "PEBBLE_AUTHZREUSE": "0"})
        self.processes.append(process)
        return process

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def roots(self):
        return self.management("roots/0")

    def management(self, path):
        context = ssl.create_default_context(cafile=self.ca_file)
        with contextlib.suppress(OSError):
            url = f"https://{HOST}:{self.management_port}/{path}"
            with urllib.request.urlopen(url, context=context, timeout=10) as answer:
                return answer.read().decode()
        return None

    def lead(self, host, address):
        """The name server's answer for this name from now on."""
        for verb in ("clear-a", "add-a"):
            url = f"http://{HOST}:{self.dns_management_port}/{verb}"
            body = json.dumps({"host": host + ".", "addresses": [address]}).encode()
            urllib.request.urlopen(urllib.request.Request(url, body), timeout=10).close()

    def trusting(self):
        return ssl.create_default_context(cadata=self.roots())

    def options(self):
        return ("--agree-tos", "--directory", self.directory, "--ca-file", self.ca_file)
