"""The proxies to compare with, started in the foreground on sockets of a temporary folder, and
two of our own making that prove the judge: one that copies bytes, one that reads strictly.
"""
import asyncio
import contextlib
import pathlib
import shutil

import strict

READY_SECONDS = 10

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    client_header_timeout 2s; client_body_timeout 2s;
    upstream origin {{ server {host}:{port}; keepalive 16; }}
    server {{
        listen unix:{folder}/nginx.sock;
        location / {{
            proxy_pass http://origin; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_set_header Host $http_host;
        }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 1000
defaults
    mode http
    http-reuse always
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend clients
    bind unix@{folder}/haproxy.sock
    default_backend origin
backend origin
    server origin {host}:{port}
"""


def available(name: str) -> bool:
    return find(name) is not None


def find(name: str):
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


@contextlib.asynccontextmanager
async def running(name: str, folder: pathlib.Path, origin):
    """The address of a started peer; it is ended, by its process, when the block is left."""
    host, port = origin
    config = folder / f"{name}.conf"
    text = NGINX if name == "nginx" else HAPROXY
    config.write_text(text.format(folder=folder, host=host, port=port), encoding="ascii")
    flags = ["-c", str(config)] if name == "nginx" else ["-db", "-f", str(config)]
    process = await asyncio.create_subprocess_exec(
        find(name), *flags, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        address = f"unix:{folder}/{name}.sock"
        await until_ready(address, process)
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def until_ready(address: str, process):
    async with asyncio.timeout(READY_SECONDS):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the proxy at {address} ended with {process.returncode}")
            try:
                _, writer = await connect(address)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.02)


async def connect(address: str):
    if address.startswith("unix:"):
        return await asyncio.open_unix_connection(address[5:])
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


@contextlib.asynccontextmanager
async def own(serve, origin):
    """A proxy of ours: `serve(reader, writer, origin)` for each client."""
    async def guarded(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, EOFError, asyncio.LimitOverrunError,
                                 asyncio.CancelledError):
            await serve(reader, writer, origin)
        writer.close()
    tasks = set()
    server = await asyncio.start_server(guarded, "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def serve_copying(reader, writer, origin):
    """What no edge may be: whatever comes is passed on."""
    up_reader, up_writer = await asyncio.open_connection(*origin)

    async def copy(source, target):
        with contextlib.suppress(ConnectionError):
            while block := await source.read(65536):
                target.write(block)
                await target.drain()
            target.write_eof()
    await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer))
    up_writer.close()


async def serve_strictly(reader, writer, origin):
    """What an edge must be, in its simplest form."""
    data, at = b"", 0
    up_reader, up_writer = await asyncio.open_connection(*origin)
    with contextlib.suppress(strict.Refused):
        while True:
            try:
                request, at = strict.read_request(data, at)
            except strict.Incomplete:
                block = await reader.read(65536)
                data += block
                if block:
                    continue
                break
            up_writer.write(written_anew(request))
            writer.write(await up_reader.readuntil(b"\r\n\r\n"))
            if request.method != b"HEAD":
                writer.write(await up_reader.readexactly(3))
            await writer.drain()
            if not request.keeps_alive:
                break
    up_writer.close()


def written_anew(request) -> bytes:
    number = b"".join(strict.values(request.fields, b"x-case"))
    return (b"%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nX-Case: %s\r\n"
            b"X-Forwarded-For: x\r\nX-Forwarded-Proto: http\r\ntraceparent: x\r\n\r\n%s" %
            (request.method, request.target, request.host, len(request.body), number,
             request.body))
