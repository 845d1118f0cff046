"""A new binary: the daemon is started again, the edge is replaced under load, nobody notices."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import apps
from cloud import EXAMPLES, MOLN, PATIENCE_S, Cloud, Load, WebSocket, has_ended, wait_until
from test_streams import ECHO, Line, app, free_port


class Node(Cloud):
    """A daemon as a service manager runs it, of programs that a test may replace."""

    def __init__(self, arguments=()):
        super().__init__(arguments=["-v", *arguments])
        self.programs = pathlib.Path(tempfile.mkdtemp(prefix="moln-programs-", dir="/var/tmp"))
        for name in ("moln", "moln-init"):
            shutil.copy2(pathlib.Path(MOLN).parent / name, self.programs / name)
        self.program = str(self.programs / "moln")

    def __enter__(self):
        self.up("daemon")
        return self

    def __exit__(self, *how):
        super().__exit__(*how)
        shutil.rmtree(self.programs)

    def update(self, content=None):
        """As a package does it: a new file of the same name."""
        fresh = self.programs / "moln.new"
        if content is None:
            shutil.copy2(MOLN, fresh)
        else:
            fresh.write_text(content)
            fresh.chmod(0o755)
        fresh.rename(self.program)

    def restart(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        assert code == 143, code
        self.up("daemon")

    def upgrade(self):
        """By a new program and a daemon that runs it. The pid of the edge that was replaced."""
        before = self.edge_pid()
        self.update()
        self.restart()
        wait_until("the new edge", lambda: self.edge_pid() not in (before, 0))
        return before

    def events(self, name):
        lines = self.cli("events", "--json").stdout.splitlines()
        return [one for one in map(json.loads, lines) if one["name"] == name]

    def edge_files(self):
        return sorted(os.listdir(self.data + "/run/edge"))

    def newest_edge(self):
        """Its number. With its pid in its lock it has nothing of the daemon's any more."""
        locks = pathlib.Path(self.data, "run/edge").glob("*.lock")
        return max(int(lock.stem) for lock in locks if lock.read_text().strip())

    def wait_for_one_edge(self):
        wait_until("the files of one edge", lambda: len(self.edge_files()) == 2)


