"""A long random conversation: clients of all manners, instances that fail in every way, endpoints
that come, drain and go, settings that change, edges that are replaced under way.

What must hold whatever happens: nobody gets a byte of another's answer; what was cut never looks
whole, on either side; a POST reaches one instance at most; no request to instances that do as they
should fails; who asks behind a purge gets nothing of before it. In the end nothing is open, and a
line of the access log is there for each answer.

MOLN_CHAOS_SECONDS says for how long, MOLN_CHAOS_SEED what is drawn. Threads make each run another
one; the plan of a request that went wrong is in what the failure says.
"""

import collections
import itertools
import json
import os
import random
import socket
import ssl
import threading
import time
import unittest

from chaos_clients import CacheClient, GarbageClient, Http1Client, Http2Client
from chaos_instances import Http1, Http2, judge, shadow
from chaos_objects import Objects
from chaos_plan import Plan
from harness import OVER_TLS, PATIENCE, SANITIZED, endpoint, serving, until
from upgrade_test import Upgrading

SECONDS = float(os.environ.get("MOLN_CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("MOLN_CHAOS_SEED", "0")) or random.randrange(1 << 32)
HOSTS = ("good.test", "bad.test", "h2c.test", "badh2c.test", "asked.test")
APPS = ("good", "bad", "h2c", "badh2c", "asked", "cache", "shadow", "judge")
SOUND = ("good", "h2c", "asked", "cache", "judge")  # whose instances do as they should
MEMORY_KIB = 200 * 1024  # more than at the start, with a cache of 32 MiB and two edges' worth


class World:
    """What clients and instances share."""

    def __init__(self, case):
        self.case = case
        self.stop = threading.Event()
        self.failures = []
        self.plans = {}
        self.numbers = itertools.count()
        self.objects = Objects()
        self.answers = {}  # (status, bytes) by token: answers that came whole
        self.contexts = {h2: self.context(h2) for h2 in (False, True)}

    @staticmethod
    def context(h2):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if h2:
            context.set_alpn_protocols(["h2"])
        return context

    def token(self):
        return "t-%d" % next(self.numbers)

    def draw(self, rng):
        host = rng.choice(HOSTS)
        plan = Plan(self.token(), host, rng, host.startswith("bad"))
        self.plans[plan.token] = plan
        return plan

    def connect(self, make, h2=False):
        sock = socket.create_connection(self.case.address if not OVER_TLS else
                                        self.case.tls_address, timeout=PATIENCE)
        if OVER_TLS:
            sock = self.contexts[h2].wrap_socket(sock, suppress_ragged_eofs=False)
        return make(sock)

    def heard(self, plan, status, body, is_whole):
        if is_whole:
            self.answers[plan.token] = (status, len(body))


class Chaos(Upgrading):
    threads = 3

    @property
    def options(self):
        return ("--cache-bytes", str(32 << 20), "--cache-disk", self.dir + "/cache",
                "--cache-disk-bytes", str(64 << 20))

    def setUp(self):
        super().setUp()
        self.rng = random.Random(SEED)
        self.world = World(self)
        self.names = itertools.count()
        self.instances = {}  # by app: origin by name
        self.app_settings = {}
        for app in APPS:
            self.instances[app] = {}
            self.app_settings[app] = {}
            for _ in range(2):
                self.add(app)
        self.tell()

    def add(self, app):
        scripts = {"cache": serving(self.world.objects.answer), "judge": serving(judge),
                   "shadow": shadow, "h2c": Http2.script(self.world.plans),
                   "badh2c": Http2.script(self.world.plans)}
        script = scripts.get(app, Http1(self.world.plans))
        self.instances[app]["%s-%d" % (app, next(self.names))] = self.origin(script)

    def endpoints(self, app, draining):
        return [{**endpoint(name, origin.port, "draining" if name in draining else "active"),
                 "protocol": "h2c" if app.endswith("h2c") else "http"}
                for name, origin in sorted(self.instances[app].items())]

    def tell(self, draining=()):
        apps = {app: {"app": "default/" + app, "process": "web", "health": {"kind": "tcp"},
                      "endpoints": self.endpoints(app, draining), "hold": True,
                      **self.app_settings[app]} for app in APPS}
        judges, shadows = apps.pop("judge"), apps.pop("shadow")
        judges.update(app="default/asked", process="auth")
        # What is sent to the good ones, a new release gets copies of.
        apps["good"]["endpoints"] += [{**one, "release": 2} for one in shadows["endpoints"]]
        apps["good"].update(canary_release=2, canary={"share": 0, "header": "", "cookie": "",
                                                      "mirror": 30})
        routes = [{"host": app + ".test", "path": "/", "app": "default/" + app, "process": "web",
                   **({"cache": {}} if app == "cache" else {}),
                   **({"forward_auth": {"process": "auth", "path": "/check", "copy": []}}
                      if app == "asked" else {})} for app in sorted(apps)]
        self.publish_snapshot(routes, sorted([*apps.values(), judges],
                                             key=lambda one: (one["app"], one["process"])))
        for _process, daemon in self.living():
            until(lambda d=daemon: d.ended or d.report["acked_version"] >= self.version,
                  "all acknowledgements")

    def living(self):
        return [(process, daemon) for process, daemon in
                [*self.before, (self.process, self.daemon)] if process.poll() is None]

    def reports(self):
        """Of all edges, of now."""
        for _process, daemon in self.living():
            try:
                yield daemon.fresh()
            except (OSError, AssertionError):
                # Its reader finds that later; how the edge has ended is looked at in the end.
                until(lambda d=daemon: d.ended, "the end of an edge that does not answer")

    def open_at(self, name):
        """Requests and tunnels of an instance, at all edges."""
        return sum(one["requests_open"] + one["tunnels_open"] for report in self.reports()
                   for one in report["endpoints"] if one["instance"] == name)

    def describe(self):
        """What the edges last said of all that is open, and their last words."""
        said = []
        for process, daemon in self.living():
            report = daemon.report
            said.append("edge %d%s%s: %s" % (
                process.pid, " leaving" * report["leaving"], " hung up" * daemon.ended,
                [one for one in report["endpoints"] + report["apps"]
                 if one.get("requests_open") or one.get("tunnels_open") or one.get("held")]))
        said += ["an instance of %r" % plan for plan in self.world.plans.values()
                 if plan.step in ("read", "stall")]
        return "\n".join(said + self.stderr().splitlines()[-5:])

    # What happens to the edge meanwhile.

    def switch(self):
        """As the plan does: a new one, the old drains for as long as it has anything, then goes."""
        app = self.rng.choice(SOUND)
        old = self.rng.choice(sorted(self.instances[app]))
        self.add(app)
        self.tell(draining={old})
        until(lambda: self.open_at(old) == 0, "the drain of " + old)
        gone = self.instances[app].pop(old)
        self.tell()
        gone.stop()

    def kill(self):
        app = self.rng.choice(("bad", "badh2c", "shadow"))
        name = self.rng.choice(sorted(self.instances[app]))
        self.instances[app].pop(name).stop()
        self.add(app)
        self.tell()

    def set(self):
        app = self.rng.choice(APPS)
        self.app_settings[app] = self.rng.choice((
            {}, {}, {"concurrency": 3}, {"concurrency": 1}, {"affinity": True},
            {"balance": {"by": "path", "name": ""}}, {"balance": {"by": "client", "name": ""}},
            {"slow_start": 200}, {"replay": 0}, {"replay": 10_000}, {"retry": "none"}))
        if app in SOUND:
            self.app_settings[app].pop("retry", None)
        self.tell()

    def purge(self):
        name = self.rng.choice(self.world.objects.names)
        version = self.world.objects.change(name)
        told = []
        for process, daemon in self.living():
            daemon.purged = None
            try:
                daemon.send({"purge": {"scope": "url", "project": "",
                                       "name": "cache.test/" + name}})
                told.append((process, daemon))
            except OSError:
                pass  # it has just ended
        for process, daemon in told:
            until(lambda p=process, d=daemon: d.purged or d.ended, "the purge")
            if daemon.purged and daemon.purged != [""]:
                raise AssertionError("not purged: %r" % daemon.purged)
        self.world.objects.is_purged(name, version)

    def replace(self):
        self.upgrade()
        until(lambda: self.daemon.report["acked_version"] == self.version, "the snapshot it keeps")

    # The conversation.

    def converse(self, clients):
        until_s = time.monotonic() + SECONDS
        threads = [threading.Thread(target=one.run) for one in clients]
        for thread in threads:
            thread.start()
        try:
            turns = (self.switch, self.switch, self.kill, self.set, self.purge, self.purge)
            replaced_s = time.monotonic()
            while time.monotonic() < until_s and not self.world.failures:
                self.rng.choice(turns)()
                if time.monotonic() - replaced_s > 3:
                    self.replace()
                    replaced_s = time.monotonic()
        except AssertionError as error:
            self.world.failures.append("%r\n%s" % (error, self.describe()))
        finally:
            self.world.stop.set()
            for thread in threads:
                thread.join()

    def test_whatever_happens(self):
        memory = self.memory_kib()
        kinds = [Http1Client] * 7 + [Http2Client] * 4 + [CacheClient] * 4 + [GarbageClient]
        clients = [kind(self.world, SEED + number) for number, kind in enumerate(kinds)]
        self.converse(clients)
        self.assertFalse(self.world.failures,
                         "seed %d:\n%s" % (SEED, "\n".join(self.world.failures)))
        done = {kind.__name__: sum(one.done for one in clients if type(one) is kind)
                for kind in set(kinds)}
        self.assertGreater(min(done.values()), SECONDS, done)
        self.assert_tried_as_often_as_may_be()
        self.assert_bodies_came_as_sent()
        self.assert_nothing_is_open()
        for index in range(len(self.before)):
            self.left(index)
        self.assert_logged()
        if not SANITIZED:
            self.assertLess(self.memory_kib() - memory, MEMORY_KIB)
        head, body = self.get_object()
        self.assertEqual((head.status, head.get("x-object").split("/")[0]), (200, "object-1"))

    def get_object(self):
        stream = self.client()
        stream.send("GET /object-1 HTTP/1.1\r\nHost: cache.test\r\n\r\n")
        head = stream.head()
        return head, stream.body(head)

    def assert_tried_as_often_as_may_be(self):
        """A POST once. Others four times, and once more where an idle connection had ended."""
        often = [plan for plan in self.world.plans.values()
                 if len(plan.seen) > (1 if plan.method == "POST" else 5)]
        self.assertEqual(often, [])

    def assert_bodies_came_as_sent(self):
        for plan in self.world.plans.values():
            for body, is_whole in plan.seen:
                self.assertTrue(plan.sent.startswith(body), plan)
                if is_whole:
                    self.assertEqual(len(body), len(plan.sent), plan)

    def assert_nothing_is_open(self):
        def busy():
            found = []
            for report in self.reports():
                found += [one for one in report["endpoints"]
                          if one["requests_open"] or one["tunnels_open"]]
                found += [one for one in report["apps"] if one["held"]]
            return found

        until(lambda: not busy(), "the end of all that was begun")

    def assert_logged(self):
        """One line for each answer that came whole, as its client saw it."""
        def lines():
            by_token = collections.defaultdict(list)
            with open(self.dir + "/access.log") as file:
                for line in file:
                    record = json.loads(line)
                    by_token[record["path"].rpartition("/")[2]].append(record)
            return by_token

        answers = self.world.answers
        until(lambda: answers.keys() <= lines().keys(), "all lines")
        by_token = lines()
        for token, (status, size) in answers.items():
            found = by_token[token]
            self.assertEqual([(one["status"], one["bytes"]) for one in found], [(status, size)],
                             self.world.plans[token])


if __name__ == "__main__":
    unittest.main()
