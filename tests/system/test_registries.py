"""Builds behind a registry of a company: its settings reach them, its secrets stay hidden."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import apps
import company
from cloud import Cloud

NODE = {"package.json": '{"private": true, "scripts": {"start": "node server.js"},'
                        ' "dependencies": {"greeter": "^1.0.0"}}',
        "server.js": "require('http').createServer((ask, answer) =>"
                     " answer.end(require('greeter'))).listen(process.env.PORT);\n"}
PYTHON = {"requirements.txt": "company-greeter==1.0.0\n",
          "app.py": "import company_greeter\n" + apps.WEB.replace(
              'b"VERSION"', "company_greeter.WORDS.encode()").replace(
              '"VERSION")', "company_greeter.WORDS)")}


class Registries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="moln-company-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.registry = company.start(cls.folder)
        cls.addClassCleanup(cls.registry.wait)
        cls.addClassCleanup(cls.registry.kill)
        pathlib.Path(cls.folder).chmod(0o755)
        cls.settings = pathlib.Path(cls.folder, "build.env")
        cls.settings.touch(0o600)
        cls.settings.write_text(
            "# what only builds need\n"
            f"npm_config_//{company.ADDRESS}:{company.PORT}/npm/:_authToken={company.TOKEN}\n"
            f"PIP_INDEX_URL=https://builder:{company.PASSWORD}@{company.ADDRESS}:{company.PORT}"
            "/pip/simple\n"
            f"COMPANY_TOKEN={company.TOKEN}\n")
        cls.cloud = Cloud(arguments=["--build-env", cls.settings], variables={
            "NPM_CONFIG_REGISTRY": company.URL + "/npm/",
            "NODE_EXTRA_CA_CERTS": cls.folder + "/ca.pem", "UNRELATED_TOKEN": "hunter2-unrelated"})
        cls.cloud.up()
        cls.addClassCleanup(cls.cloud.__exit__, None, None, None)

    def assert_no_secret(self, *texts):
        for text in texts:
            self.assertNotIn("hunter2", text)

    def test_a_node_app_gets_its_packages_from_the_company(self):
        done = self.cloud.cli("deploy", apps.folder(NODE, "node-app"))
        self.assertEqual(self.cloud.get("node-app.localhost"), (200, "greetings from the company"))
        self.assert_no_secret(done.stdout, done.stderr)

    def test_a_python_app_gets_its_packages_from_the_company(self):
        done = self.cloud.cli("deploy", apps.folder(PYTHON, "python-app"))
        self.assertIn("greetings from the company", self.cloud.get("python-app.localhost")[1])
        self.assert_no_secret(done.stdout, done.stderr)

    def test_secrets_are_hidden_from_what_builds_print_and_from_what_runs(self):
        toml = ('[build]\ncommand = "env; test -n $COMPANY_TOKEN"\n'
                '[process.web]\ncommand = "python3 app.py"\n')
        done = self.cloud.cli("deploy", apps.web("hidden", toml, "hidden"))
        self.assertIn("COMPANY_TOKEN=***", done.stderr)
        self.assert_no_secret(done.stdout, done.stderr)
        self.assertEqual(self.cloud.get("hidden.localhost", "/env/COMPANY_TOKEN")[1], "unset")
        bad = self.cloud.cli("deploy", apps.web("bad", toml.replace("test -n", "false"), "bad"),
                             check=False)
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn("COMPANY_TOKEN=***", bad.stderr)
        self.assert_no_secret(bad.stdout, bad.stderr, self.cloud.tail(1000))
        kept = subprocess.run(["grep", "-rl", "hunter2", self.cloud.data], capture_output=True,
                              text=True, check=False)
        self.assertEqual(kept.stdout, "")

    def test_a_changed_token_counts_at_the_next_build(self):
        right = self.settings.read_text()
        self.settings.write_text(right.replace(company.TOKEN, "hunter2-outdated"))
        try:
            files = {**NODE, "package.json": NODE["package.json"].replace("^1", "~1")}
            refused = self.cloud.cli("deploy", apps.folder(files, "other"), check=False)
            self.assertEqual(refused.returncode, 1, refused.stderr)
            self.assertIn("E401", refused.stderr)
            self.assert_no_secret(refused.stdout, refused.stderr)
        finally:
            self.settings.write_text(right)
        self.cloud.cli("deploy", apps.folder(files, "other"))

    def test_a_wrong_line_is_named_and_not_shown(self):
        right = self.settings.read_text()
        self.settings.write_text("hunter2 is no setting\n")
        try:
            refused = self.cloud.cli("deploy", apps.web("w", name="wrong"), check=False)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn(f"{self.settings}:1: expected NAME=VALUE", refused.stderr)
            self.assert_no_secret(refused.stderr)
        finally:
            self.settings.write_text(right)


if __name__ == "__main__":
    unittest.main(verbosity=2)
