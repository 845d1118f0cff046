"""Kept answers given compressed: each form made once, for who takes it, behind the back of those
who ask; what is a representation of its own (tags, lengths, parts); what is left as it is."""

import ctypes
import gzip
import random
import signal
import unittest

from cache_disk_test import DiskCase
from cache_test import CacheCase, not_modified
from harness import ok, serving, until

TEXT = b"".join(b"line %d of a text that repeats itself\n" % (i * 7919 % 1000)
                for i in range(2000))
FIELDS = 'Cache-Control: max-age=60\r\nContent-Type: text/plain\r\nETag: "e"\r\n'
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


def decoded(coding, data):
    if coding is None:
        return data
    if coding == "gzip":
        return gzip.decompress(data)
    room = ctypes.create_string_buffer(len(TEXT) * 4)
    if coding == "zstd":
        size = ctypes.CDLL("libzstd.so.1").ZSTD_decompress
        size.restype = ctypes.c_size_t
        got = size(room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)))
        return room.raw[:got]
    size = ctypes.c_size_t(len(room))
    done = ctypes.CDLL("libbrotlidec.so.1").BrotliDecoderDecompress(
        ctypes.c_size_t(len(data)), data, ctypes.byref(size), room)
    assert done == 1, "no brotli"
    return room.raw[:size.value]


class CodingCase(CacheCase):
    def text_app(self, fields=FIELDS, text=TEXT, **rules):
        return self.cached_app(serving(lambda head, body: ok(text, fields)), **rules)

    def ask(self, accepted, path="/a", fields="", method="GET"):
        if accepted is not None:
            fields += "Accept-Encoding: %s\r\n" % accepted
        return self.get(path, method=method, fields=fields)

    def coded(self, accepted, coding, text=TEXT, path="/a"):
        """Asks until the form is there."""

        def there():
            head, body = self.ask(accepted, path)
            self.assertEqual(decoded(head.get("content-encoding"), body), text)
            return (head, body) if head.get("content-encoding") == coding else None

        return until(there, "the answer in " + coding)

    def stays_plain(self, accepted, path="/a", text=TEXT):
        for _ in range(3):
            head, body = self.ask(accepted, path)
            self.assertIsNone(head.get("content-encoding"))
            self.assertEqual(body, text)

    def count(self, name):
        return self.daemon.fresh()["cache"][name]

    def made(self, count):
        """A form is given to who takes it just before it is counted."""
        until(lambda: self.count("codings_total") == count, "%d forms to be counted" % count)


