#!/usr/bin/env python3
"""Switches between two releases under load: nothing may fail. Run in lab/netns.sh.

    bench/switches.py [--switches 500] [--connections 64] [--pause-ms 20] [--sockets 8]

wrk asks over many keep-alive connections all the while (each pauses a little, or with 0 never and
takes all the machine has), and WebSockets that live some seconds each say something and wait for
its echo. Prints what was asked and what failed, and how long a switch
took: the call of `moln rollback` until the other release serves. Ends with 1 if anything failed.
"""
import argparse
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "system"))
import apps  # noqa: E402
from cloud import Cloud, WebSocket, wait_until  # noqa: E402

HOST = "shop.localhost"
SOCKET_LIFE_S = (0.5, 8)
WRK_ROUND_S = 10


def build_app(word, program, instances):
    """A folder with the compiled app, to be deployed."""
    folder = apps.folder({"moln.toml": f'[process.web]\ncommand = "./small_app {word}"\n'
                                       f"instances = {instances}\n"})
    (folder / "small_app").write_bytes(program)
    (folder / "small_app").chmod(0o755)
    return folder


def compile_app():
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "small_app")
        subprocess.run(["c++", "-std=c++20", "-O2", "-static", "-Wl,--no-warnings",
                        "-o", program, HERE / "small_app.cc", "-lcrypto", "-pthread"], check=True)
        return program.read_bytes()


class Asking(threading.Thread):
    """wrk, round after round; its word of errors is kept."""

    def __init__(self, cloud, folder, options):
        super().__init__(daemon=True)
        pause = pathlib.Path(folder, "pause.lua")
        pause.write_text(f"function delay() return {options.pause_ms} end\n")
        self.command = ["wrk", "-t1", f"-c{options.connections}", f"-d{WRK_ROUND_S}s",
                        "--timeout", "30s", "-H", f"Host: {HOST}",
                        *(["-s", pause] if options.pause_ms else []),
                        f"http://127.0.0.1:{cloud.edge_port}/"]
        self.stopping = threading.Event()
        self.requests = 0
        self.failures = []

    def run(self):
        while not self.stopping.is_set():
            said = subprocess.run(self.command, capture_output=True, text=True, check=True).stdout
            self.requests += int(re.search(r"(\d+) requests in", said).group(1))
            self.failures += re.findall(r"Socket errors.*|Non-2xx.*", said)


class Talking(threading.Thread):
    """WebSockets, one after the other, each open over some switches."""

    def __init__(self, cloud, seed):
        super().__init__(daemon=True)
        self.cloud = cloud
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.sockets = self.echoes = 0
        self.failures = []

    def run(self):
        while not self.stopping.is_set():
            try:
                self.one()
            except (OSError, ConnectionError) as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} socket {self.sockets}: "
                                     f"{type(error).__name__} {error}")
                time.sleep(0.05)

    def one(self):
        line = WebSocket(self.cloud, HOST, "/socket")
        self.sockets += 1
        end = time.monotonic() + self.random.uniform(*SOCKET_LIFE_S)
        while time.monotonic() < end and not self.stopping.is_set():
            word = f"{self.sockets}-{self.echoes}"
            line.send(word)
            heard = line.receive()
            if heard != word:
                raise ConnectionError(f"said {word}, heard {heard}")
            self.echoes += 1
            time.sleep(0.02)
        line.close()


def switch_again_and_again(cloud, options):
    """Seconds of each switch, and what was heard that should not have been."""
    took, wrong = [], []
    for number in range(options.switches):
        before = time.monotonic()
        cloud.cli("rollback", number % 2 + 1, "--app", "shop", "-q")
        took.append(time.monotonic() - before)
        # From the first word on that the switch is done, nobody hears the old release.
        heard = cloud.get(HOST)[1]
        if heard != ("one", "two")[number % 2]:
            wrong.append(f"switch {number} heard {heard}")
    return took, wrong


def run(cloud, options):
    """True if nothing failed."""
    program = compile_app()
    for word in ("one", "two"):
        cloud.cli("deploy", build_app(word, program, options.instances), "--app", "shop")
    asking = Asking(cloud, cloud.data, options)
    talking = [Talking(cloud, seed) for seed in range(options.sockets)]
    for worker in [asking, *talking]:
        worker.start()
    began = time.monotonic()
    took, wrong = switch_again_and_again(cloud, options)
    whole = time.monotonic() - began
    for worker in [asking, *talking]:
        worker.stopping.set()
    for worker in [asking, *talking]:
        worker.join()
    wait_until("the drained to be gone", lambda: len(cloud.ps("shop")) == options.instances)
    cut = [failure for one in talking for failure in one.failures]
    print(f"{len(took)} switches in {whole:.0f} s: median {statistics.median(took):.3f} s, "
          f"least {min(took):.3f} s, most {max(took):.3f} s")
    print(f"{asking.requests} requests over {options.connections} connections: "
          f"{'; '.join(asking.failures) or '0 failed'}")
    print(f"{sum(one.sockets for one in talking)} sockets, "
          f"{sum(one.echoes for one in talking)} echoes: {len(cut)} cut")
    for failure in cut + wrong:
        print(" ", failure)
    return not (asking.failures or cut or wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--switches", type=int, default=500)
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--pause-ms", type=int, default=20)
    parser.add_argument("--sockets", type=int, default=8)
    options = parser.parse_args()
    with Cloud() as cloud:
        good = run(cloud, options)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
