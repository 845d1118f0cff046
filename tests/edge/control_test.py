"""Snapshots, reports, the state on disk, signals: the edge as its daemon sees it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import unittest
import urllib.request

from harness import (EXTRA, PATIENCE, PROGRAM, Daemon, EdgeCase, Stream, endpoint, held_port, ok,
                     serving, until)


class Control(EdgeCase):
    def good(self, text=b"ok"):
        return self.origin(serving(lambda head, body: ok(text)))

    def test_no_new_request_reaches_a_drained_endpoint_after_the_acknowledgement(self):
        hits = [0, 0]
        lock = threading.Lock()

        def counting(i):
            def answer(_head, _body):
                with lock:
                    hits[i] += 1
                return ok()
            return self.origin(serving(answer))

        origins = [counting(0), counting(1)]
        stop = threading.Event()
        failures = []

        def load():
            client = self.client()
            while not stop.is_set():
                if self.get(stream=client)[0].status != 200:
                    failures.append("not 200")

        self.publish([endpoint("web-0", origins[0].port), endpoint("web-1", origins[1].port)])
        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(30):
                gone = turn % 2
                ends = [endpoint("web-%d" % i, origins[i].port,
                                 "draining" if i == gone else "active") for i in (0, 1)]
                self.publish(ends)
                # What was begun before lives on; when nothing is open, nothing may come.
                until(lambda: self.daemon.fresh() and
                      self.daemon.endpoint("web-%d" % gone)["requests_open"] == 0, "the drain")
                with lock:
                    before = list(hits)
                until(lambda: hits[1 - gone] > before[1 - gone] + 50, "load on the other")
                self.assertEqual(hits[gone], before[gone])
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])

    def test_a_snapshot_survives_a_kill(self):
        origin = self.good()
        self.publish([endpoint("web-1", origin.port)])
        self.daemon.close()
        self.process.kill()
        self.process.wait()
        self.start()
        until(lambda: self.daemon.report["acked_version"] == self.version, "the old version")
        self.assertEqual(self.get()[0].status, 200)

    def test_a_corrupt_state_file_is_ignored_and_told(self):
        self.daemon.close()
        self.process.kill()
        self.process.wait()
        for text in ("{", "[]", '{"version": "x"}', "\0" * 100, "",
                     '{"routes": [{"host": "*", "app": "gone", "process": "web"}]}'):
            with open(self.dir + "/state/snapshot.json", "w") as file:
                file.write(text)
            self.start()
            self.assertEqual(self.daemon.report["acked_version"], 0)
            self.assertIn("snapshot_ignored", self.stderr())
            self.daemon.close()
            self.process.terminate()
            self.assertEqual(self.process.wait(), 0)
        self.start()

    def test_a_bad_line_ends_that_connection_only(self):
        origin = self.good()
        self.publish([endpoint("web-1", origin.port)])
        for line in (b"nonsense\n", b"{}\n", b"[]\n", b'{"get": "all"}\n', b'{"snapshot": 1}\n',
                     b'{"snapshot": {}, "get": "report"}\n', b"\xff\xfe\n",
                     b'{"snapshot": {"version": "one"}}\n', b"[" * 10000 + b"\n",
                     b'{"snapshot": {"version": 99, "epoch": 9, "routes": [{"host": "*",'
                     b' "path": "/", "app": "not in it", "process": "b"}]}}\n',
                     b"x" * (16 * 1024 * 1024 + 1) + b"\n"):
            other = Daemon(self.dir + "/control")
            try:
                other.send(line)
            except OSError:
                pass
            until(lambda: other.ended, "the end of the connection")
            other.close()
        self.assertEqual(self.daemon.fresh()["acked_version"], self.version)
        self.assertEqual(self.get()[0].status, 200)

    def test_an_older_snapshot_is_not_taken_and_a_higher_epoch_always_is(self):
        old, new = self.good(b"old"), self.good(b"new")
        route = [{"host": "*", "path": "/", "app": "default/shop", "process": "web"}]

        def send(version, epoch, port):
            before = self.daemon.reports
            self.daemon.send({"snapshot": {"version": version, "epoch": epoch, "routes": route,
                                           "apps": [self.app([endpoint("web-1", port)])],
                                           "certificates": self.certificates}})
            until(lambda: self.daemon.reports > before, "a report")

        send(7, 2, new.port)
        until(lambda: self.daemon.report["acked_version"] == 7, "the acknowledgement")
        for version, epoch in ((6, 2), (7, 2), (99, 1)):
            send(version, epoch, old.port)
            report = self.daemon.fresh()
            self.assertEqual((report["acked_version"], report["acked_epoch"]), (7, 2))
            self.assertEqual(self.get()[1], b"new")
        send(1, 3, old.port)
        until(lambda: self.daemon.report["acked_epoch"] == 3, "the new epoch")
        self.assertEqual(self.get()[1], b"old")

    def test_the_health_of_a_starting_instance_is_told_at_once_with_its_reason(self):
        state = {"ready": False}

        def answer(_head, _body):
            return ok() if state["ready"] else b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"

        origin = self.origin(serving(answer))
        health = {"kind": "http", "path": "/up", "interval": 60000}
        self.publish([endpoint("web-1", origin.port, "warming")], health=health)
        want = "GET /up answered 503"
        until(lambda: self.daemon.fresh() and
              self.daemon.endpoint("web-1")["health_reason"] == want, "the reason")
        self.assertEqual(self.daemon.endpoint("web-1")["health"], "unknown")
        state["ready"] = True
        until(lambda: self.daemon.endpoint("web-1")["health"] == "healthy", "the first success")
        self.assertEqual(self.daemon.endpoint("web-1")["health_reason"], "")

    def test_a_refused_probe_says_which_port(self):
        held, port = held_port()
        with held:
            self.publish([endpoint("web-1", port, "warming")])
            want = "connection refused on port %d" % port
            until(lambda: self.daemon.fresh() and
                  self.daemon.endpoint("web-1")["health_reason"] == want, "the reason")

    def test_the_probe_of_a_silent_instance_times_out(self):
        origin = self.origin(lambda stream, _n: stream.rest())
        self.publish([endpoint("web-1", origin.port, "warming")],
                     health={"kind": "http", "path": "/up", "timeout": 100})
        until(lambda: self.daemon.fresh() and "no answer to GET /up within 100 ms" in
              self.daemon.endpoint("web-1")["health_reason"], "the reason")

    def test_a_starting_instance_that_drops_the_first_packets_is_found_soon(self):
        with socket.socket() as listener, contextlib.ExitStack() as others:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            # Once its queue is full the kernel drops who knocks, as a link that just came up does.
            for _ in range(4):
                other = others.enter_context(socket.socket())
                other.setblocking(False)
                other.connect_ex(listener.getsockname())
            port = listener.getsockname()[1]
            self.publish([endpoint("web-1", port, "warming")])
            want = f"no connection to port {port} within 200 ms"
            until(lambda: self.daemon.fresh()["endpoints"][0]["health_reason"] == want, want)

    def test_an_unhealthy_endpoint_gets_no_request(self):
        error = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
        sick = self.origin(serving(lambda head, body: error))
        health = {"kind": "http", "path": "/", "interval": 100, "unhealthy_after": 2}
        self.publish([endpoint("web-1", sick.port), endpoint("web-2", self.good().port)],
                     health=health)
        until(lambda: self.daemon.endpoint("web-1")["health"] == "unhealthy", "the verdict")
        self.workers_have_heard()
        for _ in range(10):
            self.assertEqual(self.get()[0].status, 200)

    def test_metrics_are_on_the_socket_and_on_the_port(self):
        self.publish([endpoint("web-1", self.good().port)])
        self.get()
        # It is counted right after its answer has left.
        until(lambda: self.daemon.fresh()["apps"][0]["requests_total"] == 1, "the count")
        self.daemon.send({"get": "metrics"})
        until(lambda: self.daemon.metrics, "the metrics")
        listen = self.stderr().split("metrics listen=")[1].split()[0]
        with urllib.request.urlopen("http://%s/metrics" % listen) as answer:
            text = answer.read().decode()
        for one in (text, self.daemon.metrics):
            self.assertIn('moln_app_requests_total{app="default/shop",process="web"} 1\n', one)
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen("http://%s/" % listen)

    def test_open_connections_are_told_beside_the_report(self):
        self.publish([endpoint("web-1", self.good().port)])
        idle = [self.client() for _ in range(3)]
        until(lambda: self.daemon.fresh() and self.daemon.counts["connections_open"] == 3,
              "the connections")
        self.assertEqual(self.daemon.counts["log_lines_dropped_total"], 0)
        for client in idle:
            client.close()
        until(lambda: self.daemon.fresh() and self.daemon.counts["connections_open"] == 0,
              "their end")

    def test_the_counts_of_requests_and_errors_are_exact(self):
        def answer(head, _body):
            if "bad" in head.first:
                return b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
            return ok()

        self.publish([endpoint("web-1", self.origin(serving(answer)).port)])
        for i in range(30):
            self.get("/bad" if i % 3 == 0 else "/good")
        # The last one is counted right after its answer has left, and at last it is open no more.
        until(lambda: self.daemon.fresh()["apps"][0]["requests_total"] == 30 and
              self.daemon.endpoint("web-1")["requests_open"] == 0, "the last count")
        report = self.daemon.fresh()
        self.assertEqual((report["apps"][0]["requests_total"], report["apps"][0]["errors_total"],
                          sum(report["apps"][0]["latency_counts"])), (30, 10, 30))
        one = self.daemon.endpoint("web-1")
        self.assertEqual((one["requests_total"], one["errors_total"], one["requests_open"]),
                         (30, 10, 0))

    def test_an_open_request_is_counted_and_aged(self):
        go = threading.Event()

        def script(stream, _number):
            stream.head()
            go.wait(20)
            stream.send(ok())

        self.publish([endpoint("web-1", self.origin(script).port)])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: self.daemon.fresh() and
              self.daemon.endpoint("web-1")["requests_open"] == 1 and
              self.daemon.endpoint("web-1")["oldest_open"] >= 5, "the open request")
        go.set()
        client.body(client.head())
        until(lambda: self.daemon.fresh() and
              self.daemon.endpoint("web-1")["requests_open"] == 0, "its end")

    def test_the_control_thread_lets_workers_go_before(self):
        """It is the process's first; some others, which compress, are behind it."""
        pid = self.process.pid
        nices = [os.getpriority(os.PRIO_PROCESS, int(one))
                 for one in os.listdir("/proc/%d/task" % pid) if int(one) != pid]
        own = os.getpriority(os.PRIO_PROCESS, 0)
        self.assertGreaterEqual(nices.count(own), self.threads)
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), min(19, own + 15))

    def test_a_second_sigterm_ends_at_once(self):
        self.publish([endpoint("web-1", self.origin(lambda s, _n: s.rest()).port)])
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: self.daemon.fresh() and
              self.daemon.endpoint("web-1")["requests_open"] == 1, "the request")
        self.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in self.stderr(), "the first signal")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(20), 1)

    def test_the_log_is_opened_again_on_sighup(self):
        self.publish([endpoint("web-1", self.good().port)])
        self.get("/first")
        self.log_lines(1)
        os.rename(self.dir + "/access.log", self.dir + "/access.old")
        self.process.send_signal(signal.SIGHUP)
        until(lambda: os.path.exists(self.dir + "/access.log"), "the new log")
        self.get("/second")
        self.assertEqual(self.log_lines(1)[0]["path"], "/second")

    def ask_while_the_log_is_set_aside(self, times, policy=os.SCHED_OTHER):
        """Returns the paths that were asked for and those in all logs, once each of the first is
        in one or was counted as dropped: what waits for a writer that does not come is bounded."""
        self.publish([endpoint("web-1", self.good().port)])
        stop = threading.Event()
        asked = []

        def ask(number):
            stream = self.client()
            count = 0
            while not stop.is_set():
                self.get(f"/{number}/{count}", stream=stream)
                asked.append(f"/{number}/{count}")
                count += 1

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        log = pathlib.Path(self.dir, "access.log")
        os.sched_setscheduler(self.process.pid, policy, os.sched_param(0))
        for number in range(times):
            until(lambda: log.exists() and log.stat().st_size > 4096, "some lines")
            log.rename(f"{log}.{number}")
            self.process.send_signal(signal.SIGHUP)
        until(log.exists, "the last log")
        os.sched_setscheduler(self.process.pid, os.SCHED_OTHER, os.sched_param(0))
        stop.set()
        for thread in threads:
            thread.join()

        def lines():
            return [line for file in log.parent.glob("access.log*")
                    for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]

        def dropped():
            text = self.daemon.metrics_text()
            return int(re.search(r"^moln_edge_log_lines_dropped_total (\d+)$", text, re.M)[1])

        until(lambda: len(lines()) + dropped() == len(asked), "all lines")
        return asked, [json.loads(line)["path"] for line in lines()]

    def test_no_line_is_lost_or_torn_while_the_log_is_set_aside(self):
        asked, logged = self.ask_while_the_log_is_set_aside(20)
        self.assertEqual(len(logged), len(set(logged)), "none is there twice")
        self.assertLessEqual(set(logged), set(asked))

    def test_a_line_for_which_there_is_no_room_is_counted_and_the_others_are_whole(self):
        """Its writer gets what is left of the processors, which may be little."""
        asked, logged = self.ask_while_the_log_is_set_aside(5, os.SCHED_IDLE)
        self.assertEqual(len(logged), len(set(logged)), "none is there twice")
        self.assertLessEqual(set(logged), set(asked))

    def refusal(self, *options):
        """Starts a second edge that must not start; returns what it said."""
        result = subprocess.run([PROGRAM, *options, *EXTRA], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(result.returncode, 2)
        return result.stderr

    def test_a_second_edge_on_the_same_state_is_refused(self):
        said = self.refusal("--listen", "127.0.0.1:0", "--control", self.dir + "/other", "--state",
                            self.dir + "/state")
        self.assertIn("process %d" % self.process.pid, said)

    def test_what_cannot_be_bound_is_named(self):
        os.mkdir(self.dir + "/two")
        base = ("--control", self.dir + "/c2", "--state", self.dir + "/two", "--listen")
        taken = "%s:%d" % self.address
        self.assertIn(taken, self.refusal(*base, taken))
        self.assertIn("choose another", self.refusal(*base, taken))
        self.assertIn("192.0.2.1:80", self.refusal(*base, "192.0.2.1:80"))
        self.assertIn("nonsense", self.refusal(*base, "nonsense"))
        self.assertIn("loopback", self.refusal(*base, "127.0.0.1:0", "--metrics", "0.0.0.0:0"))
        self.assertIn("another process listens", self.refusal(
            "--control", self.dir + "/control", "--state", self.dir + "/two", "--listen",
            "127.0.0.1:0"))

    def test_an_idle_edge_is_small(self):
        self.publish([endpoint("web-1", self.good().port)])
        self.get()
        if not EXTRA:  # sanitizers have their own idea of small
            self.assertLess(self.memory_kib(), 15 * 1024)


class Stop(EdgeCase):
    threads = 1  # who sees an idle connection end knows that the one worker has been told

    def test_sigterm_finishes_what_was_begun(self):
        go = threading.Event()

        def script(stream, _number):
            stream.head()
            go.wait(20)
            stream.send(ok("finished"))

        self.publish([endpoint("web-1", self.origin(script).port)])
        idle, begun = self.client(), self.client()
        begun.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: self.daemon.fresh() and
              self.daemon.endpoint("web-1")["requests_open"] == 1, "the request")
        self.process.send_signal(signal.SIGTERM)
        self.assertTrue(idle.closed())
        go.set()
        head = begun.head()
        self.assertEqual(begun.body(head), b"finished")
        self.assertEqual(head.get("connection"), "close")
        self.assertEqual(self.process.wait(20), 0)

    def test_sigterm_finishes_what_waits_in_the_backlog(self):
        origin = self.origin(serving(lambda head, body: ok("finished")))
        self.publish([endpoint("web-1", origin.port)])

        def connect():  # without TLS, which wants to be answered before
            return Stream(socket.create_connection(self.address, timeout=PATIENCE))

        kept = connect()
        self.get(stream=kept)
        self.freeze()
        # More than both workers take at once.
        clients = [kept, *(connect() for _ in range(600))]
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.process.send_signal(signal.SIGTERM)
        self.thaw()
        for client in clients:
            self.assertEqual(client.body(client.head()), b"finished")
            client.close()
        self.assertEqual(self.process.wait(20), 0)


