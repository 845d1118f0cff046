"""Switch, never stop: under load, with sockets open, with a release that fails, with a volume."""
import http.client
import threading
import time
import unittest

import apps
from cloud import EXAMPLES, PATIENCE_S, Cloud, Load, WebSocket, wait_until

SWITCHES = 10


class Switch(unittest.TestCase):
    def test_switches_under_load_fail_no_request(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("v0", apps.web_toml(instances=2)))
            with Load(cloud, "shop.localhost") as load:
                for number in range(1, SWITCHES + 1):
                    cloud.cli("deploy", apps.web(f"v{number}", apps.web_toml(instances=2)))
                    load.wait_for(20)
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertIn(f"v{SWITCHES}", load.bodies)
            self.assertGreater(load.done, SWITCHES * 20)

    def test_a_release_that_fails_is_rolled_back_and_no_request_is_lost(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("good"))
            with Load(cloud, "shop.localhost") as load:
                done = cloud.cli("deploy", apps.script("print('no config found'); exit(3)"),
                                 check=False)
                load.wait_for(50)
                load.stop()
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("no config found", done.stdout + done.stderr)
            self.assertIn("code 3", done.stdout + done.stderr)
            self.assertEqual((load.failures, load.bodies), ([], {"good"}))
            app = cloud.json("apps", "--app", "shop")
            self.assertEqual(app["rollout"]["state"], "failed")
            wait_until("the failed instances to be gone", lambda: len(cloud.ps("shop")) == 1)

    def test_a_websocket_and_a_slow_request_finish_on_the_old_release(self):
        with Cloud() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            line = WebSocket(cloud, "chat.localhost")
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            cloud.cli("restart", "--app", "chat")
            wait_until("an instance that drains for its socket", lambda: [
                i for i in cloud.ps("chat", "draining") if "1 websocket" in i["text"]])
            line.send("still here")
            self.assertIn("still here", line.receive())
            line.close()
            wait_until("the drained instance to be gone", lambda: len(cloud.ps("chat")) == 1)

    def test_a_node_that_is_to_end_now_waits_for_no_websocket(self):
        with Cloud() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            line = WebSocket(cloud, "chat.localhost")
            cloud.cli("down", "--now")
            self.assertEqual(cloud.process.wait(PATIENCE_S), 0)
            line.close()

    def test_a_slow_request_is_finished_before_the_stop_signal(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("old"))
            answers = []
            slow = threading.Thread(
                target=lambda: answers.append(cloud.get("shop.localhost", "/slow=8")))
            slow.start()
            wait_until("the request to be open",
                       lambda: any(i["requests_open"] for i in cloud.ps("shop")))
            cloud.cli("deploy", apps.web("new"))
            self.assertEqual(cloud.get("shop.localhost")[1], "new")
            slow.join(60)
            self.assertEqual(answers, [(200, "old")])

    def test_a_single_writer_is_switched_with_requests_held_and_data_kept(self):
        with Cloud() as cloud:
            cloud.cli("deploy", EXAMPLES / "notes-sqlite", "--app", "notes")
            cloud.get("notes.localhost", "/", "POST", "text=first")
            with Load(cloud, "notes.localhost", clients=2) as load:
                for _ in range(3):
                    cloud.cli("restart", "--app", "notes")
                    load.wait_for(5)
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertIn("first", cloud.get("notes.localhost")[1])

    def test_one_request_at_a_time_is_what_an_instance_gets(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("v1", apps.web_toml(concurrency=1)))
            answers = []

            def ask():
                answers.append(cloud.get("shop.localhost", "/slow=3"))

            threads = [threading.Thread(target=ask) for _ in range(4)]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            wait_until("others to wait", lambda: any(
                row["held"] > 0 for row in cloud.json("top", "--once")["apps"]))
            for thread in threads:
                thread.join()
            self.assertEqual(answers, [(200, "v1")] * 4)
            self.assertGreaterEqual(time.monotonic() - began, 12)

    def test_a_drain_limit_ends_what_would_go_on_for_ever(self):
        with Cloud() as cloud:
            toml = apps.web_toml() + '[drain]\nlimit = "2s"\n'
            cloud.cli("deploy", apps.web("old", toml))
            began = time.monotonic()
            cut = []

            def ask():
                try:
                    cut.append(cloud.get("shop.localhost", "/slow=300", "POST", "x")[0])
                except (OSError, http.client.HTTPException) as error:
                    cut.append(error)
            slow = threading.Thread(target=ask)
            slow.start()
            wait_until("the request to be open",
                       lambda: any(i["requests_open"] for i in cloud.ps("shop")))
            cloud.cli("deploy", apps.web("new", toml))
            wait_until("the old instance to be gone", lambda: len(cloud.ps("shop")) == 1)
            slow.join(60)
            self.assertLess(time.monotonic() - began, 200)
            self.assertEqual(cut, [502])


if __name__ == "__main__":
    unittest.main(verbosity=2)
