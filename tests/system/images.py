"""OCI images for tests, made without a builder: layers of files of this machine's Debian packages
and of texts, as an OCI layout; and Debian's docker-registry on loopback to push them to."""
import gzip
import hashlib
import io
import json
import pathlib
import re
import socket
import subprocess
import tarfile
import tempfile
import urllib.request

NGINX = """\
user www-data;
worker_processes 1;
error_log /dev/stderr;
pid /run/nginx.pid;
events {}
http {
    types { text/html html; }
    access_log off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    server { listen 80; root /srv/www; }
}
"""
USERS = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"


def program_files(program):
    """The program, its libraries and their loader, at the paths where Debian has them."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [program, *sorted(set(re.findall(r"(/\S+) \(0x", told)))]


def layer(files=(), texts=None):
    """A packed layer: files of this machine at their own paths, and texts by path."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=1) as packed:
        with tarfile.open(fileobj=packed, mode="w") as tar:
            content = {path: pathlib.Path(path).read_bytes() for path in files}
            content |= {path: text if isinstance(text, bytes) else text.encode()
                        for path, text in (texts or {}).items()}
            for path, data in content.items():
                info = tarfile.TarInfo(path.lstrip("/"))
                info.size, info.mode = len(data), 0o755 if path in files else 0o644
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def layout(folder, layers, config):
    """Writes an OCI layout of these packed layers; its folder as text."""
    folder = pathlib.Path(folder)
    (folder / "blobs/sha256").mkdir(parents=True)

    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        (folder / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}",
                "size": len(data)}

    unpacked = ["sha256:" + hashlib.sha256(gzip.decompress(data)).hexdigest() for data in layers]
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True,
                                  check=True).stdout.strip()
    image = {"architecture": architecture, "os": "linux", "config": config,
             "rootfs": {"type": "layers", "diff_ids": unpacked}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": blob(json.dumps(image).encode(), "config.v1+json"),
                "layers": [blob(data, "layer.v1.tar+gzip") for data in layers]}
    index = {"schemaVersion": 2,
             "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(folder)


def nginx_base():
    return layer(program_files("/usr/sbin/nginx"),
                 {"/etc/nginx/nginx.conf": NGINX, "/etc/passwd": USERS,
                  "/etc/group": "root:x:0:\nwww-data:x:33:\n"})


def nginx_site(folder, base, text):
    """An image as they are usually made: starts as root, drops its rights, listens on port 80."""
    return layout(folder, [base, layer(texts={"/srv/www/index.html": text})],
                  {"Entrypoint": ["/usr/sbin/nginx"], "Cmd": ["-g", "daemon off;"],
                   "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"})


class Registry:
    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        config = pathlib.Path(folder, "registry.yml")
        config.write_text("version: 0.1\nstorage:\n  filesystem:\n"
                          f"    rootdirectory: {folder}/kept\nhttp:\n  addr: {self.address}\n")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=self.log,
                                        stderr=self.log)

    def answers(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def push(self, folder, name):
        """Gives the reference by which `moln deploy --image` finds it."""
        reference = f"docker://{self.address}/{name}"
        copy(f"oci:{folder}", reference, "--dest-tls-verify=false")
        return reference

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def copy(source, target, *options):
    subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", *options, source, target],
                   check=True)