@unittest.skipUnless(os.geteuid() == 0, "dropping privileges needs root")
class Privileges(EdgeCase):
    options = ("--uid", "65534", "--gid", "65534")

    # As in the product: the folder above the state is closed to the edge's user.
    def command(self):
        return [*super().command(), "--access-log", self.dir + "/state/access.log"]

    def test_the_log_is_opened_again_by_another_user(self):
        self.publish([endpoint("web-1", self.origin(serving(lambda head, body: ok())).port)])
        log = pathlib.Path(self.dir, "state", "access.log")
        self.get("/first")
        until(lambda: "/first" in log.read_text(), "the line")
        log.rename(str(log) + ".1")
        self.process.send_signal(signal.SIGHUP)
        until(log.exists, "the new log")
        self.get("/second")
        until(lambda: "/second" in log.read_text(), "the line")

    def test_it_runs_as_the_user_it_was_told_and_still_saves(self):
        origin = self.origin(serving(lambda head, body: ok()))
        self.publish([endpoint("web-1", origin.port)])
        self.assertEqual(self.get()[0].status, 200)
        with open("/proc/%d/status" % self.process.pid) as file:
            status = dict(line.split(":", 1) for line in file)
        self.assertEqual(status["Uid"].split(), ["65534"] * 4)
        self.assertEqual(status["Gid"].split(), ["65534"] * 4)
        self.assertEqual(status["Groups"].split(), [])
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        if not EXTRA:
            self.assertEqual(status["Seccomp"].strip(), "2")
        self.assertEqual(os.stat(self.dir + "/control").st_mode & 0o777, 0o600)
        with open(self.dir + "/state/snapshot.json") as file:
            self.assertEqual(json.load(file)["version"], self.version)


if __name__ == "__main__":
    unittest.main()
