"""What is followed goes on over restarts of the daemon: no line is lost, none is shown twice."""
import contextlib
import json
import os
import signal
import subprocess
import threading
import unittest

import apps
from cloud import MOLN, PATIENCE_S, Cloud, wait_until

# Two instances that count, with what tells their lines apart; faster than the log is looked at.
COUNT = """\
import time
number = 0
while True:
    for _ in range(7):
        print("count", number, flush=number % 3 == 0)
        number += 1
    time.sleep(0.02)
"""


class Following:
    """`moln ... -f` of a cloud, its lines kept as they come."""

    def __init__(self, cloud, *arguments):
        self.process = subprocess.Popen(
            [MOLN, *arguments, "--json"], env=cloud.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.said = [], []
        self.threads = [threading.Thread(target=self.read, args=way, daemon=True)
                        for way in ((self.process.stdout, self.lines),
                                    (self.process.stderr, self.said))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def read(stream, into):
        for line in stream:
            into.append(line)

    def values(self):
        return [json.loads(line) for line in self.lines]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_S)
        for thread in self.threads:
            thread.join(PATIENCE_S)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(PATIENCE_S)
        for thread in self.threads:
            thread.join(PATIENCE_S)
        self.process.stdout.close()
        self.process.stderr.close()


def kill_daemon(cloud, how):
    old = cloud.daemon_pid()
    os.kill(old, how)
    wait_until("another daemon", lambda: cloud.cli("status", check=False).returncode == 0
               and cloud.daemon_pid() != old)


class Follow(unittest.TestCase):
    def test_logs_events_and_top_go_on_over_restarts(self):
        toml = '[process.count]\ncommand = "python3 count.py"\ninstances = 2\n'
        app = apps.folder({"count.py": COUNT, "moln.toml": toml}, "shop")
        with Cloud() as cloud:
            cloud.cli("deploy", app)
            with (Following(cloud, "logs", "-f", "-n", "0", "--app", "shop") as logs,
                  Following(cloud, "events", "-f", "-n", "0") as events,
                  Following(cloud, "top", "--interval", "1") as top):
                for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
                    wait_until("lines of before", lambda seen=len(logs.lines): (
                        len(logs.lines) > seen + 50))
                    screens = len(top.lines)
                    kill_daemon(cloud, how)
                    cloud.cli("env", "set", "--no-wait", "A=1", "--app", "shop")
                    cloud.cli("env", "unset", "--no-wait", "A", "--app", "shop")
                    wait_until("top to go on", lambda seen=screens: len(top.lines) > seen + 1)
                for followed in (logs, events, top):
                    wait_until("a word of each restart", lambda one=followed: len(
                        [word for word in one.said if "goes on" in word]) == 3)
                wait_until("lines of after", lambda seen=len(logs.lines): (
                    len(logs.lines) > seen + 50))
                last = cloud.cli("events", "-n", "1", "--json").stdout
                wait_until("the last event", lambda: last in events.lines)
                self.assertEqual([one.end() for one in (logs, events, top)], [0, 0, 0])
            numbers = [event["number"] for event in events.values()]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            counts = {}
            for line in logs.values():
                counts.setdefault(line["instance"], []).append(int(line["text"].split()[1]))
            self.assertGreaterEqual(len(counts), 2)
            for instance, seen in counts.items():
                self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))), instance)
            begun = sum(seen[0] == 0 for seen in counts.values())
            self.assertGreaterEqual(begun, len(counts) - 2, "not from their beginning")


if __name__ == "__main__":
    unittest.main()
