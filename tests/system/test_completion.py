"""Completion as the real shells do it: bash, zsh and fish ask the scripts that moln prints."""
import os
import pathlib
import pty
import select
import shutil
import subprocess
import tempfile
import time
import unittest

import apps
from cloud import MOLN, PATIENCE_S, Cloud


def lines(text):
    return [line.split("\t")[0].strip() for line in text.splitlines() if line.strip()]


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="moln-shells-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        (cls.folder / "bin").mkdir()
        (cls.folder / "bin" / "moln").symlink_to(MOLN)
        cls.cloud = Cloud()
        cls.cloud.up()
        cls.addClassCleanup(cls.cloud.__exit__, None, None, None)
        cls.cloud.cli("deploy", apps.web("v", name="shop-of-tests"))
        for shell in ("bash", "zsh", "fish"):
            script = cls.cloud.cli("completion", shell).stdout
            (cls.folder / f"moln.{shell}").write_text(script)

    def environment(self):
        return {**self.cloud.environment(), "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                "HOME": str(self.folder), "TERM": "dumb"}

    def run_shell(self, *arguments):
        return subprocess.run(arguments, env=self.environment(), capture_output=True, text=True,
                              timeout=60, check=False, stdin=subprocess.DEVNULL)

    def bash(self, line):
        words = line.split(" ")
        script = (f"source {self.folder}/moln.bash; COMP_WORDS=({' '.join(map(repr, words))}); "
                  f"COMP_CWORD={len(words) - 1}; _moln; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = self.run_shell("bash", "--norc", "-c", script)
        return lines(done.stdout)

    def fish(self, line):
        done = self.run_shell("fish", "--no-config", "-c",
                              f"source {self.folder}/moln.fish; complete -C '{line}'")
        self.assertEqual(done.stderr, "")
        return lines(done.stdout)

    def zsh(self, line, *wanted):
        """Types the line and a tab into a real zsh: all of `wanted` come to its screen."""
        rc = self.folder / ".zshrc"
        rc.write_text("PS1='> '; LISTMAX=1000; autoload -Uz compinit; compinit -u -D\n"
                      f"source {self.folder}/moln.zsh\nzstyle ':completion:*' menu no\n"
                      "setopt no_always_last_prompt\nprint shell is ready\n")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-i"], {**self.environment(), "COLUMNS": "200"})
        try:
            self.shows(terminal, "shell is ready")
            os.write(terminal, line.encode() + b"\t\t")
            self.shows(terminal, *wanted)
        finally:
            os.kill(pid, 9)
            os.close(terminal)
            os.waitpid(pid, 0)

    def shows(self, terminal, *wanted):
        text, end = "", time.monotonic() + PATIENCE_S
        while not all(words in text for words in wanted):
            left = end - time.monotonic()
            self.assertTrue(left > 0 and select.select([terminal], [], [], left)[0],
                            f"{wanted} in {text!r}")
            text += os.read(terminal, 4096).decode(errors="replace")

    def test_bash(self):
        self.assertIn("deploy", self.bash("moln de"))
        self.assertEqual(self.bash("moln rollback --app shop"), ["shop-of-tests"])
        self.assertEqual(self.bash("moln env s"), ["set"])
        self.assertEqual(self.bash("moln edge "), ["status", "upgrade"])
        self.assertEqual(self.bash("moln scale w"), ["web="])

    def test_fish(self):
        self.assertIn("deploy", self.fish("moln de"))
        self.assertEqual(self.fish("moln rollback --app shop"), ["shop-of-tests"])
        self.assertEqual(self.fish("moln env s"), ["set"])
        self.assertEqual(self.fish("moln edge "), ["status", "upgrade"])
        self.assertEqual(self.fish("moln scale w"), ["web="])

    def test_zsh(self):
        self.zsh("moln dep", "moln deploy")
        self.zsh("moln rollback --app sho", "--app shop-of-tests")
        self.zsh("moln env ", "ls", "set", "unset")


if __name__ == "__main__":
    unittest.main(verbosity=2)
