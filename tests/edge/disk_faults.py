"""A disk that fails, for the edges of a test: disk_faults.cc says how it is done."""

import errno
import mmap
import os
import struct

from harness import until

LIBRARY = os.environ.get("MOLN_EDGE_DISK_FAULTS", "")
CALLS = ("read", "write", "sync", "truncate", "open", "name", "send")
HOLD = -1
HALF = -2
ERRORS = (errno.EIO, errno.ENOSPC)


class Disk:
    def __init__(self, orders, folder):
        with open(orders, "wb") as file:
            file.write(bytes(4096))
        with open(orders, "r+b") as file:
            self.orders = mmap.mmap(file.fileno(), 4096)
        self.environment = {**os.environ, "LD_PRELOAD": LIBRARY, "MOLN_FAULT_ORDERS": orders,
                            "MOLN_FAULT_FOLDER": folder}

    def _at(self, row, call):
        return 4 * (row * len(CALLS) + CALLS.index(call))

    def set(self, call, fault, period=1):
        """An errno, HOLD or HALF for every `period`th call."""
        struct.pack_into("i", self.orders, self._at(1, call), period)
        struct.pack_into("i", self.orders, self._at(0, call), fault)

    def mend(self):
        for call in CALLS:
            self.set(call, 0)

    def held(self, call):
        return struct.unpack_from("i", self.orders, self._at(3, call))[0]

    def wait_for_held(self, call, count=1):
        until(lambda: self.held(call) >= count, "%s to hang" % call)
