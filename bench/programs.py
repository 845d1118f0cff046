"""Programs that are measured: started, found at their ports, their CPU time read, stopped."""

import os
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("nothing listens on port %d" % port)


def family(pid):
    """A process and its children."""
    pids = [pid]
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
            for child in file.read().split():
                pids += family(int(child))
    return pids


def cpu_seconds(pid):
    total = 0
    for one in family(pid):
        with open("/proc/%d/stat" % one) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def own_kib(pid, fields=("Private_Clean:", "Private_Dirty:")):
    """Pages that nobody shares, of a process and its children; or other sums of smaps_rollup."""
    total = 0
    for one in family(pid):
        with open("/proc/%d/smaps_rollup" % one) as file:
            for line in file:
                if line.startswith(fields):
                    total += int(line.split()[1])
    return total


class Proxy:
    def __init__(self, name, command, ports, log):
        self.name = name
        self.port, self.tls_port = ports
        self.others = []  # that belong to it and are measured with it
        with open(log, "wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file)

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid) + sum(one.cpu_seconds() for one in self.others)

    def own_kib(self):
        return own_kib(self.process.pid)

    def anonymous_kib(self):
        return own_kib(self.process.pid, ("Anonymous:",))

    def stop(self):
        for one in self.others:
            one.stop()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
