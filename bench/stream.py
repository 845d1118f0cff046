#!/usr/bin/env python3
"""MB per CPU second of a TCP route: Moln's edge beside Debian's HAProxy, with and without splice,
and beside the kernel's way (docs/TCP.md).

    bench/stream.py --edge build/tests/edge/moln_edge_dev [--rounds 7] [--seconds 2]

Clients connect through each proxy in turn, A-B-C, A-B-C, …; the figure is bytes by CPU seconds
(user and system, of /proc) of all of a proxy's processes: medians over the rounds, and the median
of each round's ratio to the better HAProxy. The kernel has no process: the second figure counts
client and server as well, which do its work, and stands beside connections without anything in
between (`direct`). The server is in a network namespace of its own behind a veth pair, as
instances are. Needs root and an empty network namespace (lab/netns.sh).

`down`: four connections on which the server sends as fast as it can; `echo`: 32 connections on
which 1 KiB goes to and fro; `short`: connections of one such exchange.
"""

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import proxy as bench

HAPROXY = """
global
    maxconn 2000
    nbthread {threads}
    log stdout format raw daemon
defaults
    mode tcp
    log global
    option tcplog
    {splice}
    timeout connect 2s
    timeout client 1h
    timeout server 1h
frontend port
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    balance leastconn
    server one {server}:{origin} check inter 2s
"""

GATEWAY, SERVER, KERNEL_PORT = "10.213.1.1", "10.213.1.2", 5432
# What drivers/network/path_rules.cc writes for one route of one instance.
RULES = """
table ip moln-streams {{
    chain tcp_{port} {{
        ip daddr 127.0.0.1 meta l4proto tcp dnat ip to {choice}
    }}
    chain listens {{
        meta l4proto . th dport vmap {{ tcp . {port} : jump tcp_{port} }}
    }}
    chain of_host {{
        type nat hook output priority -100; policy accept;
        jump listens
    }}
    chain answers {{
        type nat hook postrouting priority 99; policy accept;
        ct status dnat ip saddr 127.0.0.0/8 oifname "mln*" masquerade
    }}
    chain stray_here {{
        type filter hook input priority -1; policy accept;
        ct state invalid meta l4proto . th dport {{ tcp . {port} }} drop
    }}
}}
"""

BLOCK = bytes(1 << 20)


def serve(listener):
    """The server: `d` sends without end, `e` answers each KiB with one."""

    def one(sock):
        with contextlib.suppress(OSError), sock:
            kind = sock.recv(1)
            while kind == b"d":
                sock.sendall(BLOCK)
            while kind == b"e":
                data = sock.recv(1024, socket.MSG_WAITALL)
                if len(data) < 1024:
                    return
                sock.sendall(data)

    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=one, args=(sock,), daemon=True).start()


def run(command, **more):
    subprocess.run(command.split(), check=True, **more)


def make_network(stack):
    """The server's namespace, with the addresses that instances have."""
    run("ip netns add server")
    stack.callback(run, "ip netns del server")
    run("ip link add mln1 type veth peer name eth0 netns server")
    run("ip addr add %s/24 dev mln1" % GATEWAY)
    run("ip link set mln1 up")
    run("ip -n server addr add %s/24 dev eth0" % SERVER)
    run("ip -n server link set eth0 up")
    run("ip -n server route add default via " + GATEWAY)
    for name in ("conf/mln1/route_localnet", "tcp_tw_reuse"):  # as drivers/network sets them
        with open("/proc/sys/net/ipv4/" + name, "w") as file:
            file.write("1")


def start_server(stack):
    """Its process and port."""
    ours, theirs = os.pipe()
    server = os.fork()
    if server == 0:
        with open("/run/netns/server") as namespace:
            if ctypes.CDLL(None).setns(namespace.fileno(), 0) != 0:
                os._exit(1)
        listener = socket.create_server((SERVER, 0), backlog=4096)
        os.write(theirs, b"%d" % listener.getsockname()[1])
        serve(listener)
    stack.callback(os.kill, server, 9)
    return server, int(os.read(ours, 10))


