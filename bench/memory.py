#!/usr/bin/env python3
"""Memory of an idle node and of idle instances, and how long deploys take. Run in lab/netns.sh.

Prints RSS and PSS (shared pages divided among their users) of the daemon and the edge; what an
instance costs beyond the app's own processes: its monitor and init, and all that the machine has
less of (MemAvailable: the kernel's share too, as mounts, cgroups and network) without the app's
PSS; and how long a deploy of a changed folder takes to its first answer through the edge. Bounded
in count and time.
"""
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))
import apps  # noqa: E402
from cloud import Cloud, wait_until  # noqa: E402

INSTANCES = 40
DEPLOYS = 15
IDLE_S = 5


def kib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def processes():
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue


def available_kib():
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(text.split("MemAvailable:")[1].split()[0])


def node(cloud):
    pids = {"daemon": cloud.daemon_pid(), "edge": cloud.edge_pid()}
    return {name: (kib(pid, "Rss"), kib(pid, "Pss")) for name, pid in pids.items()}


def show(label, sizes):
    total = sum(rss for rss, _ in sizes.values())
    parts = ", ".join(f"{name} {rss / 1024:.1f} MiB RSS ({pss / 1024:.1f} PSS)"
                      for name, (rss, pss) in sizes.items())
    print(f"{label}: {parts}; together {total / 1024:.1f} MiB RSS", flush=True)


def main():
    with Cloud() as cloud:
        time.sleep(IDLE_S)
        show("idle node", node(cloud))
        cloud.cli("deploy", apps.web("v"), "--app", "shop")
        time.sleep(IDLE_S)
        before = available_kib()
        cloud.cli("scale", f"web={INSTANCES}", "--app", "shop")
        wait_until("all instances", lambda: len(cloud.ps("shop", "running")) == INSTANCES)
        time.sleep(IDLE_S)
        show(f"with {INSTANCES} idle instances", node(cloud))
        used = before - available_kib()
        beside, own = [], []
        for pid, words in processes():
            if words.startswith("conmon ") or "moln-init " in words.split("python3")[0]:
                beside.append((kib(pid, "Rss"), kib(pid, "Pss")))
            elif words.startswith("python3 app.py"):
                own.append(kib(pid, "Pss"))
        rss, pss = (sum(part) / INSTANCES / 1024 for part in zip(*beside))
        print(f"per idle instance beyond the app's own: {rss:.2f} MiB RSS, {pss:.2f} MiB PSS")
        app = sum(own) / len(own) / 1024
        less = used / (INSTANCES - 1) / 1024
        print(f"the machine has {less:.2f} MiB less per instance, of which {app:.2f} MiB PSS are "
              f"the app's ({len(own)} processes)")
        cloud.cli("scale", "web=1", "--app", "shop")
        wait_until("one instance", lambda: len(cloud.ps("shop")) == 1)
        took = []
        for number in range(DEPLOYS):
            folder = apps.web(f"w{number % 2}")
            began = time.monotonic()
            cloud.cli("deploy", folder, "--app", "shop", "-q")
            cloud.wait_for("shop.localhost", contains=f"w{number % 2}")
            took.append(time.monotonic() - began)
        print(f"deploy of a folder to its first answer: median {statistics.median(took):.3f} s, "
              f"least {min(took):.3f} s, of {DEPLOYS}")


if __name__ == "__main__":
    main()
