#!/usr/bin/env python3
"""From the command to the first answer: Moln's switch beside `podman run`. Run in lab/netns.sh.

    bench/start.py [--rounds 15]

Both start the same small app (one static program) in turn, with the image already there, overlay
root file system and a bridge network. Moln: `moln rollback` to a prepared release until the edge
answers with it; that is a whole switch, made durable, proved healthy, and the old release drained
behind it. podman: `podman run -d` until the container's own address answers, with nothing before
it, no health check and no cgroup (labs have no cpuset, which its crun insists on). Medians and the
ratio; each round's old instance is gone before the next.
"""
import argparse
import contextlib
import http.client
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cloud import MOLN, PATIENCE_S, Cloud, wait_until  # noqa: E402
from switches import HOST, build_app, compile_app  # noqa: E402

POLL_S = 0.001


def first_answer(address, port, host, word):
    """Waits until `word` is answered."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(address, port, timeout=1)
            with contextlib.closing(connection):
                connection.request("GET", "/", headers={"Host": host})
                if connection.getresponse().read().decode() == word:
                    return
        time.sleep(POLL_S)
    raise SystemExit(f"{address}:{port} never answered {word}")


class Moln:
    name = "moln"

    def __init__(self, cloud, program):
        self.cloud = cloud
        self.words = ("one", "two")
        for word in self.words:
            cloud.cli("deploy", build_app(word, program, 1), "--app", "shop")
        self.round = 0

    def start(self):
        number = self.round % 2
        self.round += 1
        wait_until("the old instance to be gone", lambda: len(self.cloud.ps("shop")) == 1)
        began = time.monotonic()
        process = subprocess.Popen([MOLN, "rollback", str(number + 1), "--app", "shop", "-q"],
                                   env=self.cloud.environment())
        first_answer("127.0.0.1", self.cloud.edge_port, HOST, self.words[number])
        took = time.monotonic() - began
        if process.wait() != 0:
            raise SystemExit("moln rollback failed")
        return took


class Podman:
    name = "podman"

    def __init__(self, folder, program):
        self.base = ["podman", "--root", folder + "/root", "--runroot", folder + "/run",
                     "--tmpdir", folder + "/tmp", "--network-config-dir", folder + "/net",
                     "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs",
                     "--events-backend", "file", "--runtime", "/usr/bin/crun"]
        image = pathlib.Path(folder, "image")
        image.mkdir()
        (image / "small_app").write_bytes(program)
        (image / "small_app").chmod(0o755)
        tar = subprocess.run(["tar", "-C", image, "-c", "small_app"], capture_output=True,
                             check=True).stdout
        subprocess.run([*self.base, "import", "-", "app"], input=tar, capture_output=True,
                       check=True)
        self.round = 0

    def start(self):
        self.round += 1
        address, name = f"10.88.0.{10 + self.round}", f"app-{self.round}"
        began = time.monotonic()
        # Asked only once podman is done, within a millisecond of the app's own start: an earlier
        # question would find no one at the address and the kernel asks again after a second.
        subprocess.run(
            [*self.base, "run", "-d", "--name", name, "--ip", address, "--cgroups", "disabled",
             "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "-e", "PORT=8080",
             "app", "/small_app", "one"], stdout=subprocess.DEVNULL, check=True)
        first_answer(address, 8080, "app", "one")
        took = time.monotonic() - began
        subprocess.run([*self.base, "rm", "-f", "-t", "0", name], capture_output=True, check=True)
        return took


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    program = compile_app()
    folder = tempfile.mkdtemp(prefix="moln-bench-", dir="/var/tmp")
    try:
        with Cloud() as cloud:
            peers = [Moln(cloud, program), Podman(folder, program)]
            for peer in peers:
                peer.start()  # warm
            took = {peer.name: [] for peer in peers}
            for _ in range(options.rounds):
                for peer in peers:
                    took[peer.name].append(peer.start())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, all_of in took.items():
        print(f"{name:7} median {statistics.median(all_of):.3f} s, least {min(all_of):.3f} s, "
              f"most {max(all_of):.3f} s")
    ratios = [one / other for one, other in zip(took["moln"], took["podman"])]
    print(f"ratio   {statistics.median(ratios):.2f} (median of the rounds)")


if __name__ == "__main__":
    main()
