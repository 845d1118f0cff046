"""The public suite of HTTP cache tests, from npm (http-cache-tests), against the edge: every
required test passes, and the optional ones that do not are those that docs/CACHE.md explains.

`run.py ID…` runs single tests and shows what was said; MOLN_REGENERATE=1 writes the table in
docs/CACHE.md anew.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "edge"))

from harness import EdgeCase, endpoint  # noqa: E402

DOCUMENT = HERE.parent.parent / "docs" / "CACHE.md"
WORK = pathlib.Path(os.environ.get("MOLN_CACHE_SUITE", HERE))
ONLY = sys.argv[1:]


class Suite(EdgeCase):
    threads = 2
    maxDiff = None

    def start_origin(self):
        """The suite's own server; returns its port."""
        server = WORK / "node_modules" / "http-cache-tests" / "server" / "server.mjs"
        environment = {**os.environ, "npm_config_protocol": "http", "npm_config_port": "0",
                       "npm_config_pidfile": self.dir + "/server.pid"}
        process = subprocess.Popen(["node", str(server)], stdout=subprocess.PIPE, text=True,
                                   env=environment, cwd=server.parent.parent)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stdout.readline()
        port = int(re.search(r":(\d+)/", line).group(1))
        # It tells of every oddity: who does not read would stop it.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        return port

    def run_suite(self):
        self.publish_snapshot(
            [self.route(cache={"ttl": 0, "stale_while_revalidate": 0, "stale_if_error": 0})],
            [self.app([endpoint("web-1", self.start_origin())])])
        told = {}
        for part in ("all",) if ONLY else ("honest", "lying"):
            told.update(self.run_part(part))
        return {name: (one["kind"], outcome(told, name), one["reason"])
                for name, one in told.items()}

    def run_part(self, part):
        done = subprocess.run(
            ["node", "--no-warnings", str(WORK / "suite.mjs"), "http://%s:%d" % self.address, part,
             *ONLY], cwd=WORK, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
        lines = done.stdout.strip().split("\n")
        for line in lines[:-1]:
            print(line)
        return json.loads(lines[-1])

    def test_required_pass_and_the_others_are_explained(self):
        results = self.run_suite()
        if ONLY:
            for name, (kind, outcome, reason) in results.items():
                print("%s [%s] %s %s" % (name, kind, outcome, reason))
            return
        written = document(results)
        page = DOCUMENT.read_text()
        begin, end = (page.index(mark) + extra for mark, extra in
                      (("<!-- suite -->\n", len("<!-- suite -->\n")), ("<!-- end of suite -->", 0)))
        if os.environ.get("MOLN_REGENERATE"):
            DOCUMENT.write_text(page[:begin] + written + page[end:])
            return
        self.assertEqual(page[begin:end], written, "MOLN_REGENERATE=1 writes docs/CACHE.md anew")
        required = {name: one[1] for name, one in results.items() if one[0] == "required"}
        self.assertGreaterEqual(list(required.values()).count("pass"), 160)
        self.assertEqual({name for name, outcome in required.items() if outcome != "pass"},
                         set(WHY_REQUIRED))
        optimal = [one[1] for one in results.values() if one[0] == "optimal"]
        self.assertGreater(optimal.count("pass"), 0.85 * len(optimal))


def passed(told, name):
    one = told.get(name)
    return one is not None and not one["reason"] and all(passed(told, on) for on in one["on"])


def outcome(told, name):
    """As the suite itself has it: void when what the test builds on did not come about."""
    one = told[name]
    if not all(passed(told, on) for on in one["on"]) or (one["reason"] and one["setup"]):
        return "void"
    return "fail" if one["reason"] else "pass"


# Nobody passes these; each has a conversation of our own (tests/edge) that shows the right thing.
WHY_REQUIRED = {
    "headers-store-Transfer-Encoding":
        "the origin sends a Transfer-Encoding that is none; the edge refuses such an answer with "
        "502, as it must not guess where it ends",
    **{"stale-close-" + name:
       "void unless stale answers are given without a word, and then nobody can pass it: it reads "
       "a count from an answer that its origin never sends. `must_revalidate_is_never_served_stale`"
       " in `cache_test.py` shows the 502"
       for name in ("must-revalidate", "no-cache", "proxy-revalidate", "s-maxage=2")},
}
WHY_OPTIMAL = {
    "conditional-lm-fresh-no-lm":
        "without Last-Modified the response's Date decides (RFC 9111 4.3.2), and it is later than "
        "what the client has: 200 is right",
    "method-POST": "answers to POST are not stored: hardly an app says that they may be",
    "vary-normalise-lang-select":
        "choosing by Content-Language would answer for the app what only it can decide",
    **{"partial-store-partial-" + name:
       "void: this part has no strong validator and is not the bytes that it says (five for 4-9), "
       "so it cannot be kept; it is asked for as a slice and then as the client did, and the "
       "suite's origin has another answer each time. `cache_slices_test.py` has parts that can"
       for name in ("complete", "reuse-partial", "reuse-partial-absent", "reuse-partial-byterange",
                    "reuse-partial-suffix")},
}


def document(results):
    lines = ["| | tests | pass | fail | void |", "| --- | --- | --- | --- | --- |"]
    for kind in ("required", "optimal"):
        outcomes = [one[1] for one in results.values() if one[0] == kind]
        passed, failed = outcomes.count("pass"), outcomes.count("fail")
        lines.append("| %s | %d | %d | %d | %d |" % (kind, len(outcomes), passed, failed,
                                                     len(outcomes) - passed - failed))
    lines += ["", "Void: what the test builds on did not come about. The suite's 90 checks have no "
              "right answer and are not counted.",
              "", "| not passed | why |", "| --- | --- |"]
    for kind, reasons in (("required", WHY_REQUIRED), ("optimal", WHY_OPTIMAL)):
        for name, (of, outcome, reason) in sorted(results.items()):
            if of == kind and outcome != "pass":
                lines.append("| %s `%s` | %s |" % (kind, name, reasons.get(name, reason)))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
