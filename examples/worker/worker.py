"""Does the jobs, one after the other. Told to stop, it finishes the one that it has begun."""

import os
import signal
import threading

JOBS = os.environ.get("JOBS", "/jobs")
LOOK_EVERY_S = 1.0

stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())


def take():
    """The path of a job that is now this worker's alone, or None."""
    for name in sorted(os.listdir(JOBS)):
        if not name.endswith(".job"):
            continue
        path = os.path.join(JOBS, name)
        try:
            os.rename(path, path + ".taken")
            return path
        except FileNotFoundError:
            continue  # another worker was faster
    return None


def work():
    os.makedirs(JOBS, exist_ok=True)
    while not stopping.is_set():
        path = take()
        if path is None:
            stopping.wait(LOOK_EVERY_S)
            continue
        with open(path + ".taken", "rb") as job:
            print(f"job of {len(job.read())} bytes", flush=True)
        os.rename(path + ".taken", path + ".done")
    print("told to stop: done", flush=True)


if __name__ == "__main__":
    work()
