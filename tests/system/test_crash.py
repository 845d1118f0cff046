"""What dies comes back, and what serves goes on: daemon, edge, instances, the whole node."""
import os
import signal
import unittest

import apps
from cloud import Cloud, Load, wait_until


class Crash(unittest.TestCase):
    def test_the_daemon_killed_at_any_moment_fails_no_request_and_finds_all_again(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("steady", apps.web_toml(instances=2)))
            before = {i["id"]: i["pid"] for i in cloud.ps("shop")}
            edge = cloud.edge_pid()
            with Load(cloud, "shop.localhost") as load:
                for _ in range(3):
                    old = cloud.daemon_pid()
                    os.kill(old, signal.SIGKILL)
                    load.wait_for(50)

                    def again(dead=old):
                        status = cloud.cli("status", check=False).returncode
                        return status == 0 and cloud.daemon_pid() != dead
                    wait_until("the daemon to answer again", again)
                wait_until("all instances to be seen",
                           lambda: len(cloud.ps("shop", "running")) == 2)
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertEqual({i["id"]: i["pid"] for i in cloud.ps("shop")}, before)
            self.assertEqual(cloud.edge_pid(), edge)
            cloud.cli("deploy", apps.web("next", apps.web_toml(instances=2)))
            self.assertEqual(cloud.get("shop.localhost")[1], "next")

    def test_the_edge_killed_serves_again_within_a_second_with_its_last_routes(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("edgy"))
            old = cloud.edge_pid()
            os.kill(old, signal.SIGKILL)
            cloud.wait_for("shop.localhost", contains="edgy")
            wait_until("the daemon to know the new edge",
                       lambda: cloud.edge_pid() not in (old, 0))

    def test_the_edge_serves_on_without_a_daemon_and_keeps_watching_health(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("alone", apps.web_toml(instances=2)))
            supervisor, daemon = cloud.process.pid, cloud.daemon_pid()
            victim = cloud.ps("shop")[0]["pid"]
            os.kill(supervisor, signal.SIGKILL)
            os.kill(daemon, signal.SIGKILL)
            cloud.process.wait()
            os.kill(victim, signal.SIGKILL)
            self.assertEqual({cloud.get("shop.localhost") for _ in range(40)}, {(200, "alone")})
            cloud.up()
            wait_until("both instances to run again",
                       lambda: len(cloud.ps("shop", "running")) == 2)

    def test_an_instance_killed_is_restarted_and_requests_go_elsewhere(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("twins", apps.web_toml(instances=2)))
            victim = cloud.ps("shop")[0]
            with Load(cloud, "shop.localhost") as load:
                load.wait_for(20)
                os.kill(victim["pid"], signal.SIGKILL)
                wait_until("the instance to be restarted", lambda: [
                    i for i in cloud.ps("shop", "running")
                    if i["id"] == victim["id"] and i["restarts"] == 1])
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertIn("instance.", cloud.cli("events", "--app", "shop", "--json").stdout)

    def test_down_and_up_bring_everything_back(self):
        with Cloud() as cloud:
            volume = '[[volume]]\nname = "kept"\npath = "/kept"\n'
            cloud.cli("deploy", apps.web("again", apps.web_toml() + volume))
            cloud.cli("env", "set", "COLOR=red", "--app", "shop")
            cloud.down()
            self.assertFalse(os.path.exists(f"/proc/{cloud.process.pid}"))
            with open("/proc/mounts", encoding="utf-8") as mounts:
                self.assertNotIn(cloud.data, mounts.read(), "the data directory can be moved away")
            cloud.up()
            cloud.wait_for("shop.localhost", contains="again")
            self.assertEqual(cloud.get("shop.localhost", "/env/COLOR")[1], "red")


if __name__ == "__main__":
    unittest.main(verbosity=2)
