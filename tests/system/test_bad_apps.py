"""Apps that misbehave: each is told apart with a clear word, and none harms the others."""
import contextlib
import os
import pathlib
import shutil
import unittest

import apps
from cloud import Cloud, wait_until

QUICK_GRACE = '[health]\ngrace = "4s"\n'


class BadApps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud()
        cls.cloud.up()
        cls.cloud.cli("deploy", apps.web("neighbour", name="neighbour"))

    @classmethod
    def tearDownClass(cls):
        cls.cloud.__exit__(None, None, None)

    def tearDown(self):
        self.assertEqual(self.cloud.get("neighbour.localhost"), (200, "neighbour"))
        for app in self.bad_apps():
            self.cloud.cli("rm", "--app", app, "--yes", "--no-wait")
        wait_until("the app to be gone", lambda: not self.bad_apps())

    def bad_apps(self):
        """Names of the apps that misbehave; what does not end by itself is helped along."""
        names = [a["name"] for a in self.cloud.items("apps") if a["name"] != "neighbour"]
        for stuck in self.cloud.ps(state="stopping"):  # one may be gone by now
            if stuck["app"].split("/")[1] in names:
                self.cloud.cli("stop", "--instance", stuck["id"], "--now", check=False)
        return names

    def refuse(self, folder, *words, code=None):
        done = self.cloud.cli("deploy", folder, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)
        return done

    def test_authorities_that_are_none_are_told_before_anything_is_built(self):
        route = '[[route]]\nhost = "a.test"\nclient_cert = { ca = "ca.pem" }\n'
        build = '[build]\ncommand = "exit 9"\n'
        pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
        toml = build + apps.web_toml() + route
        done = self.refuse(apps.folder({"app.py": apps.WEB, "moln.toml": toml, "ca.pem": pem}),
                           "moln.toml: route a.test/: client_cert.ca: ", code=2)
        self.assertNotIn("exit 9", done.stdout + done.stderr)
        self.refuse(apps.folder({"app.py": apps.WEB, "moln.toml": "memory = 3\n" + toml}),
                    "moln.toml:1: memory: unknown key", "there is no file ca.pem", code=2)

    def test_exits_at_once(self):
        self.refuse(apps.script("import sys; print('bye now'); sys.exit(5)"), "code 5", "bye now")

    def test_never_listens(self):
        self.refuse(apps.script("import time; time.sleep(1000)", QUICK_GRACE), "$PORT")

    def test_listens_on_the_wrong_port(self):
        self.refuse(apps.script("import http.server as h\n"
                                "h.HTTPServer(('', 9), h.SimpleHTTPRequestHandler).serve_forever()",
                                QUICK_GRACE), "$PORT")

    def test_answers_its_health_check_with_an_error(self):
        toml = apps.web_toml() + '[health]\npath = "/"\ngrace = "12s"\n'
        program = apps.WEB.replace("send_response(200)", "send_response(500)")
        self.refuse(apps.folder({"app.py": program, "moln.toml": toml}), "500")

    def test_ignores_the_stop_signal_and_is_killed_at_its_limit(self):
        program = apps.WEB.replace("signal.signal(signal.SIGTERM, stop)",
                                   "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
        toml = apps.web_toml() + '[drain]\nlimit = "2s"\n'
        self.cloud.cli("deploy", apps.folder({"app.py": program, "moln.toml": toml}))
        self.cloud.cli("restart", "--app", "shop")
        wait_until("the old instance to be gone", lambda: len(self.cloud.ps("shop")) == 1)

    def test_ignores_the_stop_signal_without_a_limit_and_is_stopped_by_hand(self):
        program = apps.WEB.replace("signal.signal(signal.SIGTERM, stop)",
                                   "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
        self.cloud.cli("deploy", apps.folder({"app.py": program, "moln.toml": apps.web_toml()}))
        self.cloud.cli("restart", "--app", "shop")
        stuck = wait_until("an instance that does not end",
                           lambda: self.cloud.ps("shop", "stopping"))[0]
        self.cloud.cli("stop", "--instance", stuck["id"], "--now")
        wait_until("it to be gone", lambda: len(self.cloud.ps("shop")) == 1)

    def test_eats_its_memory_and_is_told_apart_from_a_crash(self):
        toml = apps.web_toml(memory='"64M"')
        program = apps.WEB.replace('if self.path == "/exit":',
                                   'if self.path == "/eat":\n'
                                   '            hog = bytearray(512 << 20)\n'
                                   '        if self.path == "/exit":')
        self.cloud.cli("deploy", apps.folder({"app.py": program, "moln.toml": toml}))
        self.assertIn(self.cloud.get("shop.localhost", "/eat")[0], (502, 503))
        seen = wait_until("its end to be seen",
                          lambda: [i for i in self.cloud.ps("shop") if i["last_exit"]])[0]
        self.assertTrue(seen["last_exit"]["out_of_memory"], seen)
        self.assertIn("memory", seen["last_exit_text"])
        self.cloud.wait_for("shop.localhost")

    def test_crashes_again_and_again_with_growing_pauses_and_its_last_lines_shown(self):
        self.cloud.cli("deploy", apps.web("fragile"))
        for _ in range(3):
            self.cloud.wait_for("shop.localhost", contains="fragile")
            self.assertIn(self.cloud.get("shop.localhost", "/exit")[0], (502, 503))
        looping = wait_until("restarts to be counted",
                             lambda: [i for i in self.cloud.ps("shop") if i["restarts"] >= 2])[0]
        self.assertIn("code 7", looping["last_exit_text"])
        self.assertIn("is listening", self.cloud.cli("logs", "--app", "shop").stdout)

    def test_forks_away_and_leaves_nothing_behind(self):
        program = ("import os, time\n"
                   "for _ in range(3):\n"
                   "    if os.fork() == 0:\n"
                   "        os.setsid(); time.sleep(98765)\n") + apps.WEB
        before = running_programs()
        self.cloud.cli("deploy", apps.script(program))
        self.assertGreater(len(running_programs() - before), 3)
        self.cloud.cli("rm", "--app", "shop", "--yes")
        wait_until("the app to be gone",
                   lambda: "shop" not in [app["name"] for app in self.cloud.items("apps")])
        self.assertEqual(running_programs() - before, set())

    def test_prints_without_end_and_its_log_is_bounded(self):
        program = ("import sys, threading\n"
                   "def flood():\n"
                   "    line = 'x' * 1000\n"
                   "    while True: print(line)\n"
                   "threading.Thread(target=flood, daemon=True).start()\n") + apps.WEB
        self.cloud.cli("deploy", apps.script(program, ""))

        def written():
            logs = list(pathlib.Path(self.cloud.data, "logs").rglob("*.log*"))
            size = sum(p.stat().st_size for p in logs if p.exists())
            self.assertLess(size, 64 << 20)
            return any(p.name.endswith(".1") for p in logs)
        wait_until("the log to be rotated", written)
        self.assertTrue(self.cloud.cli("logs", "--app", "shop", "-n", "5").stdout)

    def test_fills_its_volume_and_hits_its_size(self):
        toml = apps.web_toml() + ('[[volume]]\nname = "data"\npath = "/data"\nsize = "16M"\n')
        program = apps.WEB.replace('if self.path == "/exit":',
                                   'if self.path == "/fill":\n'
                                   '            try:\n'
                                   '                with open("/data/f", "wb") as f:\n'
                                   '                    f.write(bytes(64 << 20))\n'
                                   '            except OSError as error:\n'
                                   '                print("no room:", error, flush=True)\n'
                                   '        if self.path == "/exit":')
        self.cloud.cli("deploy", apps.folder({"app.py": program, "moln.toml": toml}))
        self.assertEqual(self.cloud.get("shop.localhost", "/fill")[0], 200)
        wait_until("its word on it", lambda: "no room" in self.cloud.cli(
            "logs", "--app", "shop").stdout)

    def test_a_folder_of_a_hundred_thousand_files_is_deployed(self):
        directory = apps.web("many")
        for i in range(100):
            (directory / f"d{i}").mkdir()
            for j in range(1000):
                (directory / f"d{i}" / f"f{j}").touch()
        try:
            self.cloud.cli("deploy", directory, patience_s=400)
            self.assertEqual(self.cloud.get("shop.localhost")[1], "many")
        finally:
            shutil.rmtree(directory)

    def test_a_symlink_out_of_the_folder_is_refused_by_name(self):
        directory = apps.web("link")
        os.symlink("/etc/shadow", directory / "escape")
        self.refuse(directory, "escape")

    def test_a_path_with_a_newline_is_deployed(self):
        directory = apps.web("newline")
        (directory / "two\nlines.txt").write_text("fine")
        self.cloud.cli("deploy", directory)
        self.assertEqual(self.cloud.get("shop.localhost")[1], "newline")

    def test_bad_files_are_refused_with_file_and_line(self):
        for name, text, words in [
                ("moln.toml", "[process.web]\ncommand = \"x\"\nmemory = \"lots\"\n",
                 ("moln.toml:3", "memory")),
                ("moln.toml", "[process.web]\ncomand = \"x\"\n", ("moln.toml:2", "command")),
                ("moln.toml", "[[[\n", ("moln.toml:1",)),
                ("moln.toml", "# \xff" + "x" * 300_000, ("moln.toml",)),
                ("Procfile", "web python3 app.py\n", ("Procfile:1",))]:
            with self.subTest(text[:30]):
                self.refuse(apps.folder({name: text}), *words, code=2)

    def test_an_empty_folder_says_what_would_be_understood(self):
        self.refuse(apps.folder({}), "the folder is empty")
        self.refuse(apps.folder({"notes.txt": "hello"}), "moln.toml", "Procfile")

    def test_a_build_that_fails_shows_its_last_lines(self):
        self.refuse(apps.folder({"moln.toml": '[build]\ncommand = "echo almost there; exit 9"\n'
                                              '[process.web]\ncommand = "x"\n'}),
                    "almost there", "9")


def running_programs():
    """Pids of all processes that have app.py among their words."""
    found = set()
    for words in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"app.py" in words.read_bytes():
                found.add(int(words.parent.name))
    return found


if __name__ == "__main__":
    unittest.main(verbosity=2)
