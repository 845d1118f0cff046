"""What a node tidies by itself, and that its planned end is no alarm."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import apps
from cloud import Cloud, unmount_below, wait_until

PAST_THE_LIMIT = 40 << 20  # k_access_log_bytes_max / 2 and more


def bridges():
    said = subprocess.run(["ip", "-j", "link", "show", "type", "bridge"], capture_output=True,
                          text=True, check=True).stdout
    return [link["ifname"] for link in json.loads(said or "[]")]


class Housekeeping(unittest.TestCase):
    def test_the_access_log_is_set_aside_and_the_edge_goes_on_in_a_new_one(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("v1"))
            edge = pathlib.Path(cloud.data, "edge")
            pid = cloud.edge_pid()
            os.truncate(edge / "access.log", PAST_THE_LIMIT)
            wait_until("the old log", (edge / "access.log.1").exists)
            wait_until("the new log", (edge / "access.log").exists)
            cloud.get("shop.localhost", "/after")
            wait_until("the line", lambda: "/after" in (edge / "access.log").read_text())
            self.assertLess((edge / "access.log").stat().st_size, 1 << 20)
            self.assertEqual(cloud.edge_pid(), pid)

    def test_the_edge_keeps_its_last_snapshot_on_disk(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("v1"))
            snapshot = json.loads(pathlib.Path(cloud.data, "edge", "snapshot.json").read_text())
            self.assertEqual([app["app"] for app in snapshot["apps"]], ["default/shop"])
            self.assertNotIn("snapshot_not_saved",
                             pathlib.Path(cloud.data, "edge", "edge.log").read_text())

    def test_a_planned_end_is_no_alarm(self):
        for words in ((), ("down",)):
            with Cloud() as cloud:
                cloud.cli("deploy", apps.web("v1"))
                if words:
                    cloud.cli(*words)
                cloud.down()
                said = cloud.log_path.read_text()
                for alarm in ("warning", "error", "edge.lost", "edge.died"):
                    self.assertNotIn(alarm, said)

    def test_what_nothing_stands_on_any_more_goes_at_the_next_start(self):
        data = tempfile.mkdtemp(prefix="moln-test-", dir="/var/tmp")
        self.addCleanup(subprocess.run, ["rm", "-rf", data], check=False)
        self.addCleanup(unmount_below, data)
        cloud = Cloud(data)
        cloud.up()
        self.addCleanup(cloud.down)
        cloud.cli("deploy", apps.web("v1"))
        self.assertEqual(bridges(), ["mln1"])
        platforms = pathlib.Path(data, "platforms")
        today = [path.name for path in platforms.glob("host-*")]
        (platforms / "host-0123456789abcdef" / "etc").mkdir(parents=True)
        os.kill(cloud.daemon_pid(), signal.SIGKILL)
        wait_until("the old skeleton to be gone",
                   lambda: [path.name for path in platforms.glob("host-*")] == today)
        self.assertEqual(bridges(), ["mln1"])
        cloud.wait_for("shop.localhost", contains="v1")
        cloud.cli("rm", "--app", "shop", "--yes")
        wait_until("the instance to be gone", lambda: not cloud.ps())
        before = cloud.daemon_pid()
        os.kill(before, signal.SIGKILL)
        wait_until("the bridge to be gone", lambda: not bridges())


if __name__ == "__main__":
    unittest.main(verbosity=2)
