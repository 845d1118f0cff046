"""Reports to a daemon that asks for what changes alone, beside one that does not ask."""

import json
import socket
import unittest

from harness import EdgeCase, endpoint, ok, serving, until


class Lines:
    """A daemon's connection, line by line."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self.file = self.sock.makefile("r")

    def ask(self, what):
        self.sock.sendall(json.dumps({"get": what}).encode() + b"\n")

    def next(self):
        return json.loads(self.file.readline())

    def next_that(self, holds):
        """The first line that this is true of, and those before it."""
        before = []
        while True:
            line = self.next()
            if holds(line):
                return line, before
            before.append(line)

    def close(self):
        self.file.close()
        self.sock.close()


def names(line):
    return [one["instance"] for one in line["report"]["endpoints"]]


class ReportsTest(EdgeCase):
    def setUp(self):
        super().setUp()
        self.ports = {name: self.origin(serving(lambda head, body: ok("here"))).port
                        for name in ("one", "two")}
        self.publish([endpoint(*one) for one in self.ports.items()])
        until(lambda: all((self.daemon.endpoint(name) or {}).get("health") == "healthy"
                          for name in self.ports), "healthy endpoints")

    def lines(self):
        lines = Lines(self.dir + "/control")
        self.addCleanup(lines.close)
        return lines

    def test_only_what_changed_is_said_until_something_does(self):
        lines = self.lines()
        self.assertEqual(sorted(names(lines.next())), ["one", "two"])
        lines.ask("changes")
        lines.next_that(lambda line: "since" in line)
        line = lines.next()
        self.assertTrue(line["since"])
        self.assertEqual((names(line), line["report"]["apps"]), ([], []), "it rests")
        self.assertEqual(self.get()[0].status, 200)
        line, _ = lines.next_that(lambda line: line["report"]["endpoints"])
        self.assertEqual(len(names(line)), 1, "the other rests")
        self.publish([endpoint("two", self.ports["two"])])
        line, _ = lines.next_that(lambda line: line["endpoints_gone"])
        self.assertEqual(line["endpoints_gone"], ["one"])
        self.assertNotIn("one", names(line))
        self.assertTrue(line["report"]["acked_version"])

    def test_all_who_ask_begin_with_a_whole_report_and_others_get_no_other(self):
        first, second = self.lines(), self.lines()
        first.next()
        second.next()
        first.ask("changes")
        line, before = first.next_that(lambda line: "since" in line)
        self.assertTrue(before, "what it is the change of")
        second.ask("changes")
        line, before = second.next_that(lambda line: "since" in line)
        self.assertEqual(sorted(names(before[-1])), ["one", "two"])
        # Who asks for a report in between has what the others have not: all begin anew.
        first.ask("report")
        for lines in (first, second):
            line, _ = lines.next_that(lambda line: "since" not in line)
            self.assertEqual(sorted(names(line)), ["one", "two"])
        count = self.daemon.reports
        until(lambda: self.daemon.reports > count + 2, "reports to who has not asked")
        self.assertEqual(len(self.daemon.report["endpoints"]), 2)


if __name__ == "__main__":
    unittest.main()