class Upgrade(unittest.TestCase):
    def test_upgrades_under_load_fail_no_request(self):
        with Node() as cloud:
            cloud.cli("deploy", apps.web("v1", apps.web_toml(instances=2)))
            with Load(cloud, "shop.localhost") as load:
                for number in (2, 3, 4):
                    before = cloud.upgrade()
                    # What the control plane does goes on meanwhile.
                    cloud.cli("deploy", apps.web(f"v{number}", apps.web_toml(instances=2)))
                    load.wait_for(50)
                    wait_until("the end of the edge that was replaced", lambda: has_ended(before))
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertIn("v4", load.bodies)
            self.assertEqual(len(cloud.events("edge.upgraded")), 3)
            cloud.wait_for_one_edge()
            self.assertEqual(cloud.json("status")["edge"]["leaving"], [])

    def test_a_daemon_of_the_same_program_leaves_the_edge_alone(self):
        with Node() as cloud:
            before = cloud.edge_pid()
            cloud.restart()
            self.assertEqual(cloud.edge_pid(), before)
            # And one that is asked for a new one makes it.
            os.kill(cloud.daemon_pid(), signal.SIGUSR2)
            wait_until("the new edge", lambda: cloud.edge_pid() not in (before, 0))
            wait_until("the end of the other", lambda: has_ended(before))

    def test_an_instance_waits_for_what_an_edge_that_was_replaced_has_open_there(self):
        with Node() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            line = WebSocket(cloud, "chat.localhost")
            edges = [cloud.upgrade(), cloud.upgrade()]
            wait_until("the end of the edge between", lambda: has_ended(edges[1]))
            # The daemon may hear of that end a moment later.
            wait_until("what it has open", lambda: [
                (one["pid"], one["tunnels_open"])
                for one in cloud.json("status")["edge"]["leaving"]] == [(edges[0], 1)])
            self.assertIn("was replaced", cloud.cli("status").stdout)
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            cloud.cli("restart", "--app", "chat")
            draining = wait_until("an instance that drains for its socket", lambda: [
                i for i in cloud.ps("chat", "draining") if "1 websocket" in i["text"]])
            # Also by a daemon that knew of neither.
            cloud.restart()
            wait_until("the drain to go on", lambda: [
                i for i in cloud.ps("chat", "draining") if "1 websocket" in i["text"]])
            self.assertEqual(len(draining), 1)
            line.send("still here")
            self.assertIn("still here", line.receive())
            line.close()
            wait_until("the end of the first edge", lambda: has_ended(edges[0]))
            wait_until("the drained instance to be gone", lambda: len(cloud.ps("chat")) == 1)
            cloud.wait_for_one_edge()

    def test_ports_without_http_move_and_a_connection_stays(self):
        with Node(["--streams-in-edge"]) as cloud:
            port = free_port()
            cloud.cli("deploy", app("line", ECHO, f"tcp:{port}"))

            def connected():
                with contextlib.suppress(OSError):
                    return Line(port)

            kept = wait_until("the port", connected)
            before = cloud.upgrade()
            self.assertEqual(kept.ask("still here"), "still here")
            other = Line(port)
            self.assertEqual(other.ask("new"), "new")
            self.assertFalse(has_ended(before))
            kept.close()
            wait_until("the end of the edge that was replaced", lambda: has_ended(before))
            self.assertEqual(other.ask("again"), "again")
            other.close()

    def test_a_new_edge_that_does_not_come_up_is_told_of_and_the_old_one_serves(self):
        with Node() as cloud:
            cloud.cli("deploy", apps.web("good"))
            before = cloud.edge_pid()
            with Load(cloud, "shop.localhost") as load:
                cloud.update("#!/bin/sh\necho 'edge: not_started reason=no luck' >&2\nexit 2\n")
                os.kill(cloud.daemon_pid(), signal.SIGUSR2)
                failed = wait_until("the event", lambda: cloud.events("edge.upgrade_failed"))
                load.wait_for(20)
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertIn("no luck", failed[0]["text"])
            self.assertEqual(cloud.edge_pid(), before)
            cloud.wait_for_one_edge()
            cloud.update()
            cloud.restart()
            wait_until("the new edge", lambda: cloud.edge_pid() not in (before, 0))

    def test_a_new_edge_that_dies_leaves_its_sockets_to_the_next(self):
        with Node() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            line = WebSocket(cloud, "chat.localhost")
            first = cloud.upgrade()
            second = cloud.edge_pid()
            os.kill(second, signal.SIGKILL)
            # Neither refused nor reset: it waits in the backlog that the first edge has kept.
            self.assertEqual(cloud.get("chat.localhost", "/")[0], 200)
            wait_until("the next edge", lambda: cloud.edge_pid() not in (first, second, 0))
            line.send("still here")
            self.assertIn("still here", line.receive())
            line.close()
            wait_until("the end of the first", lambda: has_ended(first))

    def test_a_daemon_that_dies_in_the_middle_of_it_finds_both(self):
        with Node() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            line = WebSocket(cloud, "chat.localhost")
            for _ in range(3):
                before, newest = cloud.edge_pid(), cloud.newest_edge()
                os.kill(cloud.daemon_pid(), signal.SIGUSR2)
                wait_until("another edge", lambda: cloud.newest_edge() > newest)
                cloud.kill()
                self.assertEqual(cloud.get("chat.localhost", "/")[0], 200)
                cloud.up("daemon")
                wait_until("the new edge", lambda: cloud.edge_pid() not in (before, 0))
            line.send("still here")
            self.assertIn("still here", line.receive())
            line.close()
            cloud.wait_for_one_edge()

    def assert_another_serves(self, cloud, hung):
        wait_until("another edge", lambda: cloud.edge_pid() not in (hung, 0))
        self.assertTrue(has_ended(hung))
        self.assertEqual(cloud.get("shop.localhost"), (200, "v1"))
        told = cloud.events("edge.hangs")
        self.assertEqual(len(told), 1)
        self.assertIn(f"process {hung}, says nothing any more", told[0]["text"])
        cloud.wait_for_one_edge()

    def test_an_edge_that_hangs_as_the_daemon_comes_back_is_ended(self):
        with Node() as cloud:
            cloud.cli("deploy", apps.web("v1"))
            hung = cloud.edge_pid()
            os.kill(hung, signal.SIGSTOP)
            cloud.restart()
            self.assert_another_serves(cloud, hung)

    def test_an_edge_that_hangs_as_it_is_replaced_is_ended(self):
        with Node() as cloud:
            cloud.cli("deploy", apps.web("v1"))
            hung = cloud.edge_pid()
            os.kill(hung, signal.SIGSTOP)
            wait_until("it to be missed", lambda: not cloud.json("status")["edge"]["connected"])
            failed = cloud.cli("edge", "upgrade", check=False)
            self.assertEqual(failed.returncode, 1, failed.stderr)
            self.assertIn("the old one hangs and is ended, another is started", failed.stderr)
            self.assert_another_serves(cloud, hung)

    def test_an_edge_that_hangs_as_it_finishes_keeps_no_instance_from_its_end(self):
        """Nobody would hear that nothing is open there any more."""
        with Node() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            line = WebSocket(cloud, "chat.localhost")
            hung = cloud.edge_pid()
            cloud.cli("edge", "upgrade")
            serving = cloud.edge_pid()
            wait_until("it to leave", lambda: cloud.json("status")["edge"]["leaving"])
            os.kill(hung, signal.SIGSTOP)
            wait_until("its end", lambda: has_ended(hung))
            cloud.cli("restart", "--app", "chat")
            wait_until("the drained instance to be gone", lambda: len(cloud.ps("chat")) == 1)
            line.close()
            self.assertEqual(cloud.edge_pid(), serving)
            told = cloud.events("edge.hangs")
            self.assertEqual(len(told), 1)
            self.assertIn(f"process {hung}, says nothing any more", told[0]["text"])
            self.assertIn("another serves", told[0]["text"])
            cloud.wait_for_one_edge()

    def test_an_edge_that_hangs_does_not_keep_the_node_up(self):
        with Node() as cloud:
            hung = cloud.edge_pid()
            os.kill(hung, signal.SIGSTOP)
            wait_until("it to be missed", lambda: not cloud.json("status")["edge"]["connected"])
            cloud.cli("down")
            wait_until("its end", lambda: has_ended(hung))
            cloud.process.wait(PATIENCE_S)

    def test_other_ports_are_opened_and_closed_by_an_upgrade_and_a_limit_cuts(self):
        with Node() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            line = WebSocket(cloud, "chat.localhost")
            before, old_port = cloud.edge_pid(), cloud.edge_port
            new_port = cloud.edge_port = free_port()
            cloud.arguments += ["--edge-drain-limit", "1s"]
            cloud.update()
            cloud.restart()
            wait_until("the new edge", lambda: cloud.edge_pid() not in (before, 0))
            wait_until("the new port",
                       lambda: cloud.json("status")["edge"]["listens"] ==
                       [f"127.0.0.1:{new_port}"])
            cloud.edge_port = new_port
            self.assertEqual(cloud.get("chat.localhost", "/")[0], 200)

            def refused():
                try:
                    socket.create_connection(("127.0.0.1", old_port), PATIENCE_S).close()
                    return False
                except ConnectionRefusedError:
                    return True

            wait_until("the old port to be closed", refused)
            with self.assertRaises(OSError):
                line.receive()
            line.close()
            wait_until("the end of the edge that was replaced", lambda: has_ended(before))


