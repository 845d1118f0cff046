#!/usr/bin/env python3
"""Sends thousands of good, bad and ambiguous requests through an edge and through Debian's nginx
and HAProxy, and looks at what reaches a recording origin.

For the edge it asserts: what arrives is exactly the requests that a strict reader finds in what
was sent, in order, each written anew; never a byte more; broken answers become 502. For the peers
it prints how they differ. Without --edge only the peers run.

  run.py --edge HOST:PORT --origin HOST:PORT   the edge runs already and its only instance is
                                               the origin that this program listens as
  run.py --edge-command 'start_edge.py PROGRAM {origin_port}'   starts the edge; the first line
                                               that it prints must be HOST:PORT, where it listens
  run.py --self-test                           proves that the judge finds what it must find
"""
import argparse
import asyncio
import contextlib
import pathlib
import random
import re
import shlex
import sys
import tempfile

import answers
import cases as cases_module
import judge
import origin as origin_module
import peers

CLIENTS_AT_ONCE = 32
ANSWER_SECONDS = 5.0  # for what must come
SILENCE_SECONDS = 0.3  # for what must not: nothing more is expected after it
FAILURES_SHOWN = 20


async def ask(address: str, raw: bytes, wanted: int, pieces: random.Random) -> bytes:
    """Sends and returns all that came back. `wanted`: answers of the origin to wait for."""
    received = b""
    reader, writer = await peers.connect(address)
    try:
        for piece in split(raw, pieces):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        while True:
            complete = received.count(origin_module.ANSWER_MARK) >= wanted
            async with asyncio.timeout(SILENCE_SECONDS if complete else ANSWER_SECONDS):
                block = await reader.read(65536)
            if not block:
                break
            received += block
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()
    return received


def split(raw: bytes, chance: random.Random):
    if len(raw) < 2 or chance.random() < 0.5:
        return [raw]
    at = chance.randrange(1, len(raw))
    return [raw[:at], raw[at:]]


async def send_all(address: str, cases, seed: int):
    gate = asyncio.Semaphore(CLIENTS_AT_ONCE)

    async def send(case):
        async with gate:
            wanted = len(case.reading.requests)
            await ask(address, case.raw, wanted, random.Random(seed + case.number))
    await asyncio.gather(*(send(case) for case in cases))


async def see_answers(address: str, rows):
    """Each asked for on a fresh connection; a good one afterwards on the same must be clean."""
    gate = asyncio.Semaphore(CLIENTS_AT_ONCE)

    async def see(row):
        async with gate:
            return await see_one(row)

    async def see_one(row):
        raw = b"GET /c%d HTTP/1.1\r\nHost: a\r\n\r\n" % row.number
        received = await ask(address, raw + raw.replace(b"/c%d" % row.number, b"/after"), 1,
                             random.Random(row.number))
        finals = [int(s) for s in re.findall(rb"HTTP/1\.[01] ([2-5][0-9]{2})", received)]
        return row.number, (finals[0] if finals else 0, received)
    return dict(await asyncio.gather(*(see(row) for row in rows)))


async def run_target(name, address, kept, cases, seed, *, writes_anew):
    await send_all(address, cases, seed)
    verdict = judge.judge(cases, kept, writes_anew=writes_anew)
    print(f"{name}: {len(cases)} cases, {len(kept.requests)} requests reached the origin, "
          f"{len(verdict.failures)} differences", flush=True)
    return verdict


async def run_proxy(name, address, kept, cases, seed, *, writes_anew, more_answers=False):
    """Requests, and then what it makes of broken answers: a peer that sees many takes the origin
    for dead."""
    verdict = await run_target(name, address, kept, cases, seed, writes_anew=writes_anew)
    rows = answers.hand_made(1 + max(case.number for case in cases))
    if more_answers:
        rows += answers.generated(1 + rows[-1].number)
    kept.answers = {row.number: (row.raw, row.closes) for row in rows}
    failures = judge.judge_answers(rows, await see_answers(address, rows))
    verdict.failures += failures
    verdict.table["answers"]["same"] = len(rows) - len(failures)
    verdict.table["answers"]["lenient"] = len(failures)
    return verdict


async def run_peer(name, cases, seed):
    async with origin_module.Origin() as kept:
        with tempfile.TemporaryDirectory() as folder:
            async with peers.running(name, pathlib.Path(folder), kept.address) as address:
                return await run_proxy(name, address, kept, cases, seed, writes_anew=False)


