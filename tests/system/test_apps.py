"""What a user does with an app from its first deploy to its removal, on one machine."""
import json
import pathlib
import signal
import subprocess
import threading
import unittest

import apps
from cloud import EXAMPLES, MOLN, Cloud, wait_until


class Apps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud()
        cls.cloud.up()

    @classmethod
    def tearDownClass(cls):
        cls.cloud.__exit__(None, None, None)

    def deploy(self, version, app, toml="", **options):
        return self.cloud.cli("deploy", apps.web(version, toml, app), "--app", app, **options)

    def test_examples_answer(self):
        for example, expected in {"hello-node": "Hello", "hello-python": "Hello",
                                  "hello-static": "<html", "hello-php": "Hello"}.items():
            with self.subTest(example):
                told = self.cloud.cli("deploy", EXAMPLES / example).stdout
                self.assertIn(f"http://{example}.localhost:{self.cloud.edge_port}/", told)
                status, body = self.cloud.get(f"{example}.localhost")
                self.assertEqual(status, 200)
                self.assertIn(expected.lower(), body.lower())
                self.cloud.cli("rm", "--app", example, "--yes")

    def test_releases_roll_back(self):
        self.deploy("one", "roll")
        self.deploy("two", "roll")
        self.assertEqual(self.cloud.get("roll.localhost")[1], "two")
        releases = self.cloud.items("releases", "--app", "roll")
        self.assertEqual(sorted(r["number"] for r in releases), [1, 2])
        self.cloud.cli("rollback", "--app", "roll")
        self.assertEqual(self.cloud.get("roll.localhost")[1], "one")
        self.cloud.cli("rollback", "2", "--app", "roll")
        self.assertEqual(self.cloud.get("roll.localhost")[1], "two")
        missing = self.cloud.cli("rollback", "9", "--app", "roll", check=False)
        self.assertEqual(missing.returncode, 3)

    def test_scale_balances_over_instances(self):
        program = apps.WEB.replace("VERSION", "%s").replace(
            'else "%s").encode()', 'else os.uname().nodename).encode()')
        self.cloud.cli("deploy", apps.script(program.replace("%s", "scaled"), name="scaled"))
        self.cloud.cli("scale", "web=3", "--app", "scaled")
        wait_until("three instances to run",
                   lambda: len(self.cloud.ps("scaled", "running")) == 3)
        names = set()
        wait_until("each of them to answer", lambda: names.add(
            self.cloud.get("scaled.localhost")[1]) or len(names) == 3)
        self.cloud.cli("scale", "web=1", "--app", "scaled")
        wait_until("one instance to be left", lambda: len(self.cloud.ps("scaled")) == 1)

    def test_env_and_secrets_reach_the_app_and_secrets_stay_secret(self):
        self.deploy("v", "conf")
        self.cloud.cli("env", "set", "COLOR=blue", "--app", "conf")
        self.cloud.wait_for("conf.localhost", "/env/COLOR", contains="blue")
        self.cloud.cli("secret", "set", "API_KEY", "--app", "conf", stdin="hunter2-hunter2\n")
        self.cloud.wait_for("conf.localhost", "/env/API_KEY", contains="hunter2-hunter2")
        told = self.cloud.cli("secret", "ls", "--app", "conf").stdout
        self.assertIn("API_KEY", told)
        self.assertNotIn("hunter2", told + json.dumps(self.cloud.json("releases", "--app", "conf")))
        stored = b"".join(p.read_bytes() for p in pathlib.Path(self.cloud.data, "store").iterdir())
        self.assertNotIn(b"hunter2", stored)
        self.cloud.cli("env", "unset", "COLOR", "--app", "conf")
        self.cloud.wait_for("conf.localhost", "/env/COLOR", contains="unset")

    def test_routes_are_added_and_removed_without_a_release(self):
        self.deploy("routed", "rt")
        self.assertEqual(self.cloud.get("shop.example")[0], 404)
        self.cloud.cli("route", "add", "shop.example", "--app", "rt")
        self.cloud.wait_for("shop.example", contains="routed")
        self.deploy("other", "rt2")
        taken = self.cloud.cli("route", "add", "shop.example", "--app", "rt2", check=False)
        self.assertEqual(taken.returncode, 4)
        self.assertIn("rt", taken.stderr)
        self.cloud.cli("route", "rm", "shop.example", "--app", "rt")
        self.cloud.wait_for("shop.example", status=404)
        self.assertEqual(len(self.cloud.items("releases", "--app", "rt")), 1)

    def test_stop_keeps_data_and_start_brings_it_back(self):
        self.deploy("pause", "pause")
        self.cloud.cli("stop", "--app", "pause")
        self.assertEqual(self.cloud.ps("pause"), [])
        self.assertEqual(self.cloud.get("pause.localhost")[0], 503)
        self.cloud.cli("start", "--app", "pause")
        self.cloud.wait_for("pause.localhost", contains="pause")

    def test_stop_waits_for_what_was_begun_and_ctrl_c_ends_only_the_waiting(self):
        self.deploy("slow", "slow")
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(self.cloud.get("slow.localhost", "/slow=20")))
        asking.start()
        wait_until("the request to be in flight",
                   lambda: any(i["requests_open"] for i in self.cloud.ps("slow")))
        waiting = subprocess.Popen([MOLN, "stop", "--app", "slow"], stdout=subprocess.PIPE,
                                   env=self.cloud.environment(), stderr=subprocess.STDOUT,
                                   text=True)
        line = waiting.stdout.readline()
        self.assertIn("draining", line + waiting.stdout.readline())
        waiting.send_signal(signal.SIGINT)
        self.assertIn("goes on in the background", waiting.stdout.read())
        waiting.stdout.close()
        self.assertEqual(waiting.wait(), 130)
        self.assertEqual(answers, [])
        removed = self.cloud.cli("rm", "--app", "slow", "--yes", "--no-wait")
        self.assertIn("slow", [a["name"] for a in self.cloud.items("apps")], removed.stdout)
        asking.join()
        self.assertEqual(answers, [(200, "slow")])
        wait_until("the app to be gone",
                   lambda: "slow" not in [a["name"] for a in self.cloud.items("apps")])

    def test_logs_survive_a_restart_and_tell_instances_apart(self):
        self.deploy("talk", "talk")
        self.cloud.cli("restart", "--app", "talk")
        wait_until("the old instance to have ended", lambda: len(self.cloud.ps("talk")) == 1)

        def told():
            logs = self.cloud.cli("logs", "--app", "talk").stdout
            return logs.count("talk is listening"), logs.count("talk has ended")

        wait_until("all that both said", lambda: told() == (2, 1))
        events = self.cloud.cli("events", "--app", "talk").stdout
        self.assertIn("release", events)

    def test_run_and_shell_take_a_command_and_give_its_exit_code(self):
        self.deploy("once", "once")
        done = self.cloud.cli("run", "--app", "once", "--", "sh", "-c", "echo out; exit 3",
                              check=False)
        self.assertEqual((done.returncode, done.stdout.strip()), (3, "out"), done.stderr)
        done = self.cloud.cli("shell", "--app", "once", check=False, stdin="id -u\nexit 4\n")
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("1000", done.stdout)

    def test_a_removed_app_comes_back_from_the_trash_with_its_data(self):
        self.cloud.cli("deploy", EXAMPLES / "notes-sqlite", "--app", "notes")
        before = self.cloud.get("notes.localhost", "/", "POST", "text=remember")
        self.assertLess(before[0], 400, before)
        self.assertIn("remember", self.cloud.get("notes.localhost")[1])
        volume = self.cloud.items("volume", "ls", "--app", "notes")[0]
        self.assertEqual(volume["lifetime"], "app")
        self.cloud.cli("rm", "--app", "notes", "--yes")
        self.assertNotIn("notes", [a["name"] for a in self.cloud.items("apps")])
        item = next(t for t in self.cloud.items("trash", "ls")
                    if t["kind"] == "app" and t["app"].endswith("/notes"))
        self.cloud.cli("recover", item["id"])
        self.cloud.wait_for("notes.localhost", contains="remember")

    def test_a_dry_run_changes_nothing(self):
        done = self.cloud.cli("deploy", apps.web("dry", name="dry"), "--dry-run")
        self.assertIn("dry", done.stdout)
        self.assertNotIn("dry", [a["name"] for a in self.cloud.items("apps")])

    def test_workers_and_cron_jobs_run(self):
        self.cloud.cli("deploy", EXAMPLES / "worker", "--app", "jobs")
        wait_until("web and worker", lambda: {"web", "worker"} <= {
            i["process"] for i in self.cloud.ps("jobs", "running")})

    def test_bad_words_are_told_from_missing_things(self):
        self.assertEqual(self.cloud.cli("frobnicate", check=False).returncode, 2)
        self.assertEqual(self.cloud.cli("scale", "web=x", "--app", "no", check=False).returncode, 2)
        missing = self.cloud.cli("restart", "--app", "nosuch", check=False)
        self.assertEqual(missing.returncode, 3)
        self.assertIn("nosuch", missing.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