class Verbs(unittest.TestCase):
    """`moln edge upgrade`, `moln edge status` and `moln top --routes`."""

    def begin_upgrade(self, cloud, *options):
        verb = subprocess.Popen([MOLN, "edge", "upgrade", *options], text=True,
                                env=cloud.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def end():
            verb.kill()
            verb.communicate()

        self.addCleanup(end)
        return verb

    def test_an_upgrade_that_is_waited_for_fails_no_request_and_ends_with_the_last_socket(self):
        with Node() as cloud:
            cloud.cli("deploy", EXAMPLES / "chat-websocket", "--app", "chat")
            cloud.cli("deploy", apps.web("v1"))
            line = WebSocket(cloud, "chat.localhost")
            before = cloud.edge_pid()
            with Load(cloud, "shop.localhost") as load:
                load.wait_for(20)
                verb = self.begin_upgrade(cloud, "--wait")
                told = []
                for words in verb.stderr:
                    told.append(words.strip())
                    if "drains: 1 websocket, oldest" in words:
                        break
                after = cloud.edge_pid()
                self.assertNotEqual(after, before)
                self.assertEqual(told[:2], [
                    f"process {after} starts; process {before} serves until it does",
                    f"process {after} serves"])
                self.assertIn(f"process {before} drains", told[-1])
                serving, leaving = cloud.items("edge", "status")
                self.assertEqual([(one["pid"], one["state"]) for one in (serving, leaving)],
                                 [(after, "serving"), (before, "leaving")])
                self.assertEqual(leaving["tunnels_open"], 1)
                self.assertEqual(serving["listens"], [f"127.0.0.1:{cloud.edge_port}"])
                self.assertEqual(serving["tls_listens"], [f"127.0.0.1:{cloud.tls_port}"])
                wait_until("connections", lambda: cloud.items(
                    "edge", "status")[0]["connections_open"] >= 1)
                shown = cloud.cli("edge", "status").stdout
                self.assertRegex(shown, rf"{before} +leaving .* 1 websocket, oldest ")
                self.assertRegex(shown, rf"{after} +serving ")
                self.assertIn(f"127.0.0.1:{cloud.edge_port}\n", shown)
                load.wait_for(50)
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertIsNone(verb.poll())
            self.assertFalse(has_ended(before))
            line.send("still here")
            self.assertIn("still here", line.receive())
            line.close()
            out, _ = verb.communicate(timeout=PATIENCE_S)
            self.assertEqual(verb.returncode, 0)
            self.assertEqual(
                out, f"process {after} serves; process {before} has finished and ended\n")
            wait_until("its end", lambda: has_ended(before))
            self.assertEqual([one["pid"] for one in cloud.items("edge", "status")], [after])

    def test_an_upgrade_is_done_when_the_new_process_serves(self):
        with Node() as cloud:
            before = cloud.edge_pid()
            done = cloud.json("edge", "upgrade")
            self.assertEqual((done["stage"], done["pid_before"]), ("serving", before))
            self.assertEqual(cloud.edge_pid(), done["pid"])
            begun = cloud.json("edge", "upgrade", "--no-wait")
            self.assertEqual((begun["stage"], begun["pid_before"]), ("begun", done["pid"]))
            wait_until("the third", lambda: cloud.edge_pid() == begun["pid"])
            cloud.wait_for_one_edge()

    def test_an_upgrade_that_cannot_be_says_why_and_leaves_the_old_edge_serving(self):
        with Node() as cloud:
            cloud.cli("deploy", apps.web("good"))
            before = cloud.edge_pid()
            with Load(cloud, "shop.localhost") as load:
                cloud.update("#!/bin/sh\necho 'edge: not_started reason=no luck' >&2\nexit 2\n")
                failed = cloud.cli("edge", "upgrade", check=False)
                self.assertEqual(failed.returncode, 1, failed.stderr)
                self.assertIn("the old one serves on: edge: not_started reason=no luck",
                              failed.stderr)
                # Without a word of its own it is not blamed for another's.
                cloud.update("#!/bin/sh\nexit 2\n")
                failed = cloud.cli("edge", "upgrade", "--wait", check=False)
                self.assertEqual(failed.returncode, 1, failed.stderr)
                self.assertIn("the edge ended without a word", failed.stderr)
                pathlib.Path(cloud.program).unlink()
                failed = cloud.cli("edge", "upgrade", check=False)
                self.assertEqual(failed.returncode, 1, failed.stderr)
                self.assertIn("could not be started, the old one serves on", failed.stderr)
                load.wait_for(20)
                load.stop()
            self.assertEqual(load.failures, [])
            self.assertEqual([(one["pid"], one["state"])
                              for one in cloud.items("edge", "status")], [(before, "serving")])
            self.assertEqual(len(cloud.events("edge.upgrade_failed")), 3)
            cloud.wait_for_one_edge()
            cloud.update()
            self.assertEqual(cloud.json("edge", "upgrade")["pid_before"], before)

    def test_a_second_upgrade_is_refused_while_one_is_under_way_which_has_its_limit(self):
        with Node() as cloud:
            before = cloud.edge_pid()
            # One that neither serves nor ends: it is ended when its time is over.
            cloud.update("#!/bin/sh\nexec sleep 600\n")
            verb = self.begin_upgrade(cloud)
            pid = int(verb.stderr.readline().split()[1])
            refused = cloud.cli("edge", "upgrade", check=False)
            self.assertEqual(refused.returncode, 4, refused.stderr)
            self.assertIn(f"process {pid} is about to take the place", refused.stderr)
            self.assertEqual([(one["pid"], one["state"])
                              for one in cloud.items("edge", "status")],
                             [(pid, "starting"), (before, "serving")])
            _, told = verb.communicate(timeout=PATIENCE_S)
            self.assertEqual(verb.returncode, 1)
            self.assertIn("did not come up within 30 s, the old one serves on", told)
            wait_until("its end", lambda: has_ended(pid))
            cloud.update()
            self.assertEqual(cloud.json("edge", "upgrade")["pid_before"], before)

    def test_status_says_why_a_port_is_not_open(self):
        with Node() as cloud, socket.socket() as taken:
            taken.bind(("0.0.0.0", 0))
            taken.listen()
            port = taken.getsockname()[1]
            cloud.cli("deploy", app("line", ECHO, f"tcp:{port}"))
            told = wait_until("the problem", lambda: [
                one for one in cloud.items("edge", "status")[0]["streams"] if one["problem"]])
            self.assertEqual(told[0]["listen"], f"tcp:{port}")
            self.assertIn(f"tcp:{port}", cloud.cli("edge", "status").stdout)
            self.assertIn("not open: ", cloud.cli("edge", "status").stdout)

    def test_routes_have_rates_over_an_upgrade(self):
        with Node() as cloud:
            cloud.cli("deploy", apps.web("v1"))
            cloud.cli("deploy", apps.web("quiet", name="quiet"))
            cloud.cli("route", "add", "kept.localhost", "--app", "shop", "--cache",
                      "--cache-ttl", "1h")
            cloud.wait_for("kept.localhost")

            def routes():
                view = cloud.json("top", "--routes", "--once", "--interval", "1")
                return {one["host"]: one for one in view["routes"]}

            with Load(cloud, "shop.localhost") as load, Load(cloud, "kept.localhost") as kept:
                load.wait_for(10)
                kept.wait_for(10)
                top = routes()
                shop = top["shop.localhost"]
                self.assertEqual(shop["app"], "default/shop")
                self.assertGreater(shop["requests_per_s"], 0)
                self.assertEqual(shop["errors_per_s"], 0)
                self.assertLessEqual(shop["p50_us"], shop["p99_us"])
                self.assertGreater(shop["bytes_out_per_s"], 0)
                self.assertIsNone(shop["cache_hit_percent"])
                self.assertEqual(top["kept.localhost"]["cache_hit_percent"], 100)
                self.assertEqual(top["quiet.localhost"]["requests_per_s"], 0)
                self.assertIsNone(top["quiet.localhost"]["p50_us"])
                one = cloud.json("top", "--routes", "--once", "--interval", "1", "--limit", "1")
                self.assertIn(one["routes"][0]["host"], ("shop.localhost", "kept.localhost"))
                self.assertEqual(one["left_out"], len(top) - 1)
                shown = cloud.cli("top", "--routes", "--once", "--interval", "1", "--app", "quiet")
                self.assertRegex(shown.stdout, r"quiet\.localhost +quiet +0\.0 ")
                self.assertNotIn("shop.localhost", shown.stdout)
                cloud.cli("edge", "upgrade", "--wait")
                load.wait_for(10)
                self.assertGreater(routes()["shop.localhost"]["requests_per_s"], 0)
                load.stop()
                kept.stop()
            self.assertEqual(load.failures + kept.failures, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