async def run_own(serve, cases, seed):
    async with origin_module.Origin() as kept:
        async with peers.own(serve, kept.address) as address:
            return await run_target(serve.__name__, address, kept, cases, seed, writes_anew=True)


@contextlib.asynccontextmanager
async def started(command: str, origin_address):
    """The edge as a child process: its first line says where it listens."""
    host, port = origin_address
    words = shlex.split(command.format(origin_host=host, origin_port=port))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(peers.READY_SECONDS):
            address = (await process.stdout.readline()).decode().strip()
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def run_edge(options, cases):
    host, _, port = options.origin.rpartition(":")
    kept = origin_module.Origin()
    async with await kept.listen(host, int(port)):
        if options.edge:
            return await run_proxy("edge", options.edge, kept, cases, options.seed,
                                   writes_anew=not options.only_framing, more_answers=True)
        async with started(options.edge_command, kept.address) as address:
            return await run_proxy("edge", address, kept, cases, options.seed,
                                   writes_anew=not options.only_framing, more_answers=True)


def print_table(verdicts: dict):
    print("\nWhat each proxy makes of the same bytes, by a strict reader: s same, l forwarded\n"
          "more or other, r refused although valid, b bytes that are no strict request reached\n"
          "the origin.\n")
    groups = list(dict.fromkeys(group for verdict in verdicts.values() for group in verdict.table))
    print(f"{'group':14}" + "".join(f"{name:>28}" for name in verdicts))
    for group in groups:
        line = f"{group:14}"
        for verdict in verdicts.values():
            row = verdict.table[group]
            counts = [f"{row[word]}{letter}" for word, letter in
                      (("same", "s"), ("lenient", "l"), ("stricter", "r"), ("broken", "b"))
                      if row[word]]
            line += f"{' '.join(counts):>28}"
        print(line)


async def run_peers(cases, seed):
    verdicts = {}
    for name in ("nginx", "haproxy"):
        if not peers.available(name):
            raise SystemExit(f"{name} is not installed: apt-get install {name}")
        verdicts[name] = await run_peer(name, cases, seed)
    return verdicts


async def self_test(cases, seed) -> int:
    judge.self_check()
    careful = await run_own(peers.serve_strictly, cases, seed)
    if careful.failures:
        print("the judge blames a strict proxy:", *careful.failures[:FAILURES_SHOWN], sep="\n")
        return 1
    copying = await run_own(peers.serve_copying, cases, seed)
    wanted = {"lenient": 0, "broken": 100}
    found = {word: sum(row[word] for row in copying.table.values()) for word in wanted}
    if any(found[word] < least for word, least in wanted.items()):
        print("the judge does not see what a copying proxy lets through:", found)
        return 1
    verdicts = await run_peers(cases, seed)
    print_table({"strictly": careful, "copying": copying, **verdicts})
    silent = [name for name, verdict in verdicts.items() if not verdict.failures]
    if silent:
        print("nothing at all was found in", *silent)
    return 1 if silent else 0


async def compare(options, cases) -> int:
    verdicts = {}
    if options.edge or options.edge_command:
        verdicts["edge"] = await run_edge(options, cases)
    if not options.no_peers:
        verdicts.update(await run_peers(cases, options.seed))
    print_table(verdicts)
    if "edge" not in verdicts:
        return 0
    failures = verdicts["edge"].failures
    for failure in failures[:FAILURES_SHOWN]:
        print("FAILED", failure)
    if len(failures) > FAILURES_SHOWN:
        print(f"and {len(failures) - FAILURES_SHOWN} more")
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", help="HOST:PORT or unix:PATH of a running edge")
    parser.add_argument("--edge-command", help="starts the edge; {origin_host}, {origin_port}")
    parser.add_argument("--origin", default="127.0.0.1:0", help="where the edge's origin listens")
    parser.add_argument("--only-framing", action="store_true",
                        help="do not ask that heads are written anew (for edges that are not ours)")
    parser.add_argument("--no-peers", action="store_true", help="run only the edge")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--generated", type=int, default=3000)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    cases = cases_module.make_cases(options.seed, options.generated)
    if options.self_test:
        return asyncio.run(self_test(cases, options.seed))
    return asyncio.run(compare(options, cases))


if __name__ == "__main__":
    sys.exit(main())
