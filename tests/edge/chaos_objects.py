"""Objects of an app that its edge may keep: each has versions, and says which one it gives."""

import functools
import re
import threading

from chaos_plan import bytes_of

BASES = (900, 40_000, 2_500_000)
LIFETIMES = ("max-age=60", "max-age=0, stale-while-revalidate=60", "max-age=1, must-revalidate")


class Objects:
    """`least` is the version that nobody who asks from now on may get less of."""

    def __init__(self):
        self.names = ["object-%d" % number for number in range(18)]
        self.lock = threading.Lock()
        self.versions = dict.fromkeys(self.names, 0)
        self.purged = dict.fromkeys(self.names, 0)

    @staticmethod
    def number(name):
        return int(name.rpartition("-")[2])

    def has_languages(self, name):
        return self.number(name) % 2 == 0

    def size(self, name, version):
        return BASES[self.number(name) % 3] + version % 7 * 100

    def least_size(self, name):
        return BASES[self.number(name) % 3]

    def version(self, name):
        with self.lock:
            return self.versions[name]

    def change(self, name):
        with self.lock:
            self.versions[name] += 1
            return self.versions[name]

    def is_purged(self, name, version):
        with self.lock:
            self.purged[name] = max(self.purged[name], version)

    def least(self, name):
        with self.lock:
            return self.purged[name]

    @functools.lru_cache(64)  # pylint: disable=method-cache-max-size-none
    def body(self, name, version, language):
        spoken = language if self.has_languages(name) else "any"
        return bytes_of("%s %d %s" % (name, version, spoken), self.size(name, version))

    def answer(self, head, _body):
        method, path, _version = head.first.split(" ")
        name = path[1:]
        if method == "POST":
            return self.form("200 OK", ["X-Object: %s/%d/any" % (name, self.change(name))], b"")
        version = self.version(name)
        language = head.get("x-language", "en") if self.has_languages(name) else "any"
        etag = '"%d-%s"' % (version, language)
        lines = ["X-Object: %s/%d/%s" % (name, version, language), "ETag: " + etag,
                 "Cache-Control: " + LIFETIMES[self.number(name) // 3 % 3],
                 "Content-Type: %s" % ("text/plain" if self.number(name) % 5 else "image/png")]
        if self.has_languages(name):
            lines.append("Vary: X-Language")
        if etag in head.get("if-none-match", ""):
            return self.form("304 Not Modified", lines)
        body = self.body(name, version, language)
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", head.get("range", ""))
        if span and head.get("if-range", etag) == etag:
            first, last = int(span[1]), min(int(span[2]), len(body) - 1)
            if first >= len(body):
                return self.form("416 Range Not Satisfiable",
                                 lines + ["Content-Range: bytes */%d" % len(body)], b"")
            return self.form("206 Partial Content", lines + [
                "Content-Range: bytes %d-%d/%d" % (first, last, len(body))], body[first:last + 1])
        return self.form("200 OK", lines, body, head.first.startswith("HEAD"))

    @staticmethod
    def form(status, lines, body=None, is_head=False):
        if body is not None:
            lines = lines + ["Content-Length: %d" % len(body)]
        head = "\r\n".join(["HTTP/1.1 " + status, *lines]) + "\r\n\r\n"
        return head.encode() + (b"" if is_head or body is None else body)
