"""Run by its schedule: removes what was done, and puts back what a lost worker had taken."""

import os
import time

JOBS = os.environ.get("JOBS", "/jobs")
LOST_AFTER_S = 600

for name in os.listdir(JOBS):
    path = os.path.join(JOBS, name)
    if name.endswith(".done"):
        os.remove(path)
    elif name.endswith(".taken") and time.time() - os.stat(path).st_ctime > LOST_AFTER_S:
        os.rename(path, path.removesuffix(".taken"))
        print(f"put back {name}", flush=True)
