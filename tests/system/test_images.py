"""Images that a registry, a layout or an archive holds: deployed, switched under load, rolled back.
"""
import contextlib
import pathlib
import shutil
import tempfile
import unittest

import images
from cloud import Cloud, Load, wait_until


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="moln-images-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.registry = images.Registry(cls.folder)
        cls.addClassCleanup(cls.registry.stop)
        cls.base = images.nginx_base()
        wait_until("the registry to answer", cls.registry.answers)
        cls.cloud = Cloud()
        cls.cloud.up()
        cls.addClassCleanup(cls.cloud.__exit__, None, None, None)

    def site(self, text):
        name = text.replace(" ", "-")
        return images.nginx_site(pathlib.Path(self.folder, name), self.base, text)

    def deploy(self, reference, app, *options, check=True):
        words = ["deploy", "--image", reference, "--app", app, *options]
        if reference.startswith("docker://"):
            words.append("--plain-http")
        return self.cloud.cli(*words, check=check)

    def test_versions_switch_under_load_wherever_they_come_from(self):
        cloud, host = self.cloud, "site.localhost"
        self.deploy(self.registry.push(self.site("one"), "site:1"), "site")
        self.assertEqual(cloud.get(host), (200, "one"))
        archive = f"docker-archive:{self.folder}/four.tar"
        images.copy("oci:" + self.site("four"), archive + ":site:4")
        with Load(cloud, host) as load:
            load.wait_for(50)
            second = self.deploy(self.registry.push(self.site("two"), "site:2"), "site")
            self.assertIn("is here already", second.stderr, "the layer that both have")
            load.wait_for(50)
            self.deploy("oci:" + self.site("three"), "site")
            load.wait_for(50)
            self.deploy(archive, "site")
            load.wait_for(50)
            cloud.cli("rollback", "--app", "site")
            load.wait_for(50)
            self.assertEqual(cloud.get(host), (200, "three"))
            cloud.cli("rollback", "1", "--app", "site")
            load.wait_for(50)
            load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(load.bodies, {"one", "two", "three", "four"})
        self.assertEqual(cloud.get(host), (200, "one"))
        wait_until("the others to be gone", lambda: len(cloud.ps("site")) == 1)

    def test_it_runs_as_the_image_says_and_not_as_the_machines_root(self):
        self.deploy("oci:" + self.site("rights"), "rights")
        instance = self.cloud.ps("rights", "running")[0]["id"]
        # Its own idea of root; outside it is nobody that the machine knows.
        owners = set()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                status = (process / "status").read_text()
                if "nginx" in status.split("\n")[0]:
                    owners.add(status.split("Uid:")[1].split()[0])
        self.assertGreaterEqual(min(map(int, owners)), 65_536, (instance, owners))

    def test_a_dry_run_says_what_would_be_done_and_fetches_no_layer(self):
        reference = self.registry.push(self.site("dry"), "dry:1")
        told = self.deploy(reference, "dry", "--dry-run").stdout
        self.assertIn("/usr/sbin/nginx", told)
        self.assertNotIn("dry", [app["name"] for app in self.cloud.items("apps")])
        missing = self.deploy(reference + "0", "dry", "--dry-run", check=False)
        self.assertEqual(missing.returncode, 3, missing.stderr)

    def test_what_is_wrong_is_told_and_the_old_serves_on(self):
        self.deploy(self.registry.push(self.site("good"), "good:1"), "good")
        missing = self.deploy(f"docker://{self.registry.address}/good:9", "good", check=False)
        self.assertEqual(missing.returncode, 3, missing.stderr)
        broken = images.layout(pathlib.Path(self.folder, "broken"), [self.base],
                               {"Cmd": ["/usr/sbin/nginx", "-c", "/nonexistent.conf"],
                                "ExposedPorts": {"80/tcp": {}}})
        failed = self.deploy("oci:" + broken, "good", check=False)
        self.assertEqual(failed.returncode, 1, failed.stderr)
        self.assertIn("/nonexistent.conf", failed.stderr)
        self.assertEqual(self.cloud.get("good.localhost"), (200, "good"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
