#!/usr/bin/env python3
"""Starts our edge with one app for every host, whose only instance is the origin on loopback.

usage: start_edge.py PROGRAM ORIGIN_PORT. Prints HOST:PORT when the edge serves; ends it, and
itself, on SIGTERM. MOLN_EDGE_OPTIONS adds options, as for the tests in tests/edge.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

READY_SECONDS = 20


def snapshot(port: int) -> bytes:
    app = {"app": "default/origin", "process": "web"}
    endpoint = {"instance": "origin", "address": "127.0.0.1", "port": port, "state": "active",
                "release": 1}
    return json.dumps({"snapshot": {
        "version": 1, "epoch": 1, "routes": [{"host": "*", "path": "/", **app}],
        "apps": [{**app, "health": {"kind": "tcp"}, "endpoints": [endpoint]}]}}).encode() + b"\n"


def connected(path: str, edge) -> socket.socket:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and edge.poll() is None:
        try:
            control = socket.socket(socket.AF_UNIX)
            control.connect(path)
            return control
        except OSError:
            control.close()
            time.sleep(0.01)
    raise SystemExit("the edge did not open its control socket")


def serve(edge, control):
    control.sendall(snapshot(int(sys.argv[2])))
    announced = False
    with control.makefile("r") as lines:
        for line in lines:
            report = json.loads(line).get("report", {})
            healthy = any(e["health"] == "healthy" for e in report.get("endpoints", []))
            if healthy and not announced:
                announced = True
                print(report["listens"][0], flush=True)
    edge.wait()


def main():
    with tempfile.TemporaryDirectory(prefix="moln-differential-") as folder:
        os.mkdir(f"{folder}/state")
        edge = subprocess.Popen(
            [sys.argv[1], "--listen", "127.0.0.1:0", "--control", f"{folder}/control", "--state",
             f"{folder}/state", "--access-log", f"{folder}/access.log",
             *os.environ.get("MOLN_EDGE_OPTIONS", "").split()])
        signal.signal(signal.SIGTERM, lambda *_: edge.terminate())
        try:
            with connected(f"{folder}/control", edge) as control:
                serve(edge, control)
        finally:
            if edge.poll() is None:
                edge.terminate()
            edge.wait()


if __name__ == "__main__":
    sys.exit(main())
