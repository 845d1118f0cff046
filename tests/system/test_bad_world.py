"""A machine that misbehaves: taken ports, a second daemon, damaged and full disks."""
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

    def test_a_second_daemon_on_the_same_data_is_refused(self):
        with Cloud() as cloud:
            done = up_fails("--data", cloud.data, "--listen", "127.0.0.1:0")
            self.assertEqual(done.returncode, 2)
            self.assertIn("in use", done.stderr)
            self.assertIn(str(cloud.daemon_pid()), done.stderr)
            self.assertEqual(cloud.cli("status").returncode, 0)

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

    def test_a_full_disk_refuses_commands_and_loses_nothing(self):
        image = pathlib.Path(self.data + ".img")
        with open(image, "wb") as file:
            file.truncate(300 << 20)
        self.addCleanup(image.unlink)
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), self.data], check=True)
        try:
            with Cloud(self.data) as cloud:
                cloud.cli("deploy", apps.web("before"))
                filler = pathlib.Path(self.data, "filler")
                with open(filler, "wb") as file:
                    with self.assertRaises(OSError):
                        while True:
                            file.write(b"x" * (1 << 20))
                            file.flush()
                done = cloud.cli("deploy", apps.web("during"), check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("space", done.stdout + done.stderr)
                self.assertEqual(cloud.get("shop.localhost"), (200, "before"))
                filler.unlink()
                self.refuses_an_image_for_which_there_is_no_room(cloud)
                wait_until("a deploy to go through", lambda: cloud.cli(
                    "deploy", apps.web("after"), check=False).returncode == 0)
                self.assertEqual(cloud.get("shop.localhost"), (200, "after"))
        finally:
            subprocess.run(["umount", "--recursive", "--lazy", self.data], check=False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
