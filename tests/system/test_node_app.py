"""A large app from the npm registry that nobody here wrote: Node-RED, some three hundred packages,
fetched by the sandboxed build. Needs the network: lab/netns.sh --uplink."""
import json
import pathlib
import subprocess
import unittest

import apps
from cloud import Cloud, Load, WebSocket, wait_until

FILES = {
    "package.json": json.dumps({
        "name": "flows", "private": True, "dependencies": {"node-red": "3.1.15"},
        "scripts": {"start": "node-red --port $PORT --userDir /flows"}}),
    "moln.toml": '[[volume]]\nname = "flows"\npath = "/flows"\n[health]\npath = "/settings"\n'
                 '[process.web]\nmemory = "512M"\n'}
# An HTTP endpoint, made in the editor by its own API.
FLOW = [{"id": "t", "type": "tab", "label": "greet"},
        {"id": "in", "type": "http in", "z": "t", "url": "/greet", "method": "get",
         "wires": [["say"]]},
        {"id": "say", "type": "template", "z": "t", "field": "payload", "syntax": "mustache",
         "template": "hello from a flow", "wires": [["out"]]},
        {"id": "out", "type": "http response", "z": "t", "wires": []}]


def registry_answers():
    done = subprocess.run(["npm", "ping", "--fetch-retries=0", "--fetch-timeout=20000"],
                          capture_output=True, check=False)
    return done.returncode == 0


class NodeApp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not registry_answers():
            print("SKIPPED: the npm registry cannot be reached from here (`npm ping` fails)")
            raise unittest.SkipTest("the npm registry cannot be reached from here")
        cls.cloud = Cloud()
        cls.cloud.up()
        cls.addClassCleanup(cls.cloud.__exit__, None, None, None)

    def test_node_red_is_built_serves_and_keeps_its_flows_over_a_release(self):
        cloud, host = self.cloud, "flows.localhost"
        cloud.cli("deploy", apps.folder(FILES, "flows"))
        self.assertIn("Node-RED", cloud.get(host)[1])
        made = cloud.get(host, "/flows", "POST", json.dumps(FLOW),
                         {"Content-Type": "application/json"})
        self.assertEqual(made[0], 204, made)
        cloud.wait_for(host, "/greet", contains="hello from a flow")
        editor = WebSocket(cloud, host, "/comms")
        editor.send('{"subscribe": "status/#"}')
        editor.close()

        # The volume has one writer: requests wait for the new instance, and none is lost.
        def expected(_, body):
            return body == "hello from a flow"
        with Load(cloud, host, 2, "/greet", expected) as load:
            load.wait_for(10)
            before = {i["id"] for i in cloud.ps("flows")}
            cloud.cli("env", "set", "TZ=Europe/Stockholm", "--app", "flows")
            load.wait_for(10)
        self.assertEqual(load.failures, [])
        wait_until("the old instance to be gone",
                   lambda: before.isdisjoint({i["id"] for i in cloud.ps("flows")}))

    def test_the_same_packages_are_not_fetched_twice(self):
        folder = apps.folder({"package.json": json.dumps({
            "private": True, "dependencies": {"express": "^4.19.0", "lodash": "4.17.21"}}),
            "server.js": "const app = require('express')();\n"
                         "app.get('/', (_, answer) => answer.send('express'));\n"
                         "app.listen(process.env.PORT);\n"}, "twice")
        self.cloud.cli("deploy", folder)
        self.assertEqual(self.cloud.get("twice.localhost"), (200, "express"))
        again = self.cloud.cli("deploy", folder)
        self.assertIn("unchanged: layer", again.stderr)
        pathlib.Path(folder, "server.js").write_text("syntax error(\n")
        broken = self.cloud.cli("deploy", folder, check=False)
        self.assertEqual(broken.returncode, 1, broken.stderr)
        self.assertIn("SyntaxError", broken.stderr)
        self.assertEqual(self.cloud.get("twice.localhost"), (200, "express"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
