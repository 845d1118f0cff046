#!/usr/bin/env python3
"""CPU per request of static files: a site at Moln's edge beside nginx, on one file system.

    bench/site.py --edge build/tests/edge/moln_edge_dev [--folder DIR] [--rounds 5]

Files that the kernel has in memory, asked for over kept connections of plain HTTP/1.1; nginx has
sendfile, tcp_nopush and open_file_cache on, both write an access log. Driven in turn, A-B-A-B; CPU
seconds of all processes of each, as in proxy.py; medians, and the median of each round's ratio.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile

import proxy
from programs import Proxy, free_port, wait_for

SIZES = {"1k": 1 << 10, "16k": 16 << 10, "64k": 64 << 10, "1m": 1 << 20}
PAGE = 4096
NAME = "site-" + "0" * 32
NGINX = """
daemon off;
worker_processes {threads};
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {{ worker_connections 20000; }}
http {{
    access_log {dir}/nginx-access.log;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=1000;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port} reuseport;
        root {dir}/files;
    }}
}}
"""


def make_files(folder):
    """As they are for nginx, published for the edge as the daemon does it."""
    os.makedirs(folder + "/files")
    published = "%s/sites/%s" % (folder, NAME)
    os.makedirs(published)
    at = 0
    listed = []
    with open(published + "/content", "wb") as content:
        for name in sorted(SIZES):
            data = os.urandom(SIZES[name])
            with open("%s/files/%s" % (folder, name), "wb") as file:
                file.write(data)
            at += content.write(b"\0" * (-at % PAGE))
            listed.append({"path": name, "type": "application/octet-stream", "hash": "0" * 32,
                           "forms": [{"coding": "identity", "at": at, "bytes": len(data)}]})
            at += content.write(data)
    with open(published + "/manifest.json", "w") as file:
        json.dump({"made": 0, "content_bytes": at, "files": listed}, file)


def publish(edge):
    snapshot = {"version": 2, "epoch": 1,
                "routes": [{"host": "*", "path": "/", "app": "default/bench", "process": "site"}],
                "apps": [{"app": "default/bench", "process": "site", "health": {}, "endpoints": [],
                          "site": {"name": NAME, "release": 1, "spec": {}}}]}
    edge.daemon.sendall(json.dumps({"snapshot": snapshot}).encode() + b"\n")
    for line in edge.daemon.makefile("r"):
        if json.loads(line).get("report", {}).get("acked_version") == 2:
            return


def contenders(stack, options):
    folder = tempfile.mkdtemp(prefix="moln-bench-", dir=options.folder)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    proxy.make_certificate(folder)
    make_files(folder)
    edge = proxy.start_edge(os.path.abspath(options.edge), folder, free_port(), options.threads,
                            more=("--sites", folder + "/sites"))
    stack.callback(edge.stop)
    publish(edge)
    port = free_port()
    with open(folder + "/nginx.conf", "w") as file:
        file.write(NGINX.format(dir=folder, port=port, threads=options.threads))
    nginx = Proxy("nginx", ["nginx", "-c", folder + "/nginx.conf", "-p", folder], (port, 0),
                  folder + "/nginx.log")
    stack.callback(nginx.stop)
    wait_for(port)
    return [edge, nginx]


def drive(one, name, connections, seconds):
    """Microseconds a request."""
    before = one.cpu_seconds()
    said = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds,
                           "http://127.0.0.1:%d/%s" % (one.port, name)],
                          capture_output=True, text=True, check=True).stdout
    used = one.cpu_seconds() - before
    if "Non-2xx" in said:
        raise SystemExit(one.name + ": " + said)
    return used / int(re.search(r"(\d+) requests in", said).group(1)) * 1e6


def measure(both, name, connections, options):
    costs = {one.name: [] for one in both}
    for turn in range(options.rounds + 1):
        for one in both:
            cost = drive(one, name, connections, options.seconds)
            if turn > 0:  # the first warms up
                costs[one.name].append(cost)
    ratio = statistics.median(a / b for a, b in zip(costs["moln"], costs["nginx"]))
    print("%-4s %4d  moln %7.1f  nginx %7.1f us a request  ratio %.2f" %
          (name, connections, statistics.median(costs["moln"]), statistics.median(costs["nginx"]),
           ratio), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--folder", default="/var/tmp", help="on the file system to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", choices=["", *SIZES], help="one size")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        both = contenders(stack, options)
        for name in [one for one in SIZES if options.only in ("", one)]:
            for connections in (32, 256):
                measure(both, name, connections, options)


if __name__ == "__main__":
    main()
