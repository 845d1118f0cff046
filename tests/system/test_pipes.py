"""`moln run` and `moln shell` in pipes: every byte, both streams apart, the exit code."""
import hashlib
import os
import subprocess
import tempfile
import time
import unittest

import apps
from cloud import MOLN, Cloud, wait_until

SIZE = 50 << 20
PATIENCE_S = 240


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Pipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud()
        cls.cloud.up()
        cls.addClassCleanup(cls.cloud.__exit__, None, None, None)
        cls.cloud.cli("deploy", apps.web("v1"))
        cls.data = os.urandom(SIZE)

    def moln(self, *words, data=b""):
        return subprocess.run([MOLN, *words], env=self.cloud.environment(), input=data,
                              capture_output=True, timeout=PATIENCE_S, check=False)

    def test_run_keeps_every_byte_both_ways(self):
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as taken:
            given.write(self.data)
            given.seek(0)
            done = subprocess.run([MOLN, "run", "--app", "shop", "--", "cat"], stdin=given,
                                  stdout=taken, stderr=subprocess.PIPE, timeout=PATIENCE_S,
                                  env=self.cloud.environment(), check=False)
            taken.seek(0)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(digest(taken.read()), digest(self.data))

    def test_run_keeps_output_errors_and_code_apart(self):
        done = self.moln("run", "--app", "shop", "--", "sh", "-c",
                         "wc -c; printf 'no line end'; echo wrong >&2; exit 7", data=self.data)
        self.assertEqual(done.returncode, 7)
        self.assertEqual(done.stdout, b"%d\nno line end" % SIZE)
        self.assertIn(b"wrong\n", done.stderr)
        self.assertNotIn(b"no line end", done.stderr)

    def test_run_loses_no_first_word(self):
        for number in range(10):
            done = self.moln("run", "--app", "shop", "--", "echo", str(number))
            self.assertEqual((done.returncode, done.stdout), (0, b"%d\n" % number), done.stderr)

    def test_run_tells_the_exit_code_of_who_closed_its_output_long_before(self):
        done = self.moln("run", "--app", "shop", "--", "sh", "-c",
                         "echo heard; exec >&- 2>&-; sleep 6; exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, b"heard\n"), done.stderr)

    def test_a_slow_reader_gets_all_output(self):
        process = subprocess.Popen([MOLN, "run", "--app", "shop", "--", "cat"],
                                   env=self.cloud.environment(), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        pid = os.fork()
        if pid == 0:
            process.stdin.write(self.data)
            process.stdin.close()
            os._exit(0)
        process.stdin.close()
        time.sleep(2)
        got = process.stdout.read()
        process.stdout.close()
        os.waitpid(pid, 0)
        self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertEqual(digest(got), digest(self.data))

    def test_who_reads_no_further_ends_as_ever(self):
        data = b"abcdef" + self.data
        done = self.moln("run", "--app", "shop", "--", "head", "-c", "3", data=data)
        self.assertEqual((done.returncode, done.stdout), (0, b"abc"), done.stderr)

    def test_shell_keeps_every_byte(self):
        process = subprocess.Popen([MOLN, "shell", "--app", "shop"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.cloud.environment())
        # Data follow only once the shell has its line: it would read some of them itself.
        process.stdin.write(b"echo go; head -c %d | sha256sum; echo wrong >&2; exit 5\n" % SIZE)
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"go\n")
        out, errors = process.communicate(self.data, PATIENCE_S)
        self.assertEqual(process.returncode, 5, errors)
        self.assertEqual(out.split()[0].decode(), digest(self.data))
        self.assertEqual(errors.splitlines()[-1], b"wrong")

    def test_a_client_that_is_killed_while_it_waits_leaves_no_process(self):
        process = subprocess.Popen([MOLN, "shell", "--app", "shop"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, env=self.cloud.environment())
        process.stdin.write(b"echo begun; exec sleep 4321\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"begun\n")
        os.set_blocking(process.stdin.fileno(), False)
        wait_until("the pipe to be full",
                   lambda: process.stdin.raw.write(self.data[:65536]) is None)
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
        wait_until("the sleep to be gone", lambda: subprocess.run(
            ["pgrep", "-f", "sleep 4321"], capture_output=True, check=False).returncode != 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
