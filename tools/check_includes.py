#!/usr/bin/env python3
"""Checks the include graph of src/ against the rooms that may know one another.

Every `#include "room/..."` must be of the file's own room or of one its room may include. The rooms
are the folders of src/; a folder with a rule of its own (runtime/edge) is a room of its own.
`check_includes.py --self-test` proves that a forbidden include is found.
"""
import pathlib
import re
import sys

PURE = {"base", "model", "recipe", "http", "plan", "node", "edge"}

ALLOWED = {
    "base": set(),
    "model": {"base"},
    "http": {"base"},
    "recipe": {"model", "base"},
    "plan": {"model", "base"},
    "node": {"model", "base"},
    "edge": {"http", "model", "base"},
    "ports": {"model", "base"},
    "store": {"ports", "model", "base", "io"},
    "io": {"ports", "model", "base", "http", "api"},
    "drivers": {"ports", "model", "base", "io", "recipe"},
    "api": {"model", "http", "ports", "base"},
    "runtime": {"plan", "node", "ports", "model", "base"},
    "runtime/edge": {"edge", "http", "io", "ports", "model", "base"},
    "cli": {"model", "http", "base"},
    "sim": {"runtime", "plan", "node", "edge", "store", "ports", "model", "base"},
    "main": {"base", "model", "recipe", "http", "plan", "node", "edge", "ports", "store", "io",
             "drivers", "api", "runtime", "runtime/edge", "cli"},
}

# What deciding folders must not touch: clocks, randomness, files, sockets, threads, logging, and
# iteration in an order that differs from run to run.
FORBIDDEN_IN_PURE = re.compile(
    r"_clock::now|clock_gettime|"
    r"#include <(random|thread|mutex|condition_variable|fstream|filesystem|iostream|"
    r"sys/|unistd|fcntl|netinet|ctime|time\.h|spdlog|unordered_)|std::unordered_|\bstd::cout\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def room_of(path: str) -> str:
    if path.startswith("runtime/edge/"):
        return "runtime/edge"
    return path.split("/", 1)[0]


def is_test(path: str) -> bool:
    return path.endswith(("_test.cc", "_bench.cc", "_fuzz.cc", "_testing.h")) or "/testing/" in path


def findings(files: dict[str, str]) -> list[str]:
    found = []
    for path, text in sorted(files.items()):
        room = room_of(path)
        if room not in ALLOWED:
            found.append(f"src/{path}: the folder {room} has no rule in tools/check_includes.py")
            continue
        for target in INCLUDE.findall(text):
            other = room_of(target)
            if other not in ALLOWED:
                found.append(f'src/{path}: includes "{target}", which is not below src/')
            elif other != room and other not in ALLOWED[room] and not is_test(path):
                found.append(f"src/{path}: {room} must not include {other} ({target})")
        if room in PURE and not is_test(path):
            for match in FORBIDDEN_IN_PURE.finditer(text):
                found.append(f"src/{path}: {room} decides and is pure; it has {match.group(0)}")
    return found


def self_test() -> int:
    bad = {
        "plan/a.cc": '#include "node/node.h"\n',
        "edge/b.cc": "auto t = std::chrono::steady_clock::now();\n",
        "model/c.cc": "#include <unordered_map>\n",
        "nowhere/d.cc": "",
    }
    good = {"plan/a.cc": '#include "model/world.h"\n', "main/m.cc": '#include "io/file/files.h"\n'}
    if len(findings(bad)) != 4 or findings(good):
        print("self-test failed:", findings(bad), findings(good))
        return 1
    return 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    source = pathlib.Path(__file__).resolve().parent.parent / "src"
    files = {str(p.relative_to(source)): p.read_text(encoding="utf-8")
             for p in source.rglob("*") if p.suffix in (".h", ".cc")}
    found = findings(files)
    print("\n".join(found) if found else f"include graph: {len(files)} files keep to their rooms")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