def connect(where):
    sock = socket.create_connection(where, timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def drive(where, what, seconds):
    """Bytes that have passed, both ways, in this time."""
    end = time.monotonic() + seconds
    passed = []

    def down():
        room, total = bytearray(1 << 20), 0
        with connect(where) as sock:
            sock.sendall(b"d")
            while time.monotonic() < end:
                total += sock.recv_into(room)
        passed.append(total)

    def echo():
        total, message = 0, bytes(1024)
        with connect(where) as sock:
            sock.sendall(b"e")
            while time.monotonic() < end:
                sock.sendall(message)
                total += 1024 + len(sock.recv(1024, socket.MSG_WAITALL))
        passed.append(total)

    def short():
        total, message = 0, bytes(1024)
        while time.monotonic() < end:
            with connect(where) as sock:
                sock.sendall(b"e" + message)
                total += 1024 + len(sock.recv(1024, socket.MSG_WAITALL))
        passed.append(total)

    kinds = {"down": (down, 4), "echo": (echo, 32), "short": (short, 8)}
    work, count = kinds[what]
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(passed)


def start_edge(program, folder, origin, threads):
    edge = bench.start_edge(program, folder, origin, threads)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(4096)
    sock.setblocking(False)
    edge.port = sock.getsockname()[1]
    app = {"app": "default/bench", "process": "db", "health": {"kind": "tcp"},
           "endpoints": [{"instance": "db-1", "address": "127.0.0.1", "port": origin,
                          "state": "active", "release": 1}]}
    app["endpoints"][0]["address"] = SERVER
    snapshot = {"version": 2, "epoch": 1, "routes": [], "apps": [app],
                "streams": [{"listen": "tcp:5432", "app": "default/bench", "process": "db"}]}
    edge.daemon.sendall(json.dumps({"snapshot": snapshot}).encode() + b"\n")
    offer = {"listener": {"listen": "tcp:5432", "addresses": ["here"]}}
    socket.send_fds(edge.daemon, [json.dumps(offer).encode() + b"\n"], [sock.fileno()])
    sock.close()
    for line in edge.daemon.makefile("r"):
        if (json.loads(line).get("report", {}).get("streams") or [{}])[0].get("addresses"):
            return edge
    raise SystemExit("the edge did not listen")


@contextlib.contextmanager
def contenders(program, threads):
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="moln-bench-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        bench.make_certificate(folder)
        make_network(stack)
        server, origin = start_server(stack)
        proxies = [start_edge(os.path.abspath(program), folder, origin, threads)]
        stack.callback(proxies[0].stop)
        for name, splice in (("haproxy", ""), ("haproxy-splice", "option splice-auto")):
            port = bench.free_port()
            config = "%s/%s.conf" % (folder, name)
            with open(config, "w") as file:
                file.write(HAPROXY.format(port=port, origin=origin, threads=threads,
                                          splice=splice, server=SERVER))
            proxies.append(bench.Proxy(name, ["haproxy", "-db", "-f", config], (port, 0),
                                       "%s/%s.log" % (folder, name)))
            stack.callback(proxies[-1].stop)
            bench.wait_for(port)
        run("nft -f -", text=True, input=RULES.format(
            port=KERNEL_PORT,
            choice="numgen inc mod 1 map { 0 : %s . %d }" % (SERVER, origin)))
        places = [Place(proxy.name, ("127.0.0.1", proxy.port), proxy.process.pid, server)
                  for proxy in proxies]
        yield places + [Place("kernel", ("127.0.0.1", KERNEL_PORT), None, server),
                        Place("direct", (SERVER, origin), None, server)]


def own_cpu_seconds(pid):
    """Of a process without children whose threads come and go."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Place:
    """Where clients connect to, and whose CPU it costs."""

    def __init__(self, name, where, proxy, server):
        self.name, self.where, self.proxy, self.server = name, where, proxy, server

    def spent(self):
        """CPU seconds of the proxy, and of all who take part."""
        proxy = bench.cpu_seconds(self.proxy) if self.proxy else 0
        return proxy, proxy + own_cpu_seconds(self.server) + time.process_time()


def tell(what, of, results, peers):
    """Ratios are to the best of `peers`."""
    best = max((results[name] for name in peers), key=statistics.median)
    for name, rounds in results.items():
        ratio = statistics.median(mine / other for mine, other in zip(rounds, best))
        print("%-5s  %-14s %9.1f MB per CPU second of %s   ratio %.2f" %
              (what, name, statistics.median(rounds), of, ratio), flush=True)


def measure(places, what, options):
    alone, together = {}, {}
    for _ in range(options.rounds):
        for place in places:
            before = place.spent()
            passed = drive(place.where, what, options.seconds) / 1e6
            proxy, everyone = (now - then for now, then in zip(place.spent(), before))
            if place.proxy:
                alone.setdefault(place.name, []).append(passed / max(proxy, 0.01))
            together.setdefault(place.name, []).append(passed / max(everyone, 0.01))
    peers = [name for name in alone if name != "moln"]
    tell(what, "the proxy", alone, peers)
    tell(what, "everyone", together, peers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="down, echo or short")
    options = parser.parse_args()
    subprocess.run(["haproxy", "-v"], stdout=sys.stderr, check=True)
    with contenders(options.edge, options.threads) as places:
        for what in ("down", "echo", "short"):
            if options.only in ("", what):
                measure(places, what, options)


if __name__ == "__main__":
    main()
