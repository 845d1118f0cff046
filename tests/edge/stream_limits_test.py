"""How many TCP connections an edge takes, at the limit and past it."""

import contextlib
import os
import unittest

from harness import DESCRIPTORS, Daemon, endpoint, few_descriptors, until
from stream_test import StreamCase, echo


class Descriptors(StreamCase):
    threads = 1

    def start(self):
        self.process = self.spawn(self.command(), preexec_fn=few_descriptors)
        self.connect_daemon()

    def leave_an_odd_number(self):
        """So that one is left for a client, and none for the connection to its instance."""
        used = len(os.listdir("/proc/%d/fd" % self.process.pid))
        if (DESCRIPTORS - used) % 2 == 0:
            self.addCleanup(Daemon(self.dir + "/control").close)

    def test_that_none_is_left_is_no_failure_of_an_instance(self):
        self.publish([endpoint("db-1", self.origin(echo, greets=True).port)])
        first = self.connect()
        self.talk(first)
        self.leave_an_odd_number()
        for _ in range(95):
            with contextlib.suppress(ConnectionResetError):  # so early that connect() notices
                self.connect()
        outcomes = {line["outcome"] for line in self.log_lines(5)}
        self.assertEqual(outcomes, {"out_of_capacity"})
        self.assertIn("moln_edge_upstream_connect_failures_total 0\n", self.daemon.metrics_text())
        self.talk(first)


class Limits(StreamCase):
    options = ("--clients-max", "4")
    threads = 1

    def test_as_many_clients_as_may_and_no_more(self):
        self.publish([endpoint("db-1", self.origin(echo).port)])
        clients = [self.connect() for _ in range(4)]
        for client in clients:
            self.talk(client)
        self.assertTrue(self.refused())
        clients[0].close()
        until(lambda: self.open_on("db-1") == (0, 3), "a place")
        self.talk(self.connect())


if __name__ == "__main__":
    unittest.main()
