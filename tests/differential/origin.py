"""An origin that records every byte it gets and reads it strictly.

It answers what it can read; what it cannot read it writes down as a finding. Each test case puts
its number into the paths it asks for ("/c10017"), by which requests are told apart.
"""
import asyncio
import re
from dataclasses import dataclass, field

import strict

ANSWER_MARK = b"X-Answer: origin"
CASE = re.compile(rb"(?<![0-9])([0-9]{5})(?![0-9])")  # FIRST_NUMBER and up


@dataclass
class Record:
    """All that one connection brought."""
    data: bytearray = field(default_factory=bytearray)
    requests: list = field(default_factory=list)
    finding: str = ""  # why the bytes are no strict request; empty if all is well
    partial: bytes = b""  # an unfinished request at the end


class Origin:
    def __init__(self, answers=None):
        self.records = []
        self.requests = []  # of all connections, in the order of their arrival
        self.answers = answers or {}  # number -> a hostile answer, and whether it closes
        self.server = None

    async def __aenter__(self):
        return await self.listen("127.0.0.1", 0)

    async def listen(self, host, port):
        self.server = await asyncio.start_server(self.serve, host, port, backlog=1024)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    @property
    def address(self):
        return self.server.sockets[0].getsockname()[:2]

    async def serve(self, reader, writer):
        record = Record()
        self.records.append(record)
        try:
            await self.converse(reader, writer, record)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def converse(self, reader, writer, record):
        at = 0
        while True:
            try:
                request, at = strict.read_request(bytes(record.data), at, empty_line_first=False)
            except strict.Refused as refused:
                record.finding = str(refused)
                record.partial = bytes(record.data[at:])
                return
            except strict.Incomplete:
                block = await reader.read(65536)
                record.data += block
                if block:
                    continue
                record.partial = bytes(record.data[at:])
                return
            record.requests.append(request)
            self.requests.append(request)
            raw, closes = self.answer(request)
            writer.write(raw)
            await writer.drain()
            if closes:
                return

    def answer(self, request):
        """The bytes to send and whether the connection is closed after them."""
        case = CASE.search(request.target)
        hostile = self.answers.get(int(case.group(1))) if case else None
        if hostile is not None:
            return hostile
        body = b"" if request.method == b"HEAD" else b"ok\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + ANSWER_MARK + b"\r\n\r\n"
        return head + body, not request.keeps_alive


def case_of_request(request):
    """By its target, or for "*", which has no room for a number, by a field of its own."""
    number = case_of(request.target)
    return number or case_of(b"".join(strict.values(request.fields, b"x-case")))


def case_of(data: bytes):
    """The number of the case that these bytes belong to, or None."""
    match = CASE.search(data)
    return int(match.group(1)) if match else None
