"""A field that one reader sees and another does not: every published way to hide or to fake one.

The field stands in a message whose length, host or expectation it decides. A strict reader sees it
as it should be, or refuses the whole.
"""

# In front of the name, behind it, before the colon, before the value, behind the value.
ODD_BYTES = (b"\x00", b"\x01", b"\t", b"\x0b", b"\x0c", b"\r", b"\x1f", b" ", b"\x7f", b"\x85",
             b"\xa0", b"\xad", b"\xff", b"\xc2\xa0", b"\xe2\x80\x8b", b"\xef\xbb\xbf")
OTHER_JOINS = (b"_", b" ", b"\\", b".", b"", b"--", b"%2d", b"\xe2\x80\x90")


def disguises(name: bytes, value: bytes):
    """Field lines, with their ends, that more or less say `name: value`."""
    plain = name + b": " + value
    for odd in ODD_BYTES:
        yield odd + plain + b"\r\n"
        yield name + odd + b": " + value + b"\r\n"
        yield name + b":" + odd + value + b"\r\n"
        yield name + b": " + odd + value + b"\r\n"
        yield plain + odd + b"\r\n"
        yield name[:3] + odd + name[3:] + b": " + value + b"\r\n"
    if b"-" in name:
        for join in OTHER_JOINS:
            yield name.replace(b"-", join) + b": " + value + b"\r\n"
    for line in (name + b":" + value, name.upper() + b": " + value,
                 name[:1].lower() + name[1:].upper() + b": " + value, name + b" x: " + value,
                 name + b"=" + value, name + b";: " + value, name + b":: " + value,
                 name + b": :" + value, b":" + plain, b"\"" + name + b"\": " + value,
                 name + b": \"" + value + b"\"", name + b": '" + value + b"'",
                 name + b": " + value + b",", name + b": ," + value, name + b": " + value + b";",
                 name + b": " + value + b";q=1", name + b": y " + value, name + b": y," + value,
                 name + b": " + value + b" y", name + b": " + value + b", y",
                 name + b": " + value[:-1], name + b": " + value * 2, name + b": (" + value + b")"):
        yield line + b"\r\n"
    # Line ends that are none, or that are some only here.
    for line in (b"X: y\r" + plain, b"X: y\n" + plain, b"X: y\r\n\r" + plain, b"X: y\r\n " + plain,
                 b"X: y\r\n\t" + plain, b"X: y\n\n" + plain, b"X: y\r\r\n" + plain,
                 name + b":\r\n " + value, name + b":\n " + value, name + b":\r\n\t" + value,
                 name + b": \n\x0b" + value, name + b"\r\n: " + value, name + b"\n : " + value,
                 name + b": " + value + b"\r\n y", name + b": \r\n" + value,
                 b" \r\n" + plain, b"\t\r\n" + plain):
        yield line + b"\r\n"
    yield plain + b"\n"
    yield plain + b"\r"
    yield plain + b"\r\r\n"
    # Twice, and named as the connection's own.
    for other in (b"", b"y", value):
        yield plain + b"\r\n" + name + b": " + other + b"\r\n"
        yield name + b": " + other + b"\r\n" + plain + b"\r\n"
    yield b"Connection: " + name + b"\r\n" + plain + b"\r\n"
    yield b"Connection: close, " + name.lower() + b"\r\n" + plain + b"\r\n"