class Coding(CodingCase):
    def test_each_form_is_made_once_and_for_who_takes_it(self):
        self.text_app()
        head, body = self.ask("br")
        self.assertEqual((head.get("content-encoding"), body), (None, TEXT))
        sizes = {}
        for coding in ("br", "zstd", "gzip"):
            head, body = self.coded(coding, coding)
            sizes[coding] = len(body)
            self.assertEqual(head.get("content-length"), str(len(body)))
            self.assertIn("hit", self.status_of(head))
            self.assertEqual(head.all("vary"), ["Accept-Encoding"])
            for _ in range(5):
                self.assertEqual(self.ask(coding)[1], body)
        self.assertLess(max(sizes.values()), len(TEXT) // 4)
        self.made(3)
        self.assertEqual(self.origins[0].count, 1)
        self.assertEqual(self.ask(None)[1], TEXT)
        self.assertEqual(self.ask("gzip, br, zstd")[0].get("content-encoding"), "br")
        self.assertEqual(self.ask("gzip, br;q=0.9, zstd;q=0.1")[0].get("content-encoding"), "gzip")
        self.assertIsNone(self.ask("gzip;q=0.5, identity")[0].get("content-encoding"))
        self.assertIsNone(self.ask("br;q=0")[0].get("content-encoding"))

    def test_the_first_answer_and_who_takes_none_are_told_of_the_choice(self):
        self.text_app()
        for accepted in (None, None, "identity", ""):
            head, body = self.ask(accepted)
            self.assertEqual((head.all("vary"), head.get("etag"), body),
                             (["Accept-Encoding"], '"e"', TEXT))
        self.assertEqual(self.count("codings_total"), 0)

    def test_another_vary_of_the_app_stays(self):
        self.text_app(FIELDS + "Vary: Origin\r\n")
        head, _ = self.coded("gzip", "gzip")
        self.assertEqual(head.all("vary"), ["Origin", "Accept-Encoding"])

    def test_until_the_best_is_there_another_that_is_taken_is_given(self):
        self.text_app()
        self.coded("gzip", "gzip")
        seen = set()
        until(lambda: seen.add(self.ask("gzip, br")[0].get("content-encoding")) or "br" in seen,
              "br")
        self.assertLessEqual(seen, {"gzip", "br"})

    def test_of_unknown_length_it_is_compressed_once_it_is_whole(self):
        def script(stream, _number):
            while stream.inbox or stream.more():
                stream.head()
                stream.send("HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n" % FIELDS)
                for at in range(0, len(TEXT), 10_000):
                    piece = TEXT[at:at + 10_000]
                    stream.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                stream.send("0\r\n\r\n")

        self.cached_app(script)
        self.coded("zstd", "zstd")

    def test_a_form_is_of_its_answer_and_goes_with_it(self):
        texts = [TEXT, TEXT.upper()]
        self.cached_app(serving(lambda head, body: ok(texts[0], FIELDS)))
        self.coded("br", "br")
        texts.pop(0)
        self.daemon.send({"purge": {"scope": "url", "project": "", "name": "shop.test/a"}})
        until(lambda: self.ask(None)[1] == texts[0], "the new answer")
        self.coded("br", "br", texts[0])

    def test_a_304_that_makes_it_fresh_keeps_the_forms(self):
        ages = ["1", "60"]

        def answer(head, _body):
            if head.get("if-none-match") == '"e"':
                return not_modified("Cache-Control: max-age=60\r\nX-New: 1\r\n")
            return ok(TEXT, FIELDS.replace("60", ages.pop(0)))

        self.cached_app(serving(answer))
        self.coded("br", "br")
        self.made(1)

        def validated():
            head, body = self.ask("br")
            self.assertEqual(decoded(head.get("content-encoding"), body), TEXT)
            return head if head.get("x-new") else None

        head = until(validated, "the 304")
        self.assertEqual(head.get("content-encoding"), "br")
        self.assertEqual(self.count("codings_total"), 1)

    def test_what_was_saved_is_counted(self):
        self.text_app()
        _, body = self.coded("gzip", "gzip")
        self.made(1)
        before = self.daemon.fresh()["cache"]
        self.ask("gzip")
        self.ask("gzip", method="HEAD")
        self.ask(None)
        after = self.daemon.fresh()["cache"]
        self.assertEqual(after["coded_total"] - before["coded_total"], 1)
        self.assertEqual(after["coded_saved"] - before["coded_saved"], len(TEXT) - len(body))
        text = self.daemon.metrics_text()
        self.assertIn("moln_cache_compressed_saved_bytes_total %d" % after["coded_saved"], text)
        self.assertIn("moln_cache_codings_total 1", text)

    def test_the_forms_count_as_memory(self):
        self.text_app()
        self.ask(None)
        plain = self.count("size")
        _, body = self.coded("gzip", "gzip")
        until(lambda: self.count("size") >= plain + len(body), "the form to be counted")
        self.assertLess(self.count("size"), plain + len(body) + 1000)


class Representations(CodingCase):
    """Coded it is another representation than as it is."""

    def setUp(self):
        super().setUp()
        self.text_app(FIELDS + "Accept-Ranges: bytes\r\nLast-Modified: %s\r\n" % DATE)
        self.head, self.body = self.coded("gzip", "gzip")

    def test_its_tag_is_weak_and_it_has_no_parts(self):
        self.assertEqual(self.head.get("etag"), 'W/"e"')
        self.assertIsNone(self.head.get("accept-ranges"))
        head, _ = self.ask(None)
        self.assertEqual((head.get("etag"), head.get("accept-ranges")), ('"e"', "bytes"))

    def test_head_tells_of_what_get_would_bring(self):
        head, _ = self.ask("gzip", method="HEAD")
        for name in ("content-encoding", "content-length", "etag", "vary"):
            self.assertEqual(head.get(name), self.head.get(name))
        head, _ = self.ask(None, method="HEAD")
        self.assertEqual((head.get("content-length"), head.get("etag")), (str(len(TEXT)), '"e"'))

    def test_conditions_hold_for_either_tag(self):
        for accepted, etag in (("gzip", 'W/"e"'), (None, '"e"')):
            for held in ('W/"e"', '"e"', '"x", W/"e"'):
                head, _ = self.ask(accepted, fields="If-None-Match: %s\r\n" % held)
                self.assertEqual((head.status, head.get("etag"), head.get("vary")),
                                 (304, etag, "Accept-Encoding"))
                self.assertIsNone(head.get("content-encoding"))
            head, _ = self.ask(accepted, fields='If-None-Match: "x"\r\n')
            self.assertEqual(head.status, 200)

    def test_a_part_is_of_what_is_not_coded(self):
        for accepted in ("gzip", None):
            head, body = self.ask(accepted, fields="Range: bytes=5-9\r\n")
            self.assertEqual((head.status, head.get("etag"), head.get("content-encoding"), body),
                             (206, '"e"', None, TEXT[5:10]))
            self.assertEqual(head.get("vary"), "Accept-Encoding")
            head, body = self.ask(accepted, fields='Range: bytes=5-9\r\nIf-Range: "e"\r\n')
            self.assertEqual((head.status, body), (206, TEXT[5:10]))
            head, _ = self.ask(accepted, fields="Range: bytes=%d-\r\n" % len(TEXT))
            self.assertEqual((head.status, head.get("content-range")),
                             (416, "bytes */%d" % len(TEXT)))

    def test_who_has_a_coded_part_gets_the_whole(self):
        """Its tag is weak; the date is both forms'."""
        for held in ('W/"e"', DATE):
            head, body = self.ask("gzip", fields="Range: bytes=5-9\r\nIf-Range: %s\r\n" % held)
            self.assertEqual((head.status, body), (200, self.body), held)
        head, body = self.ask(None, fields="Range: bytes=5-9\r\nIf-Range: %s\r\n" % DATE)
        self.assertEqual((head.status, body), (206, TEXT[5:10]))
        head, body = self.ask("gzip, identity;q=0", fields="Range: bytes=5-9\r\n")
        self.assertEqual((head.status, body), (200, self.body))


class Plain(CodingCase):
    """What is left as it is."""

    def check(self, fields, text=TEXT, request="", **rules):
        self.text_app(fields, text, **rules)
        for _ in range(3):
            head, body = self.get("/a", fields="Accept-Encoding: gzip\r\n" + request)
            self.assertIsNone(head.get("content-encoding"))
            self.assertEqual(body, text)
        self.assertIn("hit", self.status_of(head))
        self.assertEqual(self.count("codings_total"), 0)
        return head

    def test_what_a_route_says(self):
        head = self.check(FIELDS, compress=False)
        self.assertIsNone(head.get("vary"))

    def test_what_must_not_be_transformed(self):
        self.check(FIELDS.replace("max-age", "no-transform, max-age"))

    def test_for_a_client_that_will_not_have_it_transformed(self):
        self.text_app()
        self.coded("gzip", "gzip")
        head, body = self.ask("gzip", fields="Cache-Control: no-transform\r\n")
        self.assertEqual((head.get("content-encoding"), body), (None, TEXT))

    def test_what_is_no_text(self):
        self.check(FIELDS.replace("text/plain", "image/png"))

    def test_what_is_short_and_one_that_is_just_long_enough(self):
        self.check(FIELDS, TEXT[:1023])
        self.text_app(text=TEXT[:1024])
        self.coded("gzip", "gzip", TEXT[:1024], path="/b")

    def test_what_may_hold_a_secret(self):
        self.check(FIELDS + "Set-Cookie: a=b\r\n")
        self.check(FIELDS.replace("max-age", "public, max-age"),
                   request="Authorization: Basic YTpi\r\n")

    def test_what_a_cookie_chooses(self):
        self.check(FIELDS + "Vary: Cookie\r\n", request="Cookie: a=b\r\n")

    def test_what_does_not_become_smaller_is_tried_once(self):
        noise = random.Random(1).randbytes(20_000)
        self.text_app(text=noise)
        self.stays_plain("gzip", text=noise)
        self.stays_plain("br", text=noise)
        # One that is asked for after it is made after it.
        self.text_app(text=TEXT)
        self.coded("gzip", "gzip", path="/b")
        self.stays_plain("gzip, br", text=noise)

    def test_the_apps_own_codings_stand_as_they_are(self):
        """Each is kept for those who would have been given it."""
        zipped = gzip.compress(TEXT, mtime=0)
        fields = FIELDS + "Vary: Accept-Encoding\r\n"
        asked = []

        def answer(head, _body):
            asked.append(head.get("accept-encoding"))
            if "gzip" in head.get("accept-encoding", ""):
                return ok(zipped, fields + "Content-Encoding: gzip\r\n")
            return ok(TEXT, fields)

        self.cached_app(serving(answer))
        for _ in range(3):
            head, body = self.ask("gzip, br")
            self.assertEqual((head.get("content-encoding"), head.get("etag"), body),
                             ("gzip", '"e"', zipped))
            self.assertEqual(head.all("vary"), ["Accept-Encoding"])
            head, body = self.ask("br")
            self.assertEqual((head.get("content-encoding"), body), (None, TEXT))
        self.assertEqual(asked, ["gzip, br", "br"])
        self.assertEqual(self.count("codings_total"), 0)


class OnDisk(DiskCase, CodingCase):
    def test_what_was_on_the_disk_is_compressed_anew(self):
        self.text_app(FIELDS.replace("60", "600"))
        self.coded("br", "br")
        self.written(1)
        self.restart(signal.SIGTERM)
        self.assertEqual(self.count("disk_objects"), 1)
        self.coded("br", "br")
        self.made(1)
        self.assertEqual(self.origins[0].count, 1)


if __name__ == "__main__":
    unittest.main()
