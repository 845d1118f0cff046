"""A machine that misbehaves: taken ports, a second daemon, damaged and full disks."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

import apps
import images
from cloud import MOLN, Cloud, wait_until


def up_fails(*arguments, patience_s=60):
    return subprocess.run([MOLN, "up", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=patience_s, check=False)


@contextlib.contextmanager
def small_disk(folder):
    """A file system of 300 MiB at this folder."""
    image = pathlib.Path(folder + ".img")
    with open(image, "wb") as file:
        file.truncate(300 << 20)
    try:
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", folder], check=False)
        image.unlink()


def fill(folder):
    """Writes until the disk takes no byte more; the file with it."""
    filler = pathlib.Path(folder, "filler")
    with open(filler, "wb", buffering=0) as file:
        for piece in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"x" * piece)
            except OSError:
                pass
    return filler


class BadWorld(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="moln-test-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = up_fails("--data", self.data, "--listen", address)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(address, done.stderr)

    def test_an_address_that_is_said_twice_is_named(self):
        done = up_fails("--data", self.data, "--listen", "127.0.0.1:8080",
                        "--listen-tls", "127.0.0.1:8080")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--listen-tls: expected each address once", done.stderr)

    def test_data_where_no_folder_is_ever_made_is_refused(self):
        done = up_fails("--data", "/proc/none", "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("make folder /proc/none", done.stderr)

    def test_a_second_daemon_on_the_same_data_is_refused(self):
        with Cloud() as cloud:
            done = up_fails("--data", cloud.data, "--listen", "127.0.0.1:0")
            self.assertEqual(done.returncode, 2)
            self.assertIn("in use", done.stderr)
            self.assertIn(str(cloud.daemon_pid()), done.stderr)
            self.assertEqual(cloud.cli("status").returncode, 0)

    def test_a_second_node_on_the_machine_is_refused_and_harms_nothing(self):
        with Cloud() as cloud:
            cloud.cli("deploy", apps.web("first"))
            cloud.wait_for("shop.localhost", contains="first")
            instance = cloud.ps()[0]["id"]
            names_no_data = {key: value for key, value in os.environ.items() if key != "MOLN_DATA"}
            found = subprocess.run([MOLN, "ps"], env=names_no_data, capture_output=True, text=True,
                                   timeout=60, check=True)
            self.assertIn(instance, found.stdout)
            done = up_fails("--data", self.data, "--listen", "127.0.0.1:0")
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"process {cloud.daemon_pid()}", done.stderr)
            self.assertIn(f"`moln down --data {cloud.data}`", done.stderr)
            self.assertEqual(os.listdir(self.data), [])

            cloud.kill()
            done = up_fails("--data", self.data, "--listen", "127.0.0.1:0")
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"`moln up --data {cloud.data}`", done.stderr)
            cloud.up()
            self.assertEqual([one["id"] for one in cloud.ps()], [instance])

    def test_an_api_beyond_loopback_is_refused(self):
        done = up_fails("--data", self.data, "--listen", "127.0.0.1:0", "--api", "0.0.0.0:0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("0.0.0.0", done.stderr)

    def test_a_damaged_store_is_said_and_left_as_it_is(self):
        with Cloud(self.data) as cloud:
            cloud.cli("deploy", apps.web("kept"))
        store = pathlib.Path(self.data, "store", "moln.db")
        damaged = bytearray(store.read_bytes())
        damaged[100:4096] = b"\xee" * 3996
        store.write_bytes(damaged)
        done = up_fails("--data", self.data, "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("moln.db", done.stderr)
        self.assertEqual(store.read_bytes(), damaged)

    def refuses_an_image_for_which_there_is_no_room(self, cloud):
        folder = tempfile.mkdtemp(prefix="moln-image-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for name, data in {"packed": os.urandom(200 << 20), "unpacked": bytes(400 << 20)}.items():
            image = images.layout(pathlib.Path(folder, name), [images.layer(texts={"/big": data})],
                                  {"Cmd": ["/big"]})
            done = cloud.cli("deploy", "--image", f"oci:{image}", "--app", "big", check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("space", done.stderr)
            self.assertEqual(list(pathlib.Path(self.data, "builds").iterdir()), [])
            self.assertEqual(cloud.get("shop.localhost"), (200, "before"))

    def test_a_release_that_fails_while_the_disk_is_full_is_rolled_back(self):
        with small_disk(self.data), Cloud(self.data) as cloud:
            cloud.cli("deploy", apps.web("good"))
            bad = apps.script("import time; time.sleep(20); exit(3)")
            cloud.cli("deploy", bad, "--no-wait")
            filler = fill(self.data)
            wait_until("the bad release to be given up", lambda: cloud.json(
                "apps", "--app", "shop")["rollout"]["state"] == "failed", 120)
            self.assertEqual(cloud.get("shop.localhost"), (200, "good"))
            reserve = pathlib.Path(self.data, "store", "reserve")
            self.assertFalse(reserve.exists())
            filler.unlink()
            cloud.cli("deploy", apps.web("after"))
            self.assertEqual(reserve.stat().st_blocks * 512, 8 << 20)

    def test_a_full_disk_refuses_commands_and_loses_nothing(self):
        with small_disk(self.data), Cloud(self.data) as cloud:
            cloud.cli("deploy", apps.web("before"))
            filler = fill(self.data)
            done = cloud.cli("deploy", apps.web("during"), check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("space", done.stdout + done.stderr)
            self.assertEqual(cloud.get("shop.localhost"), (200, "before"))
            filler.unlink()
            self.refuses_an_image_for_which_there_is_no_room(cloud)
            wait_until("a deploy to go through", lambda: cloud.cli(
                "deploy", apps.web("after"), check=False).returncode == 0)
            self.assertEqual(cloud.get("shop.localhost"), (200, "after"))

    def test_a_daemon_begins_on_a_full_disk_where_someone_must_make_room(self):
        with small_disk(self.data), Cloud(self.data) as cloud:
            cloud.cli("deploy", apps.web("before"))
            instance = cloud.ps()[0]["id"]
            fillers = [fill(self.data).rename(pathlib.Path(self.data, "filler-0"))]
            cloud.kill()
            fillers.append(fill(self.data).rename(pathlib.Path(self.data, "filler-1")))
            cloud.up()
            self.assertEqual(cloud.get("shop.localhost"), (200, "before"))
            self.assertEqual([one["id"] for one in cloud.ps()], [instance])
            for filler in fillers:
                filler.unlink()
            wait_until("a deploy to go through", lambda: cloud.cli(
                "deploy", apps.web("after"), check=False).returncode == 0)

    def test_a_command_that_a_full_disk_refuses_says_why(self):
        with small_disk(self.data), Cloud(self.data) as cloud:
            cloud.cli("deploy", apps.web("before"))
            pathlib.Path(self.data, "store", "reserve").unlink()
            filler = fill(self.data)
            refused = cloud.cli("secret", "set", "S", "--app", "shop", stdin="x" * 60000,
                                check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("is full: free some space", refused.stderr)
            filler.unlink()

    def test_an_edge_for_whose_pid_there_was_no_room_is_found_by_the_next_daemon(self):
        locks = pathlib.Path(self.data, "run", "edge")
        locks.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(locks)], check=True)
        try:
            locks.joinpath("filler").write_bytes(b"x" * 4096)
            with Cloud(self.data) as cloud:
                cloud.cli("deploy", apps.web("before"))
                edge = cloud.edge_pid()
                sizes = [lock.stat().st_size for lock in locks.glob("*.lock")]
                self.assertEqual(sizes, [edge], "it stands where no room is needed")
                cloud.kill()
                cloud.up()
                self.assertEqual(cloud.edge_pid(), edge)
                self.assertEqual(cloud.get("shop.localhost"), (200, "before"))
        finally:
            subprocess.run(["umount", "--lazy", str(locks)], check=False)



if __name__ == "__main__":
    unittest.main(verbosity=2)
