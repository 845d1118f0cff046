#!/usr/bin/env python3
"""Memory per idle client connection: Moln's edge beside Debian's HAProxy and nginx.

    bench/idle.py --edge build/tests/edge/moln_edge_dev [--connections 4000]

Every connection asks once and then stays, as a browser's does; plain and over TLS 1.3. The figure
is what the proxy's processes have more of their own (USS: pages that nobody shares) by the number
of connections. What the kernel keeps for a socket is the same for all and not counted.
"""

import argparse
import asyncio
import os
import resource
import ssl

import proxy as bench


async def ask(port, context):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET /1k HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return writer


async def measure(one, port, context, connections):
    async def open_some(count):
        opened = []
        while len(opened) < count:  # a few at a time: this is not about a burst
            opened += await asyncio.gather(
                *(ask(port, context) for _ in range(min(20, count - len(opened)))))
        return opened

    warm = await open_some(50)
    before = one.own_kib()
    opened = await open_some(connections)
    await asyncio.sleep(3)  # what is given back over the next seconds is not what idling costs
    used = one.own_kib() - before
    for writer in warm + opened:
        writer.transport.abort()
    await asyncio.sleep(1)
    return used * 1024 / connections


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edge", required=True, help="the edge's program")
    parser.add_argument("--connections", type=int, default=4000)
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with bench.contenders(options.edge, os.cpu_count()) as proxies:
        for one in proxies:
            for name, at, speaks in (("plain", one.port, None), ("tls", one.tls_port, context)):
                used = asyncio.run(measure(one, at, speaks, options.connections))
                print("%-8s %-5s %8.0f bytes/connection" % (one.name, name, used), flush=True)


if __name__ == "__main__":
    main()
